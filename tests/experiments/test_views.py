"""Trained runs in views at test time: one view changes nothing, mirrored ones ask for training on mirrored images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.evaluation import EvaluationError, load_run_model, predict_manifest
from braintumor_tf.evaluation.prediction.test_time_views import mirrors
from braintumor_tf.experiments import predict_files, run_experiment
from tests.training.toy import toy_manifest


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict:
    """The same PCA model, once trained on mirrored images too, and once not."""
    manifest = toy_manifest(tmp_path_factory.mktemp("toy"))
    folder = tmp_path_factory.mktemp("runs")
    return {
        flip: run_experiment(
            manifest, "PCA", out=folder / str(flip), image_size=24, augmentation={"horizontal_flip": flip},
            baselines=False, resamples=20, show_progress=False,
        )
        for flip in (False, True)
    }  # fmt: skip


def test_one_view_is_the_prediction_of_always_and_more_are_another(runs):
    run = runs[True]
    manifest = run.manifest
    plain = predict_manifest(run, manifest, show_progress=False)
    one, many = (predict_manifest(run, manifest, show_progress=False, views=views) for views in (1, 8))
    assert one.equals(plain)
    probabilities = [name for name in plain if name.startswith("p_")]
    assert not np.allclose(many[probabilities], plain[probabilities], atol=1e-4)
    np.testing.assert_allclose(many[probabilities].sum(axis=1), 1)
    again = predict_manifest(run, manifest, show_progress=False, views=8, batch_size=7, workers=1)
    pd.testing.assert_frame_equal(many, again, atol=1e-5)


def test_mirrored_views_are_for_models_that_learned_from_mirrored_images(runs):
    assert mirrors(runs[True].config) and not mirrors(runs[False].config)
    with pytest.raises(EvaluationError, match="1 to 5 views"):
        predict_manifest(runs[False], runs[False].manifest, views=6, show_progress=False)
    manifest = runs[True].manifest
    model = load_run_model(runs[True])
    with pytest.raises(EvaluationError, match="1 to 5 views"):
        predict_manifest(model, manifest, views=6, show_progress=False)
    asked = predict_manifest(model, manifest, views=6, mirrored=True, show_progress=False)
    assert asked.equals(predict_manifest(runs[True], manifest, views=6, show_progress=False))


def test_single_files_are_shown_in_the_same_views(runs):
    run = runs[True]
    rows = run.manifest.query("split == 'test'")
    table = predict_files(run, rows["path"], batch_size=5, show_progress=False, views=4)
    expected = predict_manifest(run, rows, show_progress=False, views=4)
    probabilities = [name for name in expected if name.startswith("p_")]
    assert not table["error"].any() and list(table["path"]) == list(expected["path"])
    np.testing.assert_allclose(table[probabilities], expected[probabilities], atol=1e-5)
