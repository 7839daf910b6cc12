"""What decoders say: warnings of Pillow and pydicom are silenced, errors of any library name the file."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

from braintumor_tf.errors import ImageDecodeError, ImageReadError

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


@contextlib.contextmanager
def naming_damage(path: str, *, quoting: bool = True) -> Iterator[None]:
    """Turns whatever a library raises on a damaged file into one error that names it.

    Args:
        path: the file.
        quoting: whether to say what the library says; False where that may be what a file tells of a patient.

    Raises:
        ImageReadError: the library is not installed.
        ImageDecodeError: in place of any other error but a shortage of memory and those of this package.
    """
    try:
        with quiet_decoders():
            yield
    except (ImageReadError, MemoryError):
        raise
    except ImportError as error:
        reason = f"{error.name} is not installed, which reads it: pip install 'braintumor_tf[medical]'"
        raise ImageReadError(path, reason) from error
    except Exception as error:
        told = " ".join(str(error).split())[:200] if quoting else ""
        cause = error if quoting else None  # a traceback would quote it too
        raise ImageDecodeError(path, f"damaged or truncated file ({told or type(error).__name__})") from cause
