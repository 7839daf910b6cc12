"""The bytes of a regular file."""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from braintumor_tf.errors import ImageNotFound, ImageReadError, ImageResourceError

MAX_BYTES = 2_000_000_000
"""Files with more bytes than this are refused before they are read; no image of `MAX_PIXELS` needs as many."""

_SHORTAGES = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN)


def read_bytes(path: str | Path) -> bytes:
    """Reads a regular file; a pipe or a device would block or never end, so it is refused before it is opened.

    Raises:
        ImageNotFound: the path is missing.
        ImageReadError: it is no regular file, larger than `MAX_BYTES`, or may not be read.
        ImageResourceError: memory or open files are short; the file may be sound.
    """
    with _named_errors(path):
        _check_regular(path)
        return Path(path).read_bytes()


@contextlib.contextmanager
def open_regular(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a regular file.

    Raises:
        ImageReadError: as `read_bytes`.
    """
    with _named_errors(path):
        _check_regular(path)
        file = Path(path).open("rb")  # noqa: SIM115 (what is raised while it is used has its own words)
    with file:
        yield file


def _check_regular(path: str | Path) -> None:
    status = Path(path).stat()
    if stat.S_ISDIR(status.st_mode):
        raise ImageReadError(path, "a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise ImageReadError(path, "not a regular file (a pipe, a socket or a device)")
    if status.st_size > MAX_BYTES:
        raise ImageReadError(path, f"too large ({status.st_size:,} bytes; at most {MAX_BYTES:,})")


@contextlib.contextmanager
def _named_errors(path: str | Path) -> Iterator[None]:
    try:
        yield
    except ImageReadError:
        raise
    except MemoryError as error:
        raise ImageResourceError(path, "not enough memory to read it") from error
    except OSError as error:
        raise _kind(error)(path, _os_reason(path, error)) from error
    except ValueError as error:  # a NUL character in the name
        raise ImageReadError(path, f"not a file name ({error})") from error


def _kind(error: OSError) -> type[ImageReadError]:
    if isinstance(error, FileNotFoundError):
        return ImageNotFound
    return ImageResourceError if error.errno in _SHORTAGES else ImageReadError


def _os_reason(path: str | Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link to a file that is not there" if Path(path).is_symlink() else "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return error.strerror or type(error).__name__
