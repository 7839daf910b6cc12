"""The content of gzip files, as much as is needed and no more, kept for the slices that are read next."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import BinaryIO

from braintumor_tf.datasets.formats.memory import shortage
from braintumor_tf.errors import ImageDecodeError, ImageReadError, ImageResourceError

MAX_INFLATED = 1_000_000_000
"""Volumes with more bytes than this are not unpacked in memory."""

_MOST = 1032
"""No gzip file unpacks to more than this many times its size (RFC 1951)."""

_BEHIND = 1 << 16
"""Bytes behind the voxels that are unpacked too: MGH has a short footer there."""

_KEPT_BYTES = 500_000_000
_KEPT_FILES = 2

_lock = threading.Lock()
_kept: OrderedDict[Hashable, tuple[int, Future]] = OrderedDict()


def is_gzip(head: bytes) -> bool:
    """Whether a file's content begins as that of gzip does."""
    return head.startswith(b"\x1f\x8b\x08")


def first_bytes(path: str, file: BinaryIO, count: int) -> bytes:
    """Unpacks the first bytes of a gzip file; fewer where it holds fewer.

    Raises:
        ImageDecodeError: it is damaged before there.
    """
    file.seek(0)
    try:
        return gzip.GzipFile(fileobj=file).read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise ImageDecodeError(path, f"damaged or truncated file ({error})") from error


def inflate(path: str, file: BinaryIO, count: int) -> bytearray:
    """Unpacks so many bytes of a gzip file; what follows them is not unpacked.

    Args:
        path: the file, named in errors.
        file: opened for reading.
        count: bytes that are needed.

    Raises:
        ImageReadError: they are more than `MAX_INFLATED`.
        ImageDecodeError: the file holds fewer, or is damaged.
        ImageResourceError: memory is short.
    """
    if count > MAX_INFLATED:
        raise ImageReadError(path, f"too large ({count:,} bytes when unpacked, at most {MAX_INFLATED:,}); gunzip it")
    packed = file.seek(0, 2)
    if count > packed * _MOST:
        raise ImageDecodeError(
            path, f"truncated file ({packed:,} bytes of gzip cannot hold the {count:,} of its header)"
        )
    if short := shortage(2 * count):
        raise ImageResourceError(path, short)
    file.seek(0)
    try:
        found = bytearray(count)  # touched as it is filled
        with gzip.GzipFile(fileobj=file) as content:
            place = 0
            while place < count and (read := content.readinto(memoryview(found)[place:])):
                place += read
            content.read(_BEHIND)  # at the end of the content its checksum is compared
    except MemoryError as error:
        raise ImageResourceError(path, f"not enough memory to unpack it ({count:,} bytes)") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ImageDecodeError(path, f"damaged or truncated file ({error})") from error
    if place < count:
        raise ImageDecodeError(path, f"truncated file ({place:,} of {count:,} bytes when unpacked)")
    return found


def kept(key: Hashable, size: int, make: Callable[[], bytearray]) -> bytearray:
    """Returns what `make` makes, from memory where it was asked for lately; threads that ask at once wait for one.

    Args:
        key: tells the file and its state.
        size: bytes that it takes.
        make: called where nothing is kept; what it raises reaches all who wait, and is not kept.
    """
    with _lock:
        size, future = _kept.pop(key, None) or (size, None)
        mine = future is None
        future = future or Future()
        _kept[key] = size, future  # the last asked for is the last to go
        while len(_kept) > 1 and (len(_kept) > _KEPT_FILES or sum(each for each, _ in _kept.values()) > _KEPT_BYTES):
            _kept.popitem(last=False)
    if mine:
        try:
            future.set_result(make())
        except BaseException as error:
            with _lock:
                _kept.pop(key, None)
            future.set_exception(error)
    return future.result()
