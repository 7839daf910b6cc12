"""Memory that is used again: of batches that nobody refers to any more, and of one image at work in a thread."""

from __future__ import annotations

import threading
import weakref

import numpy as np

KEPT_BATCHES = 4
"""Buffers of batches that nobody uses any more are kept for the next batches, at most this many."""

_LOCAL = threading.local()


def scratch(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns this thread's float32 array of a name and shape, with whatever it held when it was last used.

    It must not leave the function that makes one image: the next image overwrites it.
    """
    arrays = _LOCAL.__dict__.setdefault("arrays", {})
    array = arrays.get(name)
    if array is None or array.shape != shape:
        array = arrays[name] = np.empty(shape, np.float32)
    return array


class _Loan:
    """Lends memory to an array: NumPy keeps it as the base of the array and of all its views, and it outlives them."""

    def __init__(self, block: np.ndarray, shape: tuple[int, ...], dtype: np.dtype):
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(shape),
            "typestr": dtype.str,
            "data": (block.ctypes.data, False),  # the address, and that it may be written to
        }


class BatchMemory:
    """Hands out arrays whose memory comes back, to be handed out again, once nothing refers to them any more.

    Fresh memory of the size of a batch costs more time than filling it. An array that was handed out is the caller's
    for as long as it, or any view of it, is alive.

    Args:
        kept: how many blocks of memory wait at most to be handed out again.

    Example:
        >>> memory = BatchMemory()
        >>> batch = memory.empty((2, 4, 4, 1), "float32")
        >>> address = batch.ctypes.data
        >>> del batch
        >>> memory.empty((2, 4, 4, 1), "float32").ctypes.data == address
        True
    """

    def __init__(self, *, kept: int = KEPT_BATCHES):
        self.kept = kept
        self._free: list[np.ndarray] = []
        self._lock = threading.RLock()  # a finaliser may run in the thread that holds it

    def empty(self, shape: tuple[int, ...], dtype: np.dtype | str) -> np.ndarray:
        """Returns an array with undefined contents."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        with self._lock:
            fitting = next((index for index, block in enumerate(self._free) if block.nbytes >= size), None)
            block = np.empty(max(size, 1), np.uint8) if fitting is None else self._free.pop(fitting)
        loan = _Loan(block, shape, np.dtype(dtype))
        weakref.finalize(loan, self._take_back, block).atexit = False
        return np.asarray(loan)

    def _take_back(self, block: np.ndarray) -> None:
        with self._lock:
            if len(self._free) < self.kept:
                self._free.append(block)
