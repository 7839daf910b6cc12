"""Whether image files still are what the manifest describes: their MD5 is compared whenever they are used."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from braintumor_tf.datasets.descriptions import content_hash
from braintumor_tf.datasets.formats.medical.content import read_content
from braintumor_tf.datasets.formats.medical.table import file_of
from braintumor_tf.errors import ImageReadError
from braintumor_tf.progress import progress_bar

CHANGED = "its content is no longer that of the manifest; put the file back, or scan the folder again"

SPLITS = ("train", "validation", "test")

_known: dict[str, tuple[int, int, str]] = {}
"""Size, modification time and MD5 of the files that `check_contents` has read in this process."""


def known_hashes(rows: pd.DataFrame) -> list[str]:
    """Returns the MD5 of each row's file, empty where the table does not know it."""
    return rows["md5"].tolist() if "md5" in rows else [""] * len(rows)


def read_unchanged(path: str | Path, md5: str) -> bytes:
    """Reads an image file that the manifest knows.

    Args:
        path: the file.
        md5: of its bytes, 32 hex digits; empty where it is not known, and then nothing is compared.

    Raises:
        ImageReadError: the file is missing or cannot be read, or has another content.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "a.png")
        ...     _ = file.write_bytes(b"pixels")
        ...     read_unchanged(file, "d5c2ff0f5d80a0dd28fca9b1ea1b2ee7")
        Traceback (most recent call last):
        braintumor_tf.errors.ImageReadError: ...a.png: its content is no longer that of the manifest; put the file ...
    """
    data = read_content(path).data
    if md5 and content_hash(data) != md5:
        raise ImageReadError(path, CHANGED)
    return data


def check_contents(
    manifest: pd.DataFrame, *, splits: Iterable[str] | None = SPLITS, show_progress: bool = True
) -> None:
    """Reads the files of a manifest and refuses the first that is not what the manifest describes.

    A file that was read before in this process is not read again while its size and its modification time stay.

    Args:
        manifest: one row an image.
        splits: whose images are read; None for all.
        show_progress: a progress bar where it takes over two seconds.

    Raises:
        ImageReadError: a file is missing or has another content; the text names the first one.
    """
    rows = manifest if splits is None else manifest[manifest["split"].isin(list(splits))]
    files = list(dict.fromkeys(zip(rows["path"].map(str), known_hashes(rows))))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            for _ in progress_bar(pool.map(_check, files), "Checking images", total=len(files), show=show_progress):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _check(file: tuple[str, str]) -> None:
    path, md5 = file
    if not md5:
        return
    before = _status(path)
    if before is None or _known.get(path) != (*before, md5):
        read_unchanged(path, md5)
        if before is not None and _status(path) == before:
            _known[path] = (*before, md5)


def _status(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file_of(path))
    except (OSError, ValueError):  # reading it says what is wrong
        return None
    return status.st_size, status.st_mtime_ns
