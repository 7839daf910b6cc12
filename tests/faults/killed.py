"""Kills work at several points of its way, each time in a process of its own, and lets it go on: for `test_killed`.

``python -m tests.faults.killed FOLDER IMAGES`` prints, as JSON, what each work leaves and what it left where it was
killed. Processes are forked off one that has trained once and so has loaded everything: a kill costs no imports.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

import braintumor_tf.runs.run
from braintumor_tf.datasets import manifest as manifest_module
from braintumor_tf.datasets import scan
from braintumor_tf.evaluation import score_robustness
from braintumor_tf.evaluation.robustness import noisy_predictions
from braintumor_tf.experiments import run_experiment, run_folds, run_ladder
from braintumor_tf.runs import LOCK

POINTS = {"train": 10, "kfold": 10, "ladder": 3, "noise": 10, "audit": 10}
"""How often each work is killed."""
PCA = {"model": "PCA", "image_size": 24, "baselines": False, "resamples": 20, "show_progress": False}
NOISE = {"noises": ["gaussian"], "severities": [1, 2], "batch_size": 8, "size": 24}
NOISE |= {"resamples": 20, "show_progress": False}
DIFFER = ("model.skops", "model.sha256")
"""Files with addresses of objects in them, or with the hash of such a file."""

CHANGING = ("seconds", "images_per_second", "sha256")
"""Fields of JSON files: how long something took, and hashes of the files in `DIFFER`."""


class Kills:
    """Ends the process at the step of a number; steps are counted in ``steps.txt``."""

    def __init__(self, folder: Path, number: int | None):
        self.place, self.number, self.steps = folder / "steps.txt", number, 0
        self.lock = threading.Lock()

    def step(self, last_act: Callable[[], Any] = lambda: None) -> None:
        with self.lock:  # threads describe pictures
            if self.steps == self.number:
                last_act()
                os._exit(9)
            self.steps += 1
            self.place.write_text(str(self.steps))


def at_renaming(kills: Kills) -> None:
    """A step is a file that is renamed when it is whole; where the process ends, half of it was written."""
    replace = os.replace

    def rename(source: Path, target: Path) -> None:
        kills.step(lambda: os.truncate(source, os.path.getsize(source) // 2))
        replace(source, target)

    os.replace = rename


def at_answering(kills: Kills) -> None:
    """A step is a batch that the model answers, or a file that is renamed."""
    answering = noisy_predictions._answering

    def counted(*given: Any) -> Callable[[Any], Any]:
        answer = answering(*given)

        def counting(batch: Any) -> Any:
            kills.step()
            return answer(batch)

        return counting

    noisy_predictions._answering = counted
    at_renaming(kills)


def at_describing(kills: Kills) -> None:
    """A step is a picture that is described for the cache, which keeps them 16 at a time."""
    manifest_module._BATCH = 16
    describe = manifest_module.describe

    def counted(path: str, data: bytes) -> Any:
        kills.step()
        return describe(path, data)

    manifest_module.describe = counted


def noise(folder: Path, rows: pd.DataFrame) -> None:
    score_robustness(folder / "run", **NOISE)


def audit(folder: Path, rows: pd.DataFrame) -> None:
    os.environ["BRAINTUMOR_TF_CACHE"] = str(folder / "cache")
    images = folder / "images.csv"
    rows[["path", "label"]].to_csv(images, index=False)
    scan(images, show_progress=False).manifest.to_csv(folder / "found.csv", index=False)


WORKS: dict[str, tuple[Callable[[Path, pd.DataFrame], Any], Callable[[Kills], None]]] = {
    "train": (lambda at, rows: run_experiment(rows, out=at / "run", resume=True, **PCA), at_renaming),
    "kfold": (lambda at, rows: run_folds(rows, out=at / "run", folds=2, resume=True, **PCA), at_renaming),
    "ladder": (lambda at, rows: run_ladder(rows, out=at / "run", **PCA), at_renaming),
    "noise": (noise, at_answering),
    "audit": (audit, at_describing),
}


def work(name: str, folder: Path, rows: pd.DataFrame, number: int | None) -> int:
    """Works in a process of its own; returns its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    if (child := os.fork()) == 0:
        try:
            braintumor_tf.runs.run.environment = dict  # it names the commit, which may change meanwhile
            does, breaks = WORKS[name]
            breaks(Kills(folder, number))
            does(folder, rows)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def lasting(value: Any) -> Any:
    """Returns what a JSON file holds without the fields of `CHANGING`."""
    if isinstance(value, dict):
        return {name: lasting(each) for name, each in value.items() if name not in CHANGING}
    return [lasting(each) for each in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, str]:
    """Returns a hash of every file in ``run`` under its name, but for those that were being written."""
    found = {}
    for path in sorted(path for path in (folder / "run").rglob("*") if path.is_file()):
        if path.name == LOCK or path.name.startswith("."):
            continue
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if path.suffix == ".json":
            with contextlib.suppress(ValueError):  # half of a file
                data = json.dumps(lasting(json.loads(data))).encode()
        found[str(path.relative_to(folder))] = "" if path.name in DIFFER else hashlib.md5(data).hexdigest()
    if (folder / "found.csv").is_file():
        found["found.csv"] = (folder / "found.csv").read_text()
    return found


def tried(name: str, folder: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Does a work once as a whole, and several times with a kill; returns what was left, each time."""

    def begin(place: Path) -> Path:
        if name == "noise":
            shutil.copytree(folder.parent / "train" / "whole" / "run", place / "run")
        return place

    whole = begin(folder / "whole")
    assert work(name, whole, rows, None) == 0
    steps = int((whole / "steps.txt").read_text())
    killed = []
    for point in sorted({step * steps // POINTS[name] for step in range(POINTS[name])}):
        place = begin(folder / f"killed_{point}")
        codes = [work(name, place, rows, point)]
        left = contents(place)
        codes.append(work(name, place, rows, None))
        again = int((place / "steps.txt").read_text())
        killed.append({"point": point, "codes": codes, "left": left, "made": contents(place), "again": again})
    return {"steps": steps, "whole": contents(whole), "killed": killed}


def main(folder: Path, images: Path) -> dict[str, dict[str, Any]]:
    """Tries every work."""
    rows = pd.read_csv(images, dtype=str).astype({"width": int, "height": int})
    run_experiment(rows, out=folder / "loaded", **PCA)
    return {name: tried(name, folder / name, rows) for name in WORKS}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
