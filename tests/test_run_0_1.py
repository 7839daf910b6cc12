"""Runs that version 0.1 wrote still open, predict what they predicted, and are scored, compared and reported."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets import CLASSES, write_synthetic
from braintumor_tf.datasets.descriptions import content_hash
from braintumor_tf.evaluation import compare
from braintumor_tf.evaluation.prediction.predict import open_predictor
from braintumor_tf.experiments import evaluate_run, predict_files
from braintumor_tf.predictions_table import check_predictions, probabilities_of
from braintumor_tf.report import write_model_card, write_report
from braintumor_tf.runs import Run, data_fingerprint

KEPT = Path(__file__).parent / "data" / "run_0_1"
RUNS = ("pca", "cnn")
CLOSE = 1e-4
"""How far a probability may lie from the one of version 0.1; another processor rounds otherwise."""


@pytest.fixture(params=RUNS)
def run(request) -> Run:
    return Run.of(KEPT / request.param)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """Draws the images that the runs saw, in ``data/synthetic`` of the folder returned; skips where they come out else.

    JPEG files are the same bytes only with one release of NumPy, OpenCV and Pillow.
    """
    folder = tmp_path_factory.mktemp("drawn")
    write_synthetic(
        folder / "data" / "synthetic", patients_per_class=6, slices_per_patient=3, image_size=64,
        byte_copies=2, reencoded_copies=2, label_conflicts=1, show_progress=False,
    )  # fmt: skip
    manifest = Run.of(KEPT / "pca").manifest
    drawn = [content_hash((folder / path).read_bytes()) for path in manifest["path"]]
    if drawn != list(manifest["md5"]):
        pytest.skip("this release of NumPy, OpenCV or Pillow draws other bytes than the runs were made from")
    return folder


def test_settings_and_images_are_read(run):
    config, manifest = run.config, run.manifest
    assert config["environment"]["packages"]["braintumor_tf"] == "0.1.0"
    assert (config["model"], config["image_size"]) == (run.name.upper(), [32, 32])
    assert config["crop"] == {"pca": None, "cnn": "head"}[run.name]
    assert dict(manifest["split"].value_counts()) == {"train": 50, "test": 14, "validation": 13}
    assert data_fingerprint(manifest) == config["data_fingerprint"]


def test_scores_and_findings_are_read(run):
    metrics, calibration = run.metrics, run.calibration
    assert metrics["images"] == 14 and metrics["classes_order"] == list(CLASSES)
    assert {"twins", "clean", "baselines", "confusion_matrix"} <= set(metrics)
    assert calibration["temperature"]["value"] > 0
    check_predictions(run.predictions, CLASSES)
    np.testing.assert_allclose(probabilities_of(run.predictions, CLASSES).sum(axis=1), 1, atol=1e-6)
    if run.name == "cnn":
        assert len(run.history) == 6 and run.explanations["randomisation"] and run.robustness["table"]
        assert set(run.robustness_predictions["severity"]) == {0, 1, 2}
    else:
        assert run.history is None and run.explanations is None and run.robustness is None


def test_the_model_predicts_its_images_as_it_did(run):
    with np.load(KEPT / "images.npz") as kept:
        images, paths = kept[f"{run.name}_images"], kept[f"{run.name}_paths"]
    found = open_predictor(run).predict_images(images[..., None])
    written = run.predictions.set_index("path").loc[list(paths)]
    np.testing.assert_allclose(found, probabilities_of(written, CLASSES), atol=CLOSE)


def test_files_are_predicted_as_they_were(run, images, monkeypatch):
    monkeypatch.chdir(images)
    written = run.predictions.iloc[::5]
    found = predict_files(run, written["path"], show_progress=False)
    assert not found["error"].any() and list(found["predicted"]) == list(written["predicted"])
    np.testing.assert_allclose(probabilities_of(found, CLASSES), probabilities_of(written, CLASSES), atol=CLOSE)


def without_intervals(found):
    """The scores of a file without the ends of their intervals, which are made in another way now."""
    if not isinstance(found, dict):
        return found
    return {name: without_intervals(value) for name, value in found.items() if name not in ("low", "high")}


def test_scoring_again_gives_the_scores_on_disk(run, images, monkeypatch):
    monkeypatch.chdir(images)
    again = evaluate_run(run, show_progress=False).metrics
    for name, value in run.metrics.items():
        if name in ("accuracy", "macro_f1", "balanced_accuracy", "confusion_matrix", "twins", "clean", "baselines"):
            assert without_intervals(again[name]) == without_intervals(value), name
    own = again["accuracy"]
    assert own["low"] < own["high"] and again["interval"]["method"] and "method" not in run.metrics["interval"]


def test_runs_are_compared():
    found = compare([KEPT / name for name in RUNS], show_progress=False)
    ranked = found.leaderboard[found.leaderboard["rank"].notna()].set_index("name")
    expected = pd.Series({name: Run.of(KEPT / name).metrics["macro_f1"]["value"] for name in RUNS})
    pd.testing.assert_series_equal(
        ranked["macro_f1"].sort_index(), expected.sort_index(), check_names=False, check_dtype=False
    )


def test_the_report_and_the_card_are_written(run, images, monkeypatch, tmp_path):
    monkeypatch.chdir(images)
    copy = Run.of(shutil.copytree(run.path, tmp_path / run.name))
    page = write_report(copy).read_text(encoding="utf-8")
    assert f"{run.metrics['macro_f1']['value']:.2f}" in page
    card = write_model_card(copy).read_text(encoding="utf-8")
    old = (run.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.split("---")[1] == old.split("---")[1]  # the header that machines read
