"""The pipeline's file: trusted types only."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
import skops.io

from braintumor_tf.leakage import BASELINES
from braintumor_tf.models import ModelError, build, load_model
from braintumor_tf.models.pca import PCALogisticRegression


class _Harmful:
    """Would make a folder when unpickled."""

    def __init__(self, folder: str):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def _fitted() -> PCALogisticRegression:
    images = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 1), dtype=np.uint8)
    return PCALogisticRegression(("a", "b", "c"), (16, 16), components=5).fit(images, list("ab") * 12)


def test_a_class_that_was_not_in_training_gets_no_probability():
    probabilities = _fitted().predict_images(np.full((2, 16, 16, 1), 100, np.uint8))
    assert probabilities.shape == (2, 3) and (probabilities[:, 2] == 0).all()


def test_a_file_with_an_untrusted_type_is_refused_and_runs_nothing(tmp_path):
    path, folder = tmp_path / "model.skops", tmp_path / "made_by_the_file"
    skops.io.dump({"format": "x", "pipeline": _Harmful(str(folder))}, path)
    with pytest.raises(ModelError, match="not trusted"):
        load_model(path)
    assert not folder.exists()


def test_a_file_of_something_else_is_refused(tmp_path):
    skops.io.dump({"some": "dictionary"}, tmp_path / "model.skops")
    with pytest.raises(ModelError, match="something else"):
        load_model(tmp_path / "model.skops")


def test_the_file_holds_no_pickle(tmp_path):
    _fitted().save(tmp_path / "model.skops")
    names = zipfile.ZipFile(tmp_path / "model.skops").namelist()
    assert names and all(name.endswith((".json", ".npy")) for name in names)
    assert [path.name for path in tmp_path.iterdir()] == ["model.skops"]


def test_what_cannot_be_learned_is_named():
    images = np.full((4, 16, 16, 1), 90, np.uint8)
    with pytest.raises(ModelError, match="one class"):
        build("PCA").fit(images, ["glioma"] * 4)
    with pytest.raises(ModelError, match="cat"):
        build("PCA").fit(images, ["glioma", "cat"] * 2)
    with pytest.raises(ModelError, match="not learned"):
        build("PCA").predict_images(images)


def test_the_pipeline_is_that_of_the_shortcut_baseline():
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)
    made = build("PCA", image_size=8, seed=3).fit(images, ["glioma", "pituitary"] * 6).pipeline.get_params()
    baseline = BASELINES["pca_logistic_regression"][1](12, 3).get_params()
    settings = ("pca__n_components", "pca__svd_solver", "pca__random_state", "logisticregression__C")
    assert [made[name] for name in settings] == [baseline[name] for name in settings] == [11, "randomized", 3, 0.1]
    assert build("PCA").components == 200
