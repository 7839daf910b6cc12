"""Keeping freed memory, so that training does not ask the system for the same pages at every step."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import keras

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""


def keep_freed_memory() -> bool:
    """Tells glibc to keep memory that is freed for the next allocation, and returns whether that was possible.

    TensorFlow makes glibc give every freed block back to the system, so that each step has all of its pages cleared
    anew. The price of keeping them is that the process stays at its peak size.

    Nothing happens on systems without glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mapped = any(mallopt(_MMAP_THRESHOLD, size) for size in (1 << 30, 1 << 25))  # some versions allow 32 MiB at most
    return bool(mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)) and mapped


class KeepFreedMemory(keras.callbacks.Callback):
    """Calls `keep_freed_memory` at the first step of training, after TensorFlow has changed the setting."""

    def __init__(self):
        super().__init__()
        self._done = keras.backend.backend() != "tensorflow"

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Changes the setting once."""
        if not self._done:
            self._done = True
            keep_freed_memory()
