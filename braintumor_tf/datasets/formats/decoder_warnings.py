"""Warnings of Pillow and pydicom, silenced while files are decoded."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

_lock = threading.Lock()
_readers: list[contextlib.AbstractContextManager] = []


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Silences warnings of Pillow and pydicom, which come where a decoder raises or repairs.

    Those of pydicom may quote what a file says of its patient.

    `warnings.catch_warnings` alone is not safe when several threads read: one may restore the filters that another set.
    So the first reader in sets the filter and the last one out takes it away.
    """
    with _lock:
        if not _readers:
            filters = warnings.catch_warnings()
            filters.__enter__()
            warnings.filterwarnings("ignore", module=r"(PIL|pydicom)\.")
            _readers.append(filters)
        _readers.append(contextlib.nullcontext())
    try:
        yield
    finally:
        with _lock:
            _readers.pop()
            if len(_readers) == 1:
                _readers.pop().__exit__(None, None, None)
