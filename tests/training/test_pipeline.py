"""Fitting the pipeline: its penalty is the one that scikit-learn finds best on the validation images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.pipeline import make_pipeline

from braintumor_tf.datasets.descriptions import content_hash
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.models import build, load_model
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, fit_pipeline
from tests.training.toy import toy_manifest

SIDE, STRENGTHS = 12, (0.01, 0.1, 1.0)
BETTER = {"val_loss": min, "val_accuracy": max, "val_macro_f1": max}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    """The toy images under so much noise that no model is right about all of them."""
    manifest = toy_manifest(tmp_path_factory.mktemp("toy"))
    generator = np.random.default_rng(5)
    for path in manifest["path"]:
        image = Image.open(path).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        noisy = 0.3 * np.asarray(image, float) + generator.normal(90, 45, (SIDE, SIDE))
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path)
    return manifest.assign(md5=[content_hash(Path(path).read_bytes()) for path in manifest["path"]])


@pytest.fixture(scope="module")
def expected(manifest) -> dict[str, dict[float, float]]:
    """Each monitor's score of each strength, computed with scikit-learn alone."""
    parts = {}
    for split, rows in manifest.groupby("split"):
        pixels = np.stack([np.asarray(Image.open(path), "float32").ravel() / 255 for path in rows["path"]])
        parts[split] = pixels, [CLASSES.index(label) for label in rows["label"]]
    (images, labels), (validation, truth) = parts["train"], parts["validation"]
    scores = {name: {} for name in BETTER}
    for strength in STRENGTHS:
        components = PCA(len(images) - 1, svd_solver="randomized", random_state=0)
        model = make_pipeline(components, LogisticRegression(C=strength, max_iter=1000)).fit(images, labels)
        answers = model.predict_proba(validation)
        scores["val_loss"][strength] = log_loss(truth, answers)
        scores["val_accuracy"][strength] = accuracy_score(truth, answers.argmax(axis=1))
        scores["val_macro_f1"][strength] = f1_score(truth, answers.argmax(axis=1), average="macro")
    return scores


@pytest.mark.parametrize("monitor", BETTER)
def test_the_strength_is_the_best_of_the_monitor_on_the_validation_images(manifest, expected, monitor, tmp_path):
    scores = expected[monitor]
    wanted = BETTER[monitor](scores.values())
    strongest = min(strength for strength, score in scores.items() if score == wanted)  # of equals
    assert len(set(scores.values())) > 1
    run = Run.create(tmp_path / "run", {}, manifest)
    model = build("PCA", image_size=SIDE, seed=0)
    training = fit_pipeline(model, manifest, run=run, monitor=monitor, show_progress=False)
    assert training.best["regularisation"] == model.regularisation == strongest
    assert training.best["monitor"] == monitor and training.best["score"] == pytest.approx(wanted, abs=1e-3)
    kept = load_model(run.file("model.skops"))
    images = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 1), dtype=np.uint8)
    np.testing.assert_allclose(kept.predict_images(images), model.predict_images(images), atol=1e-6)


def test_the_validation_images_are_not_augmented_and_the_test_images_not_read(manifest):
    changed = manifest.assign(path=manifest["path"].where(manifest["split"] != "test", "/nowhere.png"))
    preset = Preset(patience=None, augmentation={"rotation_range": 180, "width_shift_range": 0.5}, monitor="val_loss")
    model = build("PCA", image_size=SIDE, seed=0)
    score = fit_pipeline(model, changed, preset=preset, show_progress=False).best["score"]
    rows = manifest[manifest["split"] == "validation"]
    images = np.stack([np.asarray(Image.open(path)) for path in rows["path"]])[..., None]
    truth, answers = [CLASSES.index(label) for label in rows["label"]], model.predict_images(images).astype(float)
    assert score == pytest.approx(log_loss(truth, answers / answers.sum(axis=1, keepdims=True)), abs=1e-6)


def test_equal_scores_are_told_apart_by_the_stronger_penalty(tmp_path):
    manifest = toy_manifest(tmp_path)  # where all strengths are right about every image
    training = fit_pipeline(build("PCA", image_size=SIDE, seed=0), manifest, show_progress=False)
    assert training.best == {"regularisation": 0.01, "monitor": "val_macro_f1", "score": 1.0}
