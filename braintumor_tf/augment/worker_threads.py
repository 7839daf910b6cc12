"""The threads that fill a batch."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_executor: ThreadPoolExecutor | None = None
_executor_lock = threading.Lock()


def available_cores() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def for_each(count: int, work: Callable[[int], None], threads: int) -> None:
    """Calls ``work(0) … work(count - 1)``, in this thread and in up to ``threads - 1`` helpers.

    The work should spend its time where the interpreter's lock is released (OpenCV, NumPy). Helpers that are busy
    elsewhere are not waited for.

    Args:
        count: how many calls.
        work: what is called with a number.
        threads: how many threads work at once, this one among them.

    Raises:
        Exception: the first one that `work` raised in this thread or a helper.

    Example:
        >>> squares = [0] * 5
        >>> for_each(5, lambda number: squares.__setitem__(number, number**2), threads=2)
        >>> squares
        [0, 1, 4, 9, 16]
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
