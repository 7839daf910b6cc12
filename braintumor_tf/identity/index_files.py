"""The file of an index: facts and rows as text, descriptors as arrays of whole numbers, in one ``.npz``."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.errors import DatasetError
from braintumor_tf.files import atomic_path
from braintumor_tf.identity.descriptors import PRINT, WAVES, Descriptors
from braintumor_tf.matching.polar_maps import VARIANTS

FORMAT = "braintumor_tf origin index"
VERSION = 1
"""Raised whenever descriptors mean something else: those of another version cannot be compared."""

FACTS = ("origin", "credit", "licence", "url")

_SHAPES = {
    "prints": ((VARIANTS, PRINT // 2), np.uint8),
    "waves": ((WAVES // 2,), np.uint8),
    "circles": ((VARIANTS, 3), np.float16),
    "shapes": ((2,), np.uint8),
}


def write_index_file(path: str | Path, facts: dict[str, str], rows: pd.DataFrame, descriptors: Descriptors) -> Path:
    """Writes the parts of an index to one file, atomically; the same parts give the same bytes."""
    path = Path(path)
    if path.suffix != ".npz":
        raise DatasetError(f"{path}: an index is an .npz file; give a name that ends in .npz")
    head = json.dumps({"format": FORMAT, "version": VERSION, **facts}, ensure_ascii=False, sort_keys=True)
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            facts=_as_bytes(head),
            rows=_as_bytes(rows.to_csv(index=False, lineterminator="\n")),
            **descriptors._asdict(),
        )
    return path


def read_index_file(path: str | Path, columns: tuple[str, ...]) -> tuple[dict[str, str], pd.DataFrame, Descriptors]:
    """Reads the parts of an index and checks that they fit together.

    Raises:
        DatasetError: the file is missing, damaged, of another kind or version, or its parts do not fit together.
    """
    path = Path(path)
    if path.is_dir():
        raise DatasetError(f"{path}: is a folder, not an index; give the .npz file that `datasets index` wrote")
    if not path.is_file():
        raise DatasetError(
            f"{path}: no such file; make an index of your images with `braintumor-tf datasets index DIR --out {path}`"
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ("facts", "rows", *_SHAPES)}
        head = json.loads(bytes(arrays["facts"]).decode())
        text = bytes(arrays["rows"]).decode()
        rows = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise DatasetError(f"{path}: damaged, or no index of pictures ({_one_line(error)}); make it again") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise DatasetError(f"{path}: no index of pictures; give a file that braintumor_tf.identity.write_index wrote")
    if head.get("version") != VERSION:
        raise DatasetError(
            f"{path}: an index of version {head.get('version')}, this package reads {VERSION}; make it again"
        )
    missing = [name for name in FACTS if not isinstance(head.get(name), str)]
    wrong = [name for name in columns if name not in rows] + missing
    for name, (shape, kind) in _SHAPES.items():
        if arrays[name].shape != (len(rows), *shape) or arrays[name].dtype != kind:
            wrong.append(name)
    if wrong:
        raise DatasetError(f"{path}: damaged index, its {', '.join(wrong)} is missing or does not fit; make it again")
    facts = {name: head[name] for name in FACTS}
    return facts, rows[list(columns)], Descriptors(**{name: arrays[name] for name in _SHAPES})


def _as_bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
