"""Work that is killed at ten points: nothing that was finished is lost, nothing half-written is taken for whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.killed import POINTS, WORKS
from tests.training.toy import toy_manifest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
@pytest.mark.parametrize("name", [name for name in WORKS if name != "train"])  # folds and rungs are trainings
def test_what_was_killed_goes_on_to_the_same_end(name, tmp_path):
    rows = toy_manifest(tmp_path / "images")
    rows.to_csv(tmp_path / "images.csv", index=False)
    words = [sys.executable, "-m", "tests.faults.killed", name, str(tmp_path / "work"), str(tmp_path / "images.csv")]
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    ended = subprocess.run(
        words, cwd=REPOSITORY, env={**os.environ, **one_thread}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["steps"] >= (2 if name == "noise" else POINTS)
    assert len(found["killed"]) >= min(POINTS, found["steps"])
    for case in found["killed"]:
        assert case["codes"] == [9, 0], ended.stderr
        assert case["made"] == found["whole"]
        before = {path: content for path, content in case["left"].items() if path in found["whole"]}
        assert all(found["whole"][path] == content for path, content in before.items())
    last = found["killed"][-1]
    assert name == "noise" or last["again"] < found["steps"]  # what was finished is not done again
