"""Writing to a directory: one process at a time, and nothing is left behind by what failed at its very start."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Collection, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from braintumor_tf.errors import RunError

LOCK = ".lock"
"""The file that is locked; it is there while a process writes. A killed process leaves the file, but not the lock."""

_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


@contextlib.contextmanager
def writing_to(path: str | Path) -> Iterator[None]:
    """Keeps all others from writing to a directory while the block runs.

    The lock is the operating system's own (``flock``, on Windows that of a byte), which ends with the process that
    holds it, however it ends. The thread that holds a directory may ask for it again. The directory is made with its
    parents; those that are still empty at the end are removed again.

    Args:
        path: the directory of a run, of a ladder, or of an ensemble.

    Raises:
        RunError: another process, or another thread, is writing to it, or its file system has no locks.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, writing_to(folder), writing_to(folder):
        ...     Path(folder, LOCK).exists()
        True
    """
    folder = Path(path).absolute()
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.resolve() / LOCK, is_singleton=True, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise RunError(
            f"{path}: another process is writing to it; wait until that has ended, or choose another name"
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise RunError(f"{path}: its file system has no locks; choose a directory on another one") from error
    try:
        yield
    finally:
        if lock.lock_counter == 1:
            with contextlib.suppress(OSError):  # Windows removes no file that is open
                Path(lock.lock_file).unlink()
        lock.release()
        for each in made:
            with contextlib.suppress(OSError):  # something was written there
                each.rmdir()


@contextlib.contextmanager
def undone_if_bare(path: str | Path, names: Collection[str], *, wanted: bool = True) -> Iterator[None]:
    """Removes the files that something begins with if the block fails and nothing else was written: no epoch, no fold.

    Args:
        path: the directory.
        names: of these files.
        wanted: False leaves them there, as where an earlier call wrote them.
    """
    try:
        yield
    except Exception:
        found = {each.name for each in Path(path).iterdir()} if wanted and Path(path).is_dir() else set()
        if found <= {*names, LOCK}:
            for name in found & set(names):
                (Path(path) / name).unlink(missing_ok=True)
        raise
