"""A search that takes seconds: a small network on toy images, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from braintumor_tf.training import Range, Search, run_search
from tests.training.toy import BUILT

if TYPE_CHECKING:
    import optuna

REPOSITORY = Path(__file__).resolve().parents[3]
SPACE = {"learning_rate": Range(1e-3, 3e-2, log=True), "epochs": Range(1, 2), "dropout": [0.0, 0.3]}
ONE_EPOCH = {"space": {"dropout": [0.0, 0.3]}, "epochs": 1}
COMPARED = ["state", "score", *SPACE, "best_epoch", "epochs_run", "seed"]

# Joins a search in a process of its own; with a number, it kills itself where that trial's network is built.
WORKER = """
    import os, signal, sys
    from braintumor_tf.datasets import read_manifest
    from tests.training.search.toy_search import in_trials, small_search
    from tests.training.toy import small_cnn_in_the_registry
    manifest, out, storage, trials, deadly = sys.argv[1:]
    def end():
        os.kill(os.getpid(), signal.SIGKILL)
    with small_cnn_in_the_registry(), in_trials({int(deadly): end} if deadly else {}):
        small_search(read_manifest(manifest), out, trials=int(trials), storage=storage or None)
"""


def small_search(manifest: pd.DataFrame, out: str | Path, **changes: Any) -> Search:
    settings = {"trials": 3, "space": SPACE, "preset": "smoke", "image_size": 32, "show_progress": False, **changes}
    return run_search(manifest, "CNN", out=out, **settings)


@contextlib.contextmanager
def in_trials(happenings: dict[int, BaseException | Callable[[], None]]) -> Iterator[None]:
    """Raises an error, or calls a function, where the network of the trial of that place in a search is built."""
    built = itertools.count(-1)  # the first is built to check the arguments

    def watch() -> None:
        happening = happenings.get(next(built))
        if isinstance(happening, BaseException):
            raise happening
        if happening is not None:
            happening()

    BUILT.append(watch)
    try:
        yield
    finally:
        BUILT.remove(watch)


def worker(
    folder: Path, out: Path, trials: int, *, storage: str = "", deadly: int | None = None
) -> subprocess.Popen[str]:
    """Starts a process that joins a search, and kills itself in the trial `deadly`."""
    arguments = [folder / "manifest.csv", out, storage, trials, "" if deadly is None else deadly]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER), *map(str, arguments)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )


def journal(folder: Path) -> optuna.Study:
    """The study of a search, opened with Optuna alone."""
    import optuna

    backend = optuna.storages.journal.JournalFileBackend(str(folder / "study.log"))
    return optuna.load_study(study_name="search", storage=optuna.storages.JournalStorage(backend))
