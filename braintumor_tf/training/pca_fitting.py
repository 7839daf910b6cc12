"""Fitting the scikit-learn pipeline: in one go for each strength of its penalty, the best chosen on validation."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, log_loss

from braintumor_tf.augment.noise import Noise
from braintumor_tf.errors import TrainingError
from braintumor_tf.models.pca import PCALogisticRegression
from braintumor_tf.runs import Run, keeping_hash
from braintumor_tf.training.batches import class_weights, split_rows, training_batches, validation_batches
from braintumor_tf.training.fitting import Training
from braintumor_tf.training.presets import Preset, rank
from braintumor_tf.training.remedies.images import scanner_noise, training_images
from braintumor_tf.training.settings import resolve_preset

STRENGTHS = (0.01, 0.1, 1.0)
"""Inverse strengths of the penalty that are tried."""


def fit_pipeline(
    model: PCALogisticRegression,
    manifest: pd.DataFrame,
    *,
    run: Run | None = None,
    preset: str | Preset = "pca",
    noise: Noise | None = None,
    seed: int = 0,
    show_progress: bool = True,
    resume: bool = False,
    **settings: Any,
) -> Training:
    """Fits the pipeline on the training images for each of `STRENGTHS` and keeps the best on the validation images.

    Args:
        model: a model built by ``build("PCA")``; it holds the fitted pipeline afterwards.
        manifest: a manifest with the splits ``train`` and ``validation``.
        run: where to write ``model.skops``; None for nowhere.
        preset: its ``class_weights``, ``monitor``, ``batch_size`` and ``augmentation`` are read; images are
            augmented once. Of the remedies it takes those that change images, not those that change the loss.
        noise: a noise model for the training images, or None.
        seed: of the noise.
        show_progress: has no effect; it takes seconds.
        resume: has no effect; it is fitted anew.
        settings: fields of `Preset` that replace the preset's.

    Raises:
        TrainingError: a split is empty, a label or a setting is not known, or the setting is one for networks.
    """
    preset = resolve_preset(preset, **settings)
    if preset.box_loss or preset.group_dro or preset.balance:
        raise TrainingError("box_loss, group_dro and balance are for networks; leave them out for the pipeline")
    with training_images(manifest, preset, seed=seed, show_progress=show_progress) as images:
        done = _fit(model, images.manifest, run, preset, scanner_noise(preset, noise), seed)
    return replace(done, counterfactuals=images.pairs)


def _fit(
    model: PCALogisticRegression,
    manifest: pd.DataFrame,
    run: Run | None,
    preset: Preset,
    noise: Noise | None,
    seed: int,
) -> Training:
    started = time.perf_counter()
    rows = split_rows(manifest, "train", model.classes)
    weights = class_weights(rows, model.classes, preset.class_weights)
    settings = {"batch_size": preset.batch_size, "augmentation": preset.augmentation}
    images, labels = _all(training_batches(manifest, model, **settings, noise=noise, seed=seed), model.classes)
    validation = validation_batches(manifest, model, batch_size=preset.batch_size)
    validation_images, truth = _all(validation, model.classes)
    ranked = []
    for strength in STRENGTHS:
        candidate = PCALogisticRegression(
            model.classes, model.image_size, components=model.components, regularisation=strength, seed=model.seed
        )
        candidate.fit(images, labels, class_weight=weights)
        probabilities = candidate.predict_images(validation_images)
        score = _score(preset.monitor, truth, probabilities, model.classes)
        ranked.append((rank(preset.monitor, score), -strength, score, candidate))
    _, _, score, best = max(ranked, key=lambda entry: entry[:2])
    model.regularisation, model.pipeline = best.regularisation, best.pipeline
    if run is not None:
        with keeping_hash(run.path / "model.skops") as temporary:
            model.save(temporary)
    seconds = time.perf_counter() - started
    chosen = {"regularisation": best.regularisation, "monitor": preset.monitor, "score": score}
    return Training(model, None, chosen, seconds, len(rows) / seconds)


def _all(batches: Any, classes: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    parts = [batches[index] for index in range(len(batches))]
    images = np.concatenate([np.rint(np.clip(part, 0, 255)).astype(np.uint8) for part, _ in parts])
    return images, [classes[index] for _, labels in parts for index in np.argmax(labels, axis=1)]


def _score(monitor: str, truth: list[str], probabilities: np.ndarray, classes: tuple[str, ...]) -> float:
    predicted = [classes[index] for index in np.argmax(probabilities, axis=1)]
    if monitor == "val_accuracy":
        return float(accuracy_score(truth, predicted))
    if monitor == "val_loss":
        one_hot = np.array([[label == name for name in classes] for label in truth], float)
        return float(log_loss(one_hot.argmax(1), np.clip(probabilities, 1e-12, 1), labels=range(len(classes))))
    return float(f1_score(truth, predicted, average="macro", zero_division=0))
