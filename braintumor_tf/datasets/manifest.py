"""The manifest: one row an image, made from a labelled folder or a CSV."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.datasets.cache import DescriptionCache, cache_directory
from braintumor_tf.datasets.descriptions import PICTURE_SIZE, THUMBNAIL_SIZE, Description, content_hash, describe
from braintumor_tf.datasets.formats.medical.content import read_content
from braintumor_tf.datasets.formats.medical.table import file_of
from braintumor_tf.datasets.layouts import (
    IDENTITY,
    Layout,
    patient_of_group,
    read_folder,
    read_listing,
    read_table,
    unlisted_images,
)
from braintumor_tf.datasets.layouts.tree import refuse_file
from braintumor_tf.datasets.reading import first_pages
from braintumor_tf.datasets.scan_result import Scan, check_readable, named_paths
from braintumor_tf.errors import DatasetError, ImageReadError
from braintumor_tf.files import restored, write_csv
from braintumor_tf.progress import progress_bar

_FIRST = ("path", "label", "split", "source", "width", "height", "md5", "pixel_hash", "phash", "group")

COLUMNS = (*_FIRST, *IDENTITY)
"""The columns of a manifest, in order; all but ``width`` and ``height`` are text, empty where unknown.

``path, label, split, source, width, height, md5, pixel_hash, phash`` describe the file. ``group`` is what a split never
divides. ``patient`` is who is shown, as the data set says or, where it says nothing, as the picture's origin does.
``origin`` and ``origin_id`` name the published picture that an image is a copy of, ``pose`` says how it lies to it,
``origin_label`` is the label there, ``origin_patient`` the patient there. ``lesion_box`` is ``x y width height``:
centre and size of a lesion's box as shares of this image.
"""

LISTING = "manifest.csv"
"""The list of its images that a data set's own folder may hold."""

_BATCH = 256


