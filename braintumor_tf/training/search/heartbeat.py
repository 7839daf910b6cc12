"""Which processes work at a study: how they say that they are alive, and how others notice that they are not."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from optuna.trial import FrozenTrial, Trial

BEAT_SECONDS = 20.0
"""How often a running trial says that its process is alive."""

SILENT_SECONDS = 180.0
"""A trial that has not said so for this long is given up and tried again."""


@contextlib.contextmanager
def keep_alive(trial: Trial) -> Iterator[None]:
    """Says every `BEAT_SECONDS`, while the block runs, that the trial's process is alive."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            with contextlib.suppress(Exception):  # where the storage is busy, the next beat comes soon enough
                trial.set_user_attr("beat", time.time())

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def is_dead(trial: FrozenTrial) -> bool:
    """Whether a running trial's process has ended, which is known at once on this host, or has been silent too long."""
    worker = trial.user_attrs.get("worker", {})
    if worker.get("host") == host_name() and os.name == "posix":
        try:
            os.kill(worker["pid"], 0)  # signal 0 asks only whether there is such a process
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
    started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    return time.time() - trial.user_attrs.get("beat", started) > SILENT_SECONDS


def host_name() -> str:
    """The machine and, on Linux, its table of processes: containers may share a name and count anew."""
    with contextlib.suppress(OSError):
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    return platform.node()
