"""Making batches: the threads that fill them, and memory that is used again."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

KEPT_BATCHES = 4
"""Buffers of batches that nobody uses any more are kept for the next batches, at most this many."""

_LOCAL = threading.local()

_executor: ThreadPoolExecutor | None = None
_executor_lock = threading.Lock()


def available_cores() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def for_each(count: int, work: Callable[[int], None], threads: int) -> None:
    """Calls ``work(0) … work(count - 1)``, in this thread and in up to ``threads - 1`` helpers.

    The work should spend its time where the interpreter's lock is released (OpenCV, NumPy). Helpers that are busy
    elsewhere are not waited for.

    Raises:
        Exception: the first one that `work` raised in this thread or a helper.
    """
    numbers = itertools.count()

    def run() -> None:
        while (number := next(numbers)) < count:
            work(number)

    helpers = [_pool().submit(run) for _ in range(min(threads, count) - 1)]
    try:
        run()
    finally:
        started = [helper for helper in helpers if not helper.cancel()]
        errors = [helper.exception() for helper in started]
    for error in errors:
        if error is not None:
            raise error


def _pool() -> ThreadPoolExecutor:
    global _executor
    with _executor_lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(max(1, available_cores()), thread_name_prefix="braintumor_tf_batches")
        return _executor


def _forget_pool() -> None:
    global _executor, _executor_lock
    _executor, _executor_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)  # a forked worker has none of its parent's threads


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
        address, read_only = block.ctypes.data, False
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(shape),
            "typestr": dtype.str,
            "data": (address, read_only),
        }


class BatchMemory:
    """Hands out arrays whose memory comes back, to be handed out again, once nothing refers to them any more.

    Fresh memory of the size of a batch costs more time than filling it: the system has to clear every page. An array
    handed out is the caller's for as long as it, or any view of it, is alive.
    """

    def __init__(self, kept: int = KEPT_BATCHES):
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