def scan(
    root: str | Path,
    *,
    source: str = "",
    strict: bool = False,
    cache: bool = True,
    workers: int | None = None,
    show_progress: bool = True,
    ignore: Collection[str] = (),
    label_from: int | None = None,
    labels: Mapping[str, str] | None = None,
    patients: bool = False,
    unlabelled: bool = False,
    slices: str | int = "middle",
    plane: str = "axial",
    keep_patient_ids: bool = False,
) -> Scan:
    """Describes every image of a labelled folder or CSV.

    A folder is laid out as ``class/…`` or ``split/class/…`` (``Training``, ``val``, ``test_data`` and the other usual
    names). Every file that is seen is used or named with the reason. Where the names of folders can be read in two
    ways, such as ``pred`` beside ``yes`` and ``no``, the folder is refused with both ways; `ignore` and `label_from`
    choose one. Files and folders whose name starts with ``.``, and folders whose name starts with ``_``, are hidden.
    A volume gives rows of its slices (``brain.nii.gz#81``). MATLAB files of figshare tell their class
    themselves. A CSV has the columns ``path`` (absolute, or relative to the CSV) and ``label``, and may have ``split``,
    ``patient``, ``group``, ``source``, the box of a lesion (``box_x, box_y, box_width, box_height``: centre and size
    as shares of the picture), and the other columns of a manifest that say who is in a picture. A folder that holds a
    manifest of its images, `LISTING`, as ``datasets merge`` writes it, is read by that.

    Args:
        root: the folder or the CSV file.
        source: the name of the data set in the manifest; by default what a CSV's column says, else the name of the
            folder or the CSV. Equal patients of one source are one person, those of two sources are two.
        strict: raise at the first sight of unreadable files, instead of listing them.
        cache: keep descriptions in `cache_directory`, so that the next scan decodes nothing.
        workers: threads that decode; as many as there are cores by default.
        show_progress: a progress bar for scans over two seconds.
        ignore: patterns, as in a shell, of folders and files to leave out: ``["pred", "*_mask.png"]``. A pattern with
            ``/`` is compared with the path below `root`, any other one with each name.
        label_from: which folder names the class, whatever it is called: 1 is the first below `root`, 2 the next, -1 the
            one that holds the image. None tells it by the names.
        labels: the label of a class folder whose name alone does not tell it, such as ``{"0": "no_idc"}``.
        patients: True where the folder above the class folder is a patient.
        unlabelled: also take images that no class folder or column gives a label; it is "" then.
        slices: which slices of a volume become rows: ``"middle"``, ``"all"`` that show the head, or a number of them.
        plane: ``"axial"``, ``"coronal"`` or ``"sagittal"``.
        keep_patient_ids: True keeps the patients' ids of DICOM files as they are, instead of pseudonyms.

    Returns:
        The manifest sorted by path, the files that could not be read, what else was not used, and notes.

    Raises:
        DatasetError: the folder is missing, holds no labelled image, or can be read in two ways; the CSV is none, lacks
            a column, or says two things of one image; or `strict` met bad files.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> with TemporaryDirectory() as folder:
        ...     Path(folder, "train", "glioma").mkdir(parents=True)
        ...     Image.new("L", (64, 48)).save(Path(folder, "train", "glioma", "1.png"))
        ...     found = scan(folder, cache=False)
        >>> found.manifest[["label", "split", "width", "height"]].values.tolist()
        [['glioma', 'train', 64, 48]]
    """
    root = Path(os.path.abspath(Path(root).expanduser()))
    by_list = _is_manifest(root / LISTING)
    root = root / LISTING if by_list else root
    layout = Layout(
        ignore=ignore, label_from=label_from, labels=labels or {}, patients=patients, unlabelled=unlabelled,
        slices=slices, plane=plane, keep_patient_ids=keep_patient_ids,
    )  # fmt: skip
    if root.is_file():
        refuse_file(root)
    listing = read_listing(root, layout) if root.is_file() else read_folder(root, layout)
    folder = root.parent if root.is_file() else root
    others = unlisted_images(folder, listing, layout) if by_list else []
    paths = [row["path"] for row in listing.rows]
    descriptions = dict(_describe_all(paths, folder, cache, workers, show_progress))
    good, bad = [], list(listing.unreadable)
    for row in listing.rows:
        found = descriptions[row["path"]]
        if found.error:
            bad.append((row["path"], found.error))
            continue
        described = {key: getattr(found, key) for key in ("width", "height", "md5", "pixel_hash", "phash")}
        named = {"source": source or row.get("source") or root.stem}
        good.append({**dict.fromkeys(COLUMNS, ""), **row, **named, **described})
    unreadable = named_paths(bad)
    check_readable(root, good, unreadable, strict)
    manifest = pd.DataFrame(good, columns=list(COLUMNS)).sort_values("path", ignore_index=True)
    pages = {row["path"]: found.pages for row in good if (found := descriptions[row["path"]]).pages > 1}
    notes = [*listing.notes, *([first_pages(pages)] if pages else [])]
    return Scan(manifest, unreadable, folder, named_paths([*listing.passed_over, *others]), tuple(notes))


def _is_manifest(path: Path) -> bool:
    """Whether a file is there that `write_manifest` wrote."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as lines:
        return lines.readline().strip() == ",".join(COLUMNS)


def write_manifest(path: str | Path, manifest: pd.DataFrame) -> Path:
    """Writes a manifest as CSV, atomically; a column of `COLUMNS` on patients and origins that it lacks is empty."""
    unknown = {name: "" for name in IDENTITY if name not in manifest}
    return write_csv(path, manifest.assign(**unknown)[list(COLUMNS)])


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Reads a manifest that `write_manifest` wrote, of this version or of an earlier one.

    Earlier versions had no columns on patients and origins, and called a patient's group ``patient:7``: that patient
    becomes ``7`` in the column `patient`, the other new columns are empty.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> made = pd.DataFrame([dict.fromkeys(COLUMNS, "") | {"path": "a.png", "width": 64, "height": 64}])
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_manifest(f"{folder}/manifest.csv", made)
        ...     read_manifest(f"{folder}/manifest.csv")["path"].tolist()
        ['a.png']

    Raises:
        DatasetError: the file is missing, lacks a column of a manifest, or a width or a height is no number.
    """
    frame = read_table(Path(path))
    missing = [column for column in _FIRST if column not in frame]
    if missing:
        raise DatasetError(f"{path}: not a manifest, it lacks the column {', '.join(missing)}")
    if "patient" not in frame:
        frame["patient"] = frame["group"].map(patient_of_group)
    frame = frame.assign(**{name: "" for name in IDENTITY if name not in frame})
    frame["path"] = frame["path"].map(restored)
    try:
        return frame[list(COLUMNS)].astype({"width": int, "height": int})
    except ValueError as error:
        raise DatasetError(f"{path}: not a manifest, a width or a height is no whole number ({error})") from error


