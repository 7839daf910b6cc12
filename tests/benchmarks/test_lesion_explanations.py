"""The benchmark against real lesions, end to end on made pictures with boxes, and what it draws and divides."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from braintumor_tf.experiments import run_experiment
from braintumor_tf.runs import Run

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
import lesion_explanations

LABELS = ("glioma", "meningioma", "pituitary")


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """A CSV like figshare's: 3 classes of 8 patients with 7 slices each; the second visit of a patient has a letter."""
    folder, generator, rows = tmp_path_factory.mktemp("lesions"), np.random.default_rng(0), []
    for patient in range(24):
        x, y = generator.uniform(0.4, 0.6, 2)
        for number in range(7):
            image = generator.integers(0, 30, (48, 48))
            image[6:42, 6:42] += 80 + 5 * patient
            side = 0.08 + 0.04 * number
            rows_, columns = (slice(int(48 * (at - side / 2)), int(48 * (at + side / 2)) + 1) for at in (y, x))
            image[rows_, columns] = 120 + 60 * (patient % 3)
            path = f"{patient}_{number}.png"
            cv2.imwrite(str(folder / path), np.clip(image, 0, 255).astype(np.uint8))
            visit = "B" if number > 4 else ""
            rows.append((path, LABELS[patient % 3], f"MR{patient}{visit}", x, y, side, side))
    columns = ["path", "label", "patient", "box_x", "box_y", "box_width", "box_height"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "patients.csv", index=False)
    return folder / "patients.csv"


@pytest.fixture(scope="module")
def run(table) -> Run:
    manifest = lesion_explanations.divided(str(table), 0, None)
    return run_experiment(manifest, "PCA", out=table.parent / "run", baselines=False, resamples=20, show_progress=False)


def test_visits_of_a_patient_stay_together(run):
    manifest = run.manifest
    assert manifest["patient"].nunique() == 24 and set(manifest["split"]) == {"train", "validation", "test"}
    assert manifest.groupby("patient")["split"].nunique().max() == 1


def test_the_benchmark_runs_and_its_split_can_be_repeated(run, table, tmp_path, monkeypatch):
    monkeypatch.setattr(lesion_explanations, "PER_PATIENT", 2)
    out = tmp_path / "results.json"
    arguments = [str(table), "--work", str(tmp_path), "--run", str(run.path), "--images", "14", "--out", str(out)]
    answer = CliRunner().invoke(lesion_explanations.main, arguments)
    assert answer.exit_code == 0, answer.output
    found = json.loads(out.read_text())
    parts = found["models"][0]["parts"]
    assert [row["method"] for row in parts["all"]] == ["occlusion", "random", "uniform", "head", "centre"]
    assert {"glioma", "meningioma", "pituitary", "lesion 1 to 3 %", "lesion over 3 %"} <= set(parts)
    by_class, by_size = ([part for name, part in parts.items() if name in LABELS],
                         [part for name, part in parts.items() if name.startswith("lesion")])  # fmt: skip
    whole = parts["all"][0]["images"]
    for kind in (by_class, by_size):
        assert sum(part[0]["images"] for part in kind) == whole
    shares = [part[0]["area_share"] for name, part in parts.items() if name.startswith("lesion")]
    assert shares == sorted(shares)
    scores = pd.read_csv(tmp_path / "scored" / "PCA.csv")
    drawn = run.manifest.set_index("path").loc[scores["path"].unique(), "patient"].value_counts()
    assert whole == drawn.sum() <= 14 and drawn.max() == 2
    assert scores["box"].all() and (tmp_path / "scores.png").is_file() and (tmp_path / "examples.png").is_file()
    again = lesion_explanations.divided(str(table), 5, str(out)).set_index("path")["split"]
    assert again.to_dict() == run.manifest.set_index("path")["split"].to_dict()
