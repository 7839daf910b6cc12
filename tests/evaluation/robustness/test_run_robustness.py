"""Scoring models under noise: the same noise for every model, the same answers as predicting, kept in a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import braintumor_tf as bt
from braintumor_tf.augment import GaussianNoise
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import BrainTumorError, ImageReadError
from braintumor_tf.evaluation import Ensemble, EvaluationError, predict_manifest, read_robustness, score_robustness
from braintumor_tf.evaluation.robustness import robustness
from braintumor_tf.evaluation.robustness.corruptions import choose_corruptions, corrupt, read_picture
from braintumor_tf.experiments import run_experiment, run_folds
from braintumor_tf.files import to_json
from braintumor_tf.models.image_fitting import fit_picture
from tests.training.toy import small_cnn, toy_manifest

QUICK = {
    "noises": ["gaussian", "motion_blur"],
    "severities": (1, 5),
    "resamples": 20,
    "show_progress": False,
    "size": 40,
}


class Watcher:
    """A model that keeps what it was shown, and says which quadrant of it is the brightest."""

    classes = CLASSES

    def __init__(self, side: int = 40, channels: int = 1):
        self.image_size, self.channels, self.crop, self.shown = (side, side), channels, None, []

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        self.shown.append(images)
        half = images.shape[1] // 2
        parts = [
            images[:, rows, columns].mean((1, 2, 3))
            for rows in (slice(half), slice(half, None))
            for columns in (slice(half), slice(half, None))
        ]
        powers = np.exp(np.stack(parts, axis=1))
        return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def run(manifest, tmp_path_factory):
    return run_experiment(
        manifest, "PCA", out=tmp_path_factory.mktemp("runs") / "pca", image_size=24, baselines=False, resamples=20,
        show_progress=False,
    )  # fmt: skip


def test_the_test_images_are_scored_clean_and_under_each_noise(manifest):
    found = robustness(Watcher(), manifest, **QUICK)
    versions = [("clean", 0), ("gaussian", 1), ("gaussian", 5), ("motion_blur", 1), ("motion_blur", 5)]
    rows = found.predictions
    assert rows[["noise", "severity"]].drop_duplicates().apply(tuple, axis=1).tolist() == versions
    test = manifest[manifest["split"] == "test"]
    assert all(part["path"].tolist() == test["path"].tolist() for _, part in rows.groupby(["noise", "severity"]))
    assert list(rows) == [*predict_manifest(Watcher(), test, splits=None, show_progress=False), "noise", "severity"]
    assert len(found.table) == 15 and list(found.table) == ["noise", "severity", "metric", "value", "low", "high"]
    assert list(found.losses) == ["noise", "severity", "value", "low", "high"] and len(found.losses) == 4
    assert found.table["value"][0] == 1.0 and found.losses["value"].max() > 0
    assert json.loads(to_json(found.to_dict()))["name"] == "Watcher"
    assert bt.robustness is robustness


def test_batches_and_their_size_and_the_order_of_images_change_nothing(manifest):
    found = robustness(Watcher(), manifest, batch_size=7, **QUICK)
    shuffled = manifest.sample(frac=1, random_state=0)
    other = robustness(Watcher(), shuffled, batch_size=64, **QUICK)
    order = ["noise", "severity", "path"]
    pd.testing.assert_frame_equal(*(each.predictions.sort_values(order, ignore_index=True) for each in (found, other)))


class Forgetful(Watcher):
    """A model that deletes the files of some images as soon as it was shown them."""

    def __init__(self, paths: list[str]):
        super().__init__(8)
        self.paths = paths

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        for path in self.paths:
            Path(path).unlink(missing_ok=True)
        return super().predict_images(images, batch_size=batch_size)


def test_more_images_than_are_held_at_once_are_read_once_each(tmp_path):
    """More than 512 of them: the versions of the first ones are all made before the last ones are read."""
    generator = np.random.default_rng(0)
    labels = [CLASSES[place % 4] for place in range(530)]
    many = pd.DataFrame({"path": [str(tmp_path / f"{place}.png") for place in range(530)], "label": labels})
    many = many.assign(split="test", group=many["path"])
    for path in many["path"]:
        Image.fromarray(generator.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
    how = {"noises": ["gaussian"], "severities": (2,), "resamples": 0, "show_progress": False, "size": 8}
    whole = robustness(Watcher(8), many, batch_size=600, **how).predictions
    parts = robustness(Watcher(8), many, batch_size=20, **how).predictions
    pd.testing.assert_frame_equal(whole, parts)
    assert parts["path"].tolist() == many["path"].tolist() * 2
    forgotten = robustness(Forgetful(many["path"].tolist()[:20]), many, batch_size=20, **how).predictions
    pd.testing.assert_frame_equal(forgotten, parts)


def test_every_model_is_shown_the_same_pictures(manifest):
    test = manifest[manifest["split"] == "test"].head(5)
    plain, coloured, small = models = Watcher(40, 1), Watcher(40, 3), Watcher(20, 1)
    for model in models:
        robustness(model, test, batch_size=5, **QUICK)
    for one, three, little in zip(plain.shown, coloured.shown, small.shown, strict=True):
        np.testing.assert_array_equal(np.repeat(one, 3, axis=3), three)
        np.testing.assert_array_equal(np.stack([fit_picture(small, image[..., 0]) for image in one]), little)
    for version, shown in zip(
        [None, *choose_corruptions(QUICK["noises"], severities=(1, 5))], plain.shown, strict=True
    ):
        expected = [corrupt(read_picture(path, size=(40, 40)), version, seed=0)[..., None] for path in test["path"]]
        np.testing.assert_array_equal(shown, np.stack(expected))
    again = Watcher()
    robustness(again, test, batch_size=5, seed=1, **QUICK)
    np.testing.assert_array_equal(again.shown[0], plain.shown[0])
    assert not np.array_equal(again.shown[1], plain.shown[1])


def test_a_keras_model_answers_as_predict_does(manifest):
    model = small_cnn()
    found = robustness(model, manifest, batch_size=7, **{**QUICK, "size": 32})
    clean = found.predictions[found.predictions["noise"] == "clean"].drop(columns=["noise", "severity"])
    expected = predict_manifest(model, manifest, splits=("test",), show_progress=False)
    columns = [f"p_{name}" for name in CLASSES]
    np.testing.assert_allclose(clean[columns], expected[columns], atol=1e-6)
    assert found.name == "CNN" and found.settings["size"] == [32, 32]
    (noise,) = choose_corruptions("gaussian", severities=[5])
    noisy = found.predictions.query("noise == 'gaussian' and severity == 5")
    pixels = np.stack([corrupt(read_picture(path, size=(32, 32)), noise, seed=0) for path in noisy["path"]])
    np.testing.assert_allclose(noisy[columns], model.predict(pixels[..., None].astype("float32"), verbose=0), atol=1e-6)


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


def test_an_ensemble_is_the_weighted_mean_of_its_members(manifest):
    first, second = Watcher(40), Watcher(16)
    both = robustness(Ensemble([first, second], [3, 1]), manifest, **QUICK)
    parts = [robustness(model, manifest, **QUICK).predictions.filter(like="p_") for model in (first, second)]
    np.testing.assert_allclose(both.predictions.filter(like="p_"), 0.75 * parts[0] + 0.25 * parts[1])
    assert both.name == "ensemble"


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


def test_what_cannot_be_scored_is_refused(manifest, tmp_path):
    test = manifest[manifest["split"] == "test"]
    for model, rows, options, message in (
        (Watcher(), None, {}, "give a manifest"),
        (Watcher(), manifest.head(0), {}, "no test image"),
        (Watcher(), test.assign(label="cat"), {}, "label cat"),
        (Watcher(), test, {"severities": (7,)}, "1 to 5"),
        (Watcher(), test, {"size": 0}, "size=0"),
        (Watcher(), test, {"noises": "wind"}, "no noise called 'wind'"),
    ):
        with pytest.raises(BrainTumorError, match=message):
            robustness(model, rows, **{**QUICK, **options})
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(ImageReadError, match="broken.png"):
        robustness(Watcher(), pd.concat([test, test.head(1).assign(path=str(broken))]), **QUICK)
    only_validation = manifest[manifest["split"] == "validation"]
    assert len(robustness(Watcher(), only_validation, **QUICK).predictions) == 5 * len(only_validation)


def test_answers_that_are_no_probabilities_are_refused(manifest):
    model = Watcher()
    model.predict_images = lambda images, batch_size: np.full((len(images), 4), np.nan)
    with pytest.raises(EvaluationError, match="no probabilities"):
        robustness(model, manifest, **QUICK)
