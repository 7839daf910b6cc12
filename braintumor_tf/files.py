"""Writing files so that an interruption never leaves half of one."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import json
import math
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.errors import UnwrittenFile

DOWNLOAD_TIMEOUT = (5.0, 30.0)
"""Seconds to wait for a connection and for the next bytes."""

_NAMES = ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "EACCES", "EPERM", "ENAMETOOLONG", "EMFILE", "ENFILE")
_UNWRITABLE = {getattr(errno, name) for name in _NAMES if hasattr(errno, name)}
"""The system's errors that say that a file cannot be written; others in a block of `atomic_path` are of its content."""

_OPEN: set[Path] = set()


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`, with the same suffix, and renames it to `path` when the block ends well.

    Parent folders are made. If the block raises (a full disk, Ctrl-C), the temporary file is removed
    and whatever stood at `path` before is untouched.

    Args:
        path: the file to write.

    Yields:
        The temporary path to write to.

    Raises:
        UnwrittenFile: the disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    _OPEN.add(temporary)
    with naming_unwritten(path, temporary):
        try:
            yield temporary
            os.replace(temporary, path)
        except BaseException:
            _remove(temporary)
            raise
        finally:
            _OPEN.discard(temporary)


@contextlib.contextmanager
def naming_unwritten(path: str | Path, temporary: Path | None = None) -> Iterator[None]:
    """Names the file or folder that a block writes, where the disk is full or cannot be written to.

    Args:
        path: what the block writes.
        temporary: the name that it has until it is whole.

    Raises:
        UnwrittenFile: in place of the system's error, which names no file.
    """
    try:
        yield
    except UnwrittenFile as error:
        if temporary is None or error.path != str(temporary):
            raise
        raise UnwrittenFile(path, error.reason) from error
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise UnwrittenFile(path, os.strerror(error.errno)) from error


def remove_open_files() -> None:
    """Removes what blocks of `atomic_path` have written so far, for a process that ends without leaving them."""
    for path in tuple(_OPEN):
        _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def printable(text: str) -> str:
    r"""Returns a text that UTF-8 can hold: a byte of a file name that is none is written as ``\udc`` and two digits.

    `restored` undoes it.

    Example:
        >>> printable(os.fsdecode(b"slice_\xff.png"))
        'slice_\\udcff.png'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def restored(text: str) -> str:
    r"""Returns the text that `printable` was given, as a path needs it.

    Example:
        >>> os.fsencode(restored(r"slice_\udcff.png"))
        b'slice_\xff.png'
    """
    return re.sub(r"\\udc[89a-f][0-9a-f]", lambda found: chr(int(found[0][2:], 16)), text)


def write_text(path: str | Path, text: str) -> Path:
    """Writes `text` to `path` in UTF-8, atomically, and returns the path; what UTF-8 cannot hold as by `printable`."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    return Path(path)


def write_json(path: str | Path, value: Any) -> Path:
    """Writes `value` as indented JSON, atomically; NumPy scalars become numbers and NaN becomes null."""
    return write_text(path, to_json(value) + "\n")


def write_csv(path: str | Path, frame: pd.DataFrame) -> Path:
    """Writes a table as CSV without its index, atomically, and returns the path; texts as by `write_text`."""
    texts = frame.select_dtypes(exclude="number")
    returns = any(texts[name].astype(str).str.contains("\r", regex=False).any() for name in texts)
    quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL  # which alone leaves a carriage return unquoted
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, errors="backslashreplace", quoting=quoting)
    return Path(path)


def to_json(value: Any) -> str:
    """Returns `value` as indented strict JSON (no NaN), accepting NumPy scalars, arrays and paths."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def comparable_json(value: Any) -> str:
    """Returns `to_json` without the addresses of functions, so that settings can be compared between processes."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", to_json(value))


def remove_leftovers(folder: str | Path) -> None:
    """Removes the temporary files of `atomic_path` that a killed process has left in a folder."""
    for path in Path(folder).glob(".*"):
        if re.fullmatch(r"\..+\.[0-9a-f]{8}(\.\w+)?", path.name) and path.is_file():
            path.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def file_hash(path: str | Path, algorithm: str) -> str:
    """Returns the hexadecimal hash of a file: ``"md5"`` or ``"sha256"``."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
