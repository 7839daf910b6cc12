"""Work that is killed at several points: nothing that was finished is lost, nothing half-written is taken for whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.killed import POINTS, WORKS
from tests.training.toy import toy_manifest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """What each work left, whole and killed; one process tries them all, since loading everything takes longest."""
    folder = tmp_path_factory.mktemp("killed")
    rows = toy_manifest(folder / "images").groupby(["split", "label"]).head(8)
    rows.to_csv(folder / "images.csv", index=False)
    words = [sys.executable, "-m", "tests.faults.killed", str(folder / "work"), str(folder / "images.csv")]
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    ended = subprocess.run(
        words, cwd=REPOSITORY, env={**os.environ, **one_thread}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
@pytest.mark.parametrize("name", WORKS)
def test_what_was_killed_goes_on_to_the_same_end(found, name):
    whole, killed = found[name]["whole"], found[name]["killed"]
    assert len(killed) == POINTS[name]
    for case in killed:
        assert case["codes"] == [9, 0], case["point"]
        assert case["made"] == whole, case["point"]
        before = {path: content for path, content in case["left"].items() if path in whole}
        assert before.items() <= whole.items(), case["point"]
    if name != "noise":  # it is kept as a whole
        assert killed[-1]["again"] < found[name]["steps"]  # what was finished is not done again
