"""Kills work at ten points of its way, each time in a process of its own, and lets it go on: for `test_killed`.

``python -m tests.faults.killed WORK FOLDER IMAGES`` prints, as JSON, what the work leaves and what it left where it was
killed. Processes are forked off one that has loaded everything and worked at nothing, so a kill costs no start.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

import braintumor_tf.runs.run
from braintumor_tf.datasets import manifest as manifest_module
from braintumor_tf.datasets import scan
from braintumor_tf.evaluation import score_robustness
from braintumor_tf.experiments import run_experiment, run_folds, run_ladder
from braintumor_tf.runs import LOCK

POINTS = 10
PCA = {"model": "PCA", "image_size": 24, "baselines": False, "resamples": 20, "show_progress": False}
NOISE = {"noises": ["gaussian"], "severities": [1], "resamples": 20, "size": 24, "show_progress": False}
DIFFER = ("model.skops", "model.sha256", "ensemble.json")
"""Files with addresses of objects in them, or with the hash of such a file."""


class Kills:
    """Ends the process at the step of a number; steps are counted in ``steps.txt``."""

    def __init__(self, folder: Path, number: int | None):
        self.place, self.number, self.steps = folder / "steps.txt", number, 0

    def step(self, last_act: Callable[[], Any] = lambda: None) -> None:
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


def at_describing(kills: Kills) -> None:
    """A step is a picture that is described for the cache."""
    describe = manifest_module.describe

    def counted(path: str, data: bytes) -> Any:
        kills.step()
        return describe(path, data)

    manifest_module.describe = counted


def noise(folder: Path, rows: pd.DataFrame) -> None:
    score_robustness(folder / "run", **NOISE)


def audit(folder: Path, rows: pd.DataFrame) -> None:
    manifest_module._BATCH = 20  # pictures that are kept at once
    os.environ["BRAINTUMOR_TF_CACHE"] = str(folder / "cache")
    images = Path(rows["path"][0]).parent
    scan(images, unlabelled=True, show_progress=False).manifest.to_csv(folder / "found.csv", index=False)


WORKS: dict[str, tuple[Callable[[Path, pd.DataFrame], Any], Callable[[Kills], None]]] = {
    "train": (lambda at, rows: run_experiment(rows, out=at / "run", resume=True, **PCA), at_renaming),
    "kfold": (lambda at, rows: run_folds(rows, out=at / "run", folds=2, resume=True, **PCA), at_renaming),
    "ladder": (lambda at, rows: run_ladder(rows, out=at / "run", **PCA), at_renaming),
    "noise": (noise, at_renaming),
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
            (folder / "modules.txt").write_text("\n".join(sys.modules))
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def contents(folder: Path) -> dict[str, str]:
    """Returns a hash of every file in ``run`` under its name, but for those that were being written."""
    found = {}
    for path in sorted(path for path in (folder / "run").rglob("*") if path.is_file()):
        if path.name == LOCK or path.name.startswith("."):
            continue
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if path.suffix == ".json":
            data = json.dumps(timeless(json.loads(data)), sort_keys=True).encode()
        found[str(path.relative_to(folder))] = "" if path.name in DIFFER else hashlib.md5(data).hexdigest()
    if (folder / "found.csv").is_file():
        found["found.csv"] = (folder / "found.csv").read_text()
    return found


def timeless(value: Any) -> Any:
    """Leaves out how long something took."""
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if "second" not in key}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def main(name: str, folder: Path, images: Path) -> dict[str, Any]:
    """Does a work once as a whole, and ten times with a kill; returns what was left, each time."""
    rows = pd.read_csv(images, dtype=str).astype({"width": int, "height": int})

    def begin(place: Path) -> Path:
        if name == "noise":
            shutil.copytree(folder / "trained" / "run", place / "run")
        return place

    if name == "noise":
        assert work("train", folder / "trained", rows, None) == 0
    whole = begin(folder / "whole")
    assert work(name, whole, rows, None) == 0
    for module in (whole / "modules.txt").read_text().splitlines():  # so that no other process has to import them
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    steps = int((whole / "steps.txt").read_text())
    points = sorted({step * steps // POINTS for step in range(POINTS)})
    killed = []
    for point in points:
        place = begin(folder / f"killed_{point}")
        codes = [work(name, place, rows, point)]
        left = contents(place)
        codes.append(work(name, place, rows, None))
        again = int((place / "steps.txt").read_text())
        killed.append({"point": point, "codes": codes, "left": left, "made": contents(place), "again": again})
    return {"steps": steps, "whole": contents(whole), "killed": killed}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
