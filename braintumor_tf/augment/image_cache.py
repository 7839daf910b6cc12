"""Decoded images, kept in memory up to a budget and beyond it in a memory-mapped file."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import weakref
from pathlib import Path

import numpy as np

from braintumor_tf.files import naming_unwritten

CACHE_BYTES = 1 << 30
"""The memory that decoded images of one iterator take at most, unless told otherwise: 1 GiB (about 21,000 grey images
or 7,000 colour images of 224 by 224)."""


class ImageCache:
    """Arrays under numbers 0..count - 1: written once, in any order and from several threads, then only read.

    Args:
        count: how many arrays there will be.
        memory_bytes: arrays are kept in memory until together they would take more than this; the rest goes to disk.
        folder: where the file is made; None for the system's folder for temporary files.

    Attributes:
        memory_used: bytes in memory so far.
        disk_used: bytes in the file so far.

    Example:
        >>> cache = ImageCache(2, memory_bytes=16)
        >>> for number in range(2):
        ...     cache.put(number, np.full((4, 4), number, np.uint8))
        >>> cache.freeze()
        >>> cache.memory_used, cache.disk_used, int(cache.get(1)[0, 0])
        (16, 64, 1)
    """

    def __init__(self, count: int, *, memory_bytes: int = CACHE_BYTES, folder: str | Path | None = None):
        self.memory_bytes = memory_bytes
        self.memory_used = 0
        self.disk_used = 0
        self._folder = folder
        self._arrays: list[np.ndarray | None] = [None] * count
        self._places: dict[int, tuple[int, np.dtype, tuple[int, ...]]] = {}
        self._lock = threading.Lock()
        self._file: int | None = None
        self._path: str | None = None

    def put(self, number: int, array: np.ndarray) -> None:
        """Keeps an array.

        Raises:
            OSError: the disk is full or cannot be written to.
        """
        with self._lock:
            if self.memory_used + array.nbytes <= self.memory_bytes:
                self.memory_used += array.nbytes
                self._arrays[number] = np.ascontiguousarray(array)
                return
            place = self.disk_used
            self.disk_used += (array.nbytes + 63) // 64 * 64
            if self._file is None:
                self._open()
            self._write(np.ascontiguousarray(array), place)
            self._places[number] = (place, array.dtype, array.shape)

    def keep(self, number: int, array: np.ndarray) -> None:
        """Keeps an array that is not there yet, if there is room in memory; may be called at any time."""
        with self._lock:
            if self._arrays[number] is None and self.memory_used + array.nbytes <= self.memory_bytes:
                self.memory_used += array.nbytes
                self._arrays[number] = np.ascontiguousarray(array)

    def freeze(self) -> None:
        """Ends writing: maps the file, if there is one, into memory."""
        if self._file is None:
            return
        os.ftruncate(self._file, self.disk_used)
        mapped = np.memmap(self._path, dtype=np.uint8, mode="r", shape=(self.disk_used,))
        for number, (place, dtype, shape) in self._places.items():
            size = int(np.prod(shape)) * dtype.itemsize
            self._arrays[number] = mapped[place : place + size].view(dtype).reshape(shape).view(np.ndarray)
        self._places.clear()
        os.close(self._file)
        self._file = None

    def get(self, number: int) -> np.ndarray | None:
        """Returns an array, which must not be changed, or None where none was put."""
        return self._arrays[number]

    def _open(self) -> None:
        self._file, self._path = tempfile.mkstemp(prefix="braintumor_tf_", suffix=".images", dir=self._folder)
        weakref.finalize(self, _remove, self._path)

    def _write(self, array: np.ndarray, place: int) -> None:
        data = memoryview(array).cast("B")
        os.lseek(self._file, place, os.SEEK_SET)
        with naming_unwritten(self._path):
            while data:
                data = data[os.write(self._file, data) :]


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        Path(path).unlink()
