"""Trained runs under noise: they score their test images and keep what was found, each fold its own images."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.augment import GaussianNoise
from braintumor_tf.errors import BrainTumorError
from braintumor_tf.evaluation import read_robustness, score_robustness
from braintumor_tf.evaluation.robustness import robustness
from braintumor_tf.experiments import run_experiment, run_folds
from tests.training.toy import toy_manifest

QUICK = {
    "noises": ["gaussian", "motion_blur"],
    "severities": (1, 5),
    "resamples": 20,
    "show_progress": False,
    "size": 40,
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def run(manifest, tmp_path_factory):
    return run_experiment(
        manifest, "PCA", out=tmp_path_factory.mktemp("runs") / "pca", image_size=24, baselines=False, resamples=20,
        show_progress=False,
    )  # fmt: skip


def test_a_run_scores_its_own_test_images_and_keeps_what_was_found(run):
    with pytest.raises(BrainTumorError, match=r"robustness\.json"):
        read_robustness(run)
    found = score_robustness(run.path, **QUICK)
    kept = read_robustness(run)
    pd.testing.assert_frame_equal(kept.predictions, found.predictions)
    pd.testing.assert_frame_equal(kept.table, found.table)
    assert run.robustness == json.loads(json.dumps(kept.to_dict())) and kept.name == run.name == "pca"
    again = robustness(run, run.manifest, **QUICK)
    pd.testing.assert_frame_equal(again.predictions, found.predictions)
    assert kept.mean_corruption_error(again).to_dict()["reference"] == "pca"
    assert not list(run.path.glob(".*"))


def test_noise_at_the_models_own_size_scores_clean_images_as_the_run_did(run):
    found = robustness(run, noises=[GaussianNoise(sigma=8)], resamples=20, size=24, show_progress=False)
    clean = found.predictions[found.predictions["noise"] == "clean"].reset_index(drop=True)
    expected = run.predictions[run.predictions["split"] == "test"].reset_index(drop=True)
    pd.testing.assert_frame_equal(clean.drop(columns=["noise", "severity"]), expected)
    assert found.losses[["noise", "severity"]].values.tolist() == [["GaussianNoise sigma 8", 1]]


def test_each_fold_answers_for_the_images_that_it_has_not_seen(manifest, tmp_path):
    folds = run_folds(
        manifest,
        "PCA",
        out=tmp_path / "folds",
        folds=2,
        image_size=24,
        baselines=False,
        resamples=20,
        show_progress=False,
    )
    found = robustness(folds, noises="speckle", severities=[2], resamples=20, size=24, show_progress=False)
    for severity, rows in found.predictions.groupby("severity"):
        joint = rows.merge(folds.predictions, on="path", suffixes=("", "_clean"))
        assert len(joint) == len(rows) == len(folds.predictions)
        same = np.isclose(joint["p_glioma"], joint["p_glioma_clean"]).all()
        assert same if severity == 0 else not same
