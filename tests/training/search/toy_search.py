"""A search that takes seconds: a small network on toy images, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.training import Range, Search, run_search
from braintumor_tf.types import ModelConfig
from tests.training.toy import small_cnn

REPOSITORY = Path(__file__).resolve().parents[3]
SPACE = {"learning_rate": Range(1e-3, 3e-2, log=True), "epochs": Range(1, 2), "dropout": [0.0, 0.3]}
COMPARED = ["state", "score", *SPACE, "best_epoch", "epochs_run", "seed"]

# Joins a search in a process of its own; with a number, it kills itself in the first epoch of that trial.
WORKER = """
    import os, signal, sys
    import braintumor_tf.training.search.run as searching
    from braintumor_tf.datasets import read_manifest
    from tests.training.search.toy_search import small_search, small_build
    searching.build = small_build
    manifest, out, storage, trials, deadly = sys.argv[1:]
    train = searching._train
    def killed(arguments, manifest, report, show):
        if report.trial.number == int(deadly):
            os.kill(os.getpid(), signal.SIGKILL)
        return train(arguments, manifest, report, show)
    searching._train = killed
    small_search(read_manifest(manifest), out, trials=int(trials), storage=storage or None)
"""


def small_build(config: ModelConfig) -> Any:
    """A smaller network than the registry's, so that a trial takes a second."""
    return small_cnn(config.seed)


def small_search(manifest: pd.DataFrame, out: str | Path, **changes: Any) -> Search:
    settings = {"trials": 3, "space": SPACE, "preset": "smoke", "image_size": 32, "show_progress": False, **changes}
    return run_search(manifest, "CNN", out=out, **settings)


def worker(folder: Path, out: Path, trials: int, storage: str = "", deadly: int = -1) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(WORKER), str(folder / "manifest.csv"), str(out), storage]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [*command, str(trials), str(deadly)], cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True
    )


def fake_training(scores: dict[int, Any]) -> Any:
    """Stands for a training, where a test is about the study: a score, or an error to raise, for each trial."""

    def train(arguments, manifest, report, show):
        result = scores.get(report.trial.number, 0.5)
        if isinstance(result, BaseException):
            raise result
        history = pd.DataFrame({"epoch": [1]})
        return type("Trained", (), {"best": {"epoch": 1, "score": result}, "history": history})()

    return train
