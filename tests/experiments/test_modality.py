"""The modality task through the same routine as the tumour tasks: trained, scored, reported, asked about files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from braintumor_tf import datasets, identity, leakage
from braintumor_tf.datasets import MODALITIES
from braintumor_tf.evaluation import score_predictions
from braintumor_tf.experiments import predict_files, run_experiment
from braintumor_tf.report import write_report
from braintumor_tf.report.sections.verdict import run_verdict

QUIET = {"show_progress": False}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modality")
    mri = identity.load("synthetic", data_dir=folder, synthetic={"patients_per_class": 3, "image_size": 64}, **QUIET)
    tissue = identity.load("synthetic_histopathology", data_dir=folder, synthetic={"patients": 10}, **QUIET)
    return leakage.split(datasets.modality_manifest(mri.manifest, tissue.manifest, limit=60), seed=0)


@pytest.fixture(scope="module")
def run(manifest, tmp_path_factory):
    """The linear model: it is trained in a second, by the same routine as a network."""
    out = tmp_path_factory.mktemp("runs") / "modality"
    return run_experiment(manifest, "PCA", out=out, resamples=50, config={"protocol": "grouped"}, **QUIET)


def test_a_network_is_trained_on_the_two_labels(manifest, tmp_path):
    run = run_experiment(
        manifest,
        "CNN",
        out=tmp_path / "run",
        image_size=32,
        preset="smoke",
        epochs=3,
        resamples=20,
        baselines=False,
        **QUIET,
    )
    assert run.metrics["classes_order"] == run.config["classes"] == list(MODALITIES)
    assert run.metrics["roc_auc"]["value"] > 0.8, "after three epochs it ranks the two nearly apart"


def test_scores_that_speak_of_tumours_are_left_empty(run):
    metrics = run.metrics
    assert metrics["classes_order"] == list(MODALITIES) and set(metrics["classes"]) == set(MODALITIES)
    for name in ("tumour_sensitivity", "tumour_specificity"):
        assert metrics[name] == {"value": None, "low": None, "high": None}
    assert metrics["missed_tumours"] is None and metrics["false_alarms"] is None
    assert metrics["accuracy"]["value"] > 0.9 and metrics["twins"]["images"] == 0


def test_the_baselines_solve_it_and_the_verdict_says_what_that_means(run):
    assert max(entry["value"] for entry in run.metrics["baselines"].values()) == 1.0
    verdict = run_verdict(run.metrics, run.predictions, run.manifest, run.config)
    text = " ".join(verdict.warnings)
    assert "takes no knowledge of what they show" in text and "learned anything about tumours" not in text
    assert "The images are synthetic" in text


def test_a_real_set_beside_a_synthetic_one_is_warned_of(run):
    mixed = run.manifest
    mixed["source"] = mixed["source"].replace("synthetic", "sartaj")
    text = " ".join(run_verdict(run.metrics, run.predictions, mixed, {"dataset": "sartaj"}).warnings)
    assert "Some images are synthetic (synthetic_histopathology)" in text and "The images are synthetic" not in text
    real = mixed.assign(source="elsewhere")
    assert "synthetic" not in " ".join(run_verdict(run.metrics, run.predictions, real, {}).warnings)


def test_the_report_names_the_modalities_and_has_no_tumour_section(run):
    page = write_report(run).read_text(encoding="utf-8")
    assert "histopathology" in page and "takes no knowledge of what they show" in page
    assert "Any tumour against none" not in page and "Missed tumours" not in page


def test_every_wrong_answer_is_counted(manifest, run):
    """Predictions turned round score nothing, so the scores do depend on the labels."""
    other = dict(zip(MODALITIES, reversed(MODALITIES)))
    turned = run.predictions.assign(predicted=run.predictions["predicted"].map(other))
    accuracy = run.metrics["accuracy"]["value"]
    assert score_predictions(turned, manifest, MODALITIES, resamples=10).to_dict()["accuracy"][
        "value"
    ] == pytest.approx(1 - accuracy)


def test_single_files_of_either_kind_are_answered(run, tmp_path):
    slice_, _ = datasets.render_slice("no_tumor", seed=90, image_size=200)
    patch = datasets.render_patch("idc", seed=90, image_size=50)
    for name, pixels in (("slice.png", slice_), ("patch.png", patch)):
        Image.fromarray(pixels).save(tmp_path / name)
    np.save(tmp_path / "array.npy", patch)
    names = ("slice.png", "patch.png", "array.npy")
    table = predict_files(run, [tmp_path / name for name in names], show_progress=False)
    assert table["predicted"].tolist() == ["mri", "histopathology", ""]
    assert table["path"].str.endswith("array.npy")[2] and table["error"].astype(bool).tolist() == [False, False, True]