def thumbnails(manifest: pd.DataFrame, *, show_progress: bool = True) -> np.ndarray:
    """Returns the grey thumbnails of a manifest's images.

    Args:
        manifest: one row an image.
        show_progress: a progress bar where images must be decoded for over two seconds.

    Returns:
        A uint8 array of shape ``(images, 64, 64)``, 0..255, in the manifest's order.

    Raises:
        ImageReadError: an image that is not in the cache can no longer be read.
    """
    return _small_images(manifest, ("thumbnail",), show_progress)[0]


def thumbnails_and_pictures(manifest: pd.DataFrame, *, show_progress: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Returns the thumbnails and the small grey pictures of a manifest's images, decoding each image once at most.

    Args:
        manifest: one row an image.
        show_progress: a progress bar where images must be decoded for over two seconds.

    Returns:
        Two uint8 arrays, 0..255, in the manifest's order: as `thumbnails` gives, and of shape ``(images, 96, 96)``.
        Both are squashed to squares.

    Raises:
        ImageReadError: an image that is not in the cache can no longer be read.
    """
    small, pictures = _small_images(manifest, ("thumbnail", "picture"), show_progress)
    return small, pictures


def _small_images(manifest: pd.DataFrame, names: tuple[str, ...], show_progress: bool) -> list[np.ndarray]:
    """The named fields of the descriptions, from the cache where it has them all."""
    with DescriptionCache(cache_directory()) as store:
        stored = {"thumbnail": store.thumbnails, "picture": store.pictures}
        known = [stored[name](manifest["md5"]) for name in names]
    complete = set.intersection(*map(set, known))
    missing = manifest.loc[~manifest["md5"].isin(complete)].drop_duplicates("md5")
    with DescriptionCache(None) as store, ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(partial(_describe_file, store=store), missing["path"])
        for path, description in zip(
            missing["path"], progress_bar(found, "Reading images", total=len(missing), show=show_progress)
        ):
            if description.error:
                raise ImageReadError(path, description.error)
            for pixels, name in zip(known, names):
                pixels[description.md5] = getattr(description, name)
    changed = [path for path, md5 in zip(manifest["path"], manifest["md5"]) if md5 not in known[0]]
    if changed:
        raise ImageReadError(changed[0], "its content is no longer that of the manifest; scan the folder again")
    sizes = {"thumbnail": THUMBNAIL_SIZE, "picture": PICTURE_SIZE}
    return [
        np.frombuffer(b"".join(map(pixels.get, manifest["md5"])), np.uint8).reshape(-1, sizes[name], sizes[name])
        for pixels, name in zip(known, names)
    ]


def _describe_all(
    paths: list[str], folder: Path, cache: bool, workers: int | None, show_progress: bool
) -> Iterator[tuple[str, Description]]:
    """Yields every path with its description, from the cache where its size and time have not changed."""
    with DescriptionCache(cache_directory() if cache else None) as store:
        known = store.files(folder)
        stats = {path: _size_and_time(path) for path in paths}
        contents = store.contents(known[path][2] for path in stats if path in known)
        new = []
        for path, status in stats.items():
            md5 = known[path][2] if path in known and known[path][:2] == status else ""
            if md5 in contents:
                yield path, contents[md5]
            else:
                new.append(path)
        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            bar = progress_bar(range(len(new)), "Reading images", show=show_progress)
            for start in range(0, len(new), _BATCH):
                batch = new[start : start + _BATCH]
                files, described = {}, []
                for path, description, _ in zip(batch, pool.map(partial(_describe_file, store=store), batch), bar):
                    if description.md5:
                        files[path] = (*stats[path], description.md5)
                        described.append(description)
                    yield path, description
                store.add(files, described)


def _size_and_time(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file_of(path))
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _describe_file(path: str, store: DescriptionCache) -> Description:
    try:
        data = read_content(path).data
    except ImageReadError as error:
        return Description("", error=error.reason)
    md5 = content_hash(data)
    return store.contents([md5]).get(md5) or describe(path, data)
