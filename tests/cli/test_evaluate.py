"""The command ``evaluate`` for one run, on its own test images and on another data set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

from braintumor_tf.datasets import scan, write_synthetic
from braintumor_tf.experiments import evaluate_run
from tests.calling import call


def test_evaluate_finds_the_scores_of_the_run_again(trained):
    _, run = trained
    result = call("evaluate", run.path, "--json", "--no-baselines")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["accuracy"] == run.metrics["accuracy"] and found["macro_f1"] == run.metrics["macro_f1"]
    assert found["overlap"] == 0 and found["images"] == run.metrics["images"]


def test_evaluate_on_another_data_set_leaves_out_what_was_trained_on(trained, folder, tmp_path):
    _, run = trained
    other = write_synthetic(
        tmp_path / "other", patients_per_class=4, slices_per_patient=2, seed=9, image_size=64,
        byte_copies=0, reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip
    manifest = run.manifest
    places = {row.label: Path(row.path).parent for row in scan(other, show_progress=False).manifest.itertuples()}
    seen = manifest[manifest["split"].isin(["train", "validation"])].head(3)
    for number, row in enumerate(seen.itertuples()):
        shutil.copy(row.path, places[row.label] / f"copy_{number}{Path(row.path).suffix}")
    result = call("evaluate", run.path, "--dataset", other)
    assert result.exit_code == 0, result.stderr
    left_out = int(result.stdout.split()[0])
    assert left_out == 3 and "baseline" in result.stdout
    found = evaluate_run(run, pd.concat([manifest.assign(split=""), manifest.assign(split="")]), baselines=False)
    assert found.metrics["images"] == 2 * run.metrics["images"] and found.metrics["twins"]["share"]["value"] == 0
