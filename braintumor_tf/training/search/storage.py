"""Where an Optuna study is kept: a journal file or a database."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy.exc import SQLAlchemyError

from braintumor_tf.errors import SearchError

Opened = TypeVar("Opened")


def open_storage(storage: str | Path) -> optuna.storages.BaseStorage:
    """Opens a URL of Optuna, or a journal file, which is made with its folder if need be."""
    if "://" in str(storage):
        settings = {"connect_args": {"timeout": 60}} if str(storage).startswith("sqlite") else {}
        return RDBStorage(str(storage), engine_kwargs=settings)
    path = Path(storage)
    path.parent.mkdir(parents=True, exist_ok=True)
    # elsewhere the lock is a symbolic link, which works on old network drives but needs privileges on Windows
    lock = JournalFileOpenLock(str(path)) if os.name == "nt" else None
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))


def with_retries(action: Callable[[], Opened], where: str) -> Opened:
    """Returns what an action on a storage returns; two processes that make a database at once disturb each other.

    Raises:
        SearchError: it fails for another reason, or six times; the text names `where`.
    """
    for attempt in range(6):
        try:
            return action()
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            failure = error
            time.sleep(0.1 * 2**attempt)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            failure = error
            break
    reason = (str(failure).strip() or type(failure).__name__).splitlines()[0]
    raise SearchError(f"{where}: the study cannot be opened ({reason}); check the storage, or choose another")


@contextlib.contextmanager
def without_study_log() -> Iterator[None]:
    """Keeps Optuna from logging that it made a study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
