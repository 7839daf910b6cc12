"""From files, folders and patterns to image files."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterable
from pathlib import Path

from braintumor_tf.datasets.formats import IMAGE_SUFFIXES, file_of
from braintumor_tf.datasets.formats.medical.chosen_slices import check_slices, choose_slices
from braintumor_tf.datasets.formats.medical.nifti import header_beside
from braintumor_tf.datasets.formats.medical.table import is_volume_name, medical_format
from braintumor_tf.errors import EvaluationError, ImageReadError
from braintumor_tf.experiments.predicting.series import find_series
from braintumor_tf.progress import progress_bar

_PATTERN = frozenset("*?[")


def image_paths(paths: Iterable[str | Path]) -> list[str]:
    """Returns the image files that files, folders and patterns stand for.

    A file is taken whatever its name ends with, and one that is not there stays in the list, so that its row can say
    so. A folder stands for all files below it that are named like images (`braintumor_tf.datasets.IMAGE_SUFFIXES`) or
    volumes, hidden ones left out. A pattern as shells have them (``*``, ``?``, ``[…]``, ``**`` for folders of any
    depth) stands for what it matches, folders again for their files.

    Args:
        paths: files, folders, patterns.

    Returns:
        Paths in the order given, those of a folder or pattern sorted; one that is named twice stands once.

    Raises:
        EvaluationError: a folder holds no file that is named like an image, a pattern matches nothing, or nothing is
            given.

    Example:
        >>> image_paths(["slice.png", "slice.png"])
        ['slice.png']
    """
    found: dict[str, None] = {}
    for path in map(os.fspath, paths):
        found.update(dict.fromkeys(_below(path)))
    if not found:
        raise EvaluationError("no image is given; give files, folders or patterns such as 'scans/*.png'")
    return list(found)


def slices_of(
    files: Iterable[str], slices: str | int, plane: str, *, show_progress: bool = True
) -> tuple[list[str], dict[str, str]]:
    """Replaces volumes by their slices, and joins the files of a series.

    Args:
        files: of images and volumes.
        slices: as for `choose_slices`.
        plane: as for `choose_slices`.
        show_progress: whether to show a bar.

    Returns:
        Paths of images and slices, in order, and the volume of each of these slices: its file, or the folder of a
        series of DICOM files (`find_series`). A volume that cannot be read stays in the list, so that its row can say
        so.

    Raises:
        DatasetError: `slices` or `plane` means nothing.
    """
    check_slices(slices, plane)
    found, volumes, files = [], {}, list(files)
    show = show_progress and any(map(is_volume_name, files))
    for path in progress_bar(files, "Looking for slices", total=len(files), show=show):
        chosen = [path]
        if is_volume_name(path):
            with contextlib.suppress(ImageReadError):
                chosen = choose_slices(path, slices, plane)[0]
                volumes |= dict.fromkeys(chosen, path) if chosen != [path] else {}
        found += chosen
    for series in find_series(path for path in found if path not in volumes):
        with contextlib.suppress(ImageReadError):
            chosen = series.chosen(slices)
            left = set(series.files)
            place = next(number for number, path in enumerate(found) if path in left)
            found[place:] = [*chosen, *(path for path in found[place:] if path not in left)]
            volumes |= dict.fromkeys(chosen, series.name)
    return found, volumes


def _below(path: str) -> list[str]:
    if Path(path).is_dir():
        return _in_folder(path)
    if os.path.lexists(file_of(path)) or not _PATTERN & set(path):
        return [path]
    matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 (a pattern may be absolute, which Path.glob refuses)
    files = [file for match in matches for file in (_named_like_images(match) if Path(match).is_dir() else [match])]
    if not files:
        raise EvaluationError(f"{path}: matches no file; quote a pattern so that the shell leaves it alone")
    return files


def _in_folder(folder: str) -> list[str]:
    files = _named_like_images(folder)
    if not files:
        endings = ", ".join(sorted(IMAGE_SUFFIXES))
        raise EvaluationError(f"{folder}: no file below this folder is named like an image ({endings})")
    return files


def _named_like_images(folder: str) -> list[str]:
    found = []
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [os.path.join(parent, name) for name in names if not name.startswith(".")]
        found += filter(_is_taken_for_an_image, paths)
    return sorted(path for path in found if header_beside(Path(path)) is None)


def _is_taken_for_an_image(path: str) -> bool:
    return Path(path).suffix.lower() in IMAGE_SUFFIXES or medical_format(path) is not None
