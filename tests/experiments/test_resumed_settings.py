"""A run that goes on from its own files has all its settings, also those that are not the defaults."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from braintumor_tf.augment.noise import GaussianNoise
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.experiments import resume_experiment, run_experiment, run_folds
from braintumor_tf.runs import Run
from tests.training.toy import toy_manifest

SETTINGS = {
    "classes": CLASSES[::-1],
    "image_size": (12, 16),
    "dropout": 0.2,
    "crop": "head",
    "preset": "pca",
    "noise": GaussianNoise(30),
    "seed": 3,
    "resamples": 7,
    "config": {"dataset": "toy"},
    "class_weights": {"glioma": 3.0},
    "monitor": "val_loss",
    "show_progress": False,
    "baselines": False,
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


def _started_only(run: Run, path: Path) -> Path:
    """A directory as a process leaves it that is killed when it has just begun."""
    path.mkdir()
    for name in ("config.json", "manifest.csv"):
        shutil.copy(run.path / name, path)
    return path


def _without_time(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in ("environment", "training")}


def _assert_same(run: Run, expected: Run) -> None:
    assert run.finished
    assert run.config["training"] == expected.config["training"]
    assert _without_time(run.config) == _without_time(expected.config)
    pd.testing.assert_frame_equal(run.predictions, expected.predictions)
    assert _without_time(run.metrics) == _without_time(expected.metrics)


def test_an_experiment_goes_on_with_all_its_settings(manifest, tmp_path):
    run = run_experiment(manifest, "PCA", out=tmp_path / "whole", **SETTINGS)
    config = run.config
    assert (config["classes"], config["image_size"], config["crop"]) == (list(CLASSES[::-1]), [12, 16], "head")
    assert (config["seed"], config["resamples"], config["dropout"], config["dataset"]) == (3, 7, 0.2, "toy")
    assert config["training"]["class_weights"] == {"glioma": 3.0} and config["noise"] is not None
    _assert_same(resume_experiment(_started_only(run, tmp_path / "begun"), show_progress=False), run)


def test_a_k_fold_run_goes_on_with_all_its_settings(manifest, tmp_path):
    run = run_folds(manifest, "PCA", out=tmp_path / "whole", folds=2, **SETTINGS)
    _assert_same(resume_experiment(_started_only(run, tmp_path / "begun"), show_progress=False), run)
