"""The index of published pictures: facts and descriptors, made of a manifest, written, read, and shipped."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.datasets.manifest import thumbnails_and_pictures
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity.descriptors import Descriptors, joined, make_descriptors
from braintumor_tf.identity.index_files import read_index_file, write_index_file
from braintumor_tf.identity.lesion_boxes import format_box, parse_box
from braintumor_tf.matching.polar_maps import measure

ROWS = ("origin_id", "patient", "visit", "label", "lesion_box")
"""The columns that say what is known of a published picture; all text, "" where unknown."""


@dataclass(frozen=True)
class OriginIndex:
    """The pictures of one published set.

    Attributes:
        origin: a short name of the set, such as ``"figshare"``.
        credit: who made it.
        licence: under which it is published.
        url: its page.
        rows: one row a picture with the columns `ROWS`; ``lesion_box`` is "x y width height", middle and size in
            shares of the picture.
        descriptors: what its copies are found by, in the order of `rows`.
    """

    origin: str
    credit: str
    licence: str
    url: str
    rows: pd.DataFrame
    descriptors: Descriptors

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def hash(self) -> str:
        """The first 16 hex digits of a SHA-256 over all that the index holds."""
        facts = [self.origin, self.credit, self.licence, self.url]
        digest = hashlib.sha256(json.dumps(facts).encode())
        digest.update(self.rows[list(ROWS)].to_csv(index=False, lineterminator="\n").encode())
        for name, array in self.descriptors._asdict().items():
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def to_dict(self) -> dict[str, object]:
        """Returns what the index says of itself, without its rows."""
        return {
            "origin": self.origin,
            "credit": self.credit,
            "licence": self.licence,
            "url": self.url,
            "pictures": len(self),
            "patients": int(self.rows.loc[self.rows["patient"] != "", "patient"].nunique()),
        }


def make_index(
    manifest: pd.DataFrame,
    *,
    origin: str,
    credit: str,
    licence: str,
    url: str = "",
    show_progress: bool = True,
) -> OriginIndex:
    """Makes the index of a set of pictures.

    Args:
        manifest: one row an image. Read where it has them: ``origin_id``, ``patient``, ``visit``, ``label``,
            ``lesion_box``. Without an ``origin_id`` a picture has its file's name without the ending, with its
            folders where names repeat.
        origin: a short name of the set: letters, digits, ``-`` and ``_``.
        credit: who made it.
        licence: under which it may be used.
        url: its page.
        show_progress: a progress bar where images must be read again.

    Raises:
        DatasetError: no images, a name that cannot be one, two pictures of one number, or a lesion box that is none.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from braintumor_tf.datasets import scan, write_synthetic
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_synthetic(f"{folder}/set", patients_per_class=1, image_size=64, show_progress=False)
        ...     manifest = scan(f"{folder}/set", cache=False).manifest
        ...     index = make_index(manifest, origin="mine", credit="me", licence="CC0")
        >>> index.origin, len(index) == len(manifest)
        ('mine', True)
    """
    if not origin.replace("-", "").replace("_", "").isalnum():
        raise DatasetError(f"origin {origin!r} is no name of an index; use letters, digits, - and _")
    if not len(manifest):
        raise DatasetError(f"{origin}: no images to make an index of; give a manifest with images")
    rows = pd.DataFrame({name: _text(manifest, name) for name in ROWS})
    rows["origin_id"] = rows["origin_id"].where(rows["origin_id"] != "", _names(list(manifest["path"])))
    twice = rows["origin_id"].duplicated()
    if twice.any():
        raise DatasetError(
            f"{origin}: two pictures are called {rows.loc[twice, 'origin_id'].iloc[0]!r}; "
            "give each its own origin_id in a CSV of path, label and origin_id"
        )
    rows["lesion_box"] = [_checked_box(origin, *pair) for pair in zip(rows["origin_id"], rows["lesion_box"])]
    _, pictures = thumbnails_and_pictures(manifest, show_progress=show_progress)
    measured = measure(pictures, manifest[["height", "width"]].to_numpy())
    return OriginIndex(origin, credit, licence, url, rows, make_descriptors(measured, pictures))


def write_index(path: str | Path, index: OriginIndex) -> Path:
    """Writes an index as one ``.npz`` file, atomically, and returns the path; `read_index` reads it."""
    facts = {name: getattr(index, name) for name in ("origin", "credit", "licence", "url")}
    return write_index_file(path, facts, index.rows[list(ROWS)], index.descriptors)


def read_index(path: str | Path) -> OriginIndex:
    """Reads an index that `write_index` wrote.

    Raises:
        DatasetError: the file is missing, damaged, of another kind or version, or its parts do not fit together.

    Example:
        >>> index = read_index(shipped_files()[-1])
        >>> index.origin, index.licence, list(index.rows.columns)
        ('figshare', 'CC BY 4.0', ['origin_id', 'patient', 'visit', 'label', 'lesion_box'])
    """
    facts, rows, descriptors = read_index_file(path, ROWS)
    for number, box in zip(rows["origin_id"], rows["lesion_box"]):
        _checked_box(str(path), number, box)
    return OriginIndex(**facts, rows=rows, descriptors=descriptors)


def shipped_files() -> list[Path]:
    """Returns the files of the index that comes with the package, sorted."""
    folder = Path(str(files("braintumor_tf.identity").joinpath("tables")))
    return sorted(folder.glob("*.npz"))


@cache
def shipped_indexes() -> tuple[OriginIndex, ...]:
    """Returns the indexes that come with the package, one a published set, read once.

    Example:
        >>> {index.origin: len(index) for index in shipped_indexes()}
        {'br35h': 2201, 'figshare': 3064}
    """
    parts: dict[str, list[OriginIndex]] = {}
    for path in shipped_files():
        part = read_index(path)
        parts.setdefault(part.origin, []).append(part)
    return tuple(_whole(same) for same in parts.values())


def _whole(parts: list[OriginIndex]) -> OriginIndex:
    first = parts[0]
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    descriptors = joined([part.descriptors for part in parts])
    return OriginIndex(first.origin, first.credit, first.licence, first.url, rows, descriptors)


def _names(paths: list[str]) -> list[str]:
    """The files' names without endings; with their folders below the common one where names repeat."""
    names = [Path(path).stem for path in paths]
    if len(set(names)) == len(names):
        return names
    common = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [Path(path).relative_to(common).with_suffix("").as_posix() for path in paths]


def _text(manifest: pd.DataFrame, name: str) -> np.ndarray:
    if name not in manifest:
        return np.full(len(manifest), "", dtype=object)
    values = manifest[name].astype(object)
    return values.where(values.notna(), "").astype(str).to_numpy(dtype=object)


def _checked_box(where: str, number: str, text: str) -> str:
    try:
        box = parse_box(text)
    except ValueError as error:
        raise DatasetError(f"{where}: picture {number}: {error}") from error
    return "" if box is None else format_box(box)
