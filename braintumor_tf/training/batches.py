"""Batches of a manifest's split: the training images augmented, the validation images as they are."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.augment.noise import Noise
from braintumor_tf.datasets.content_check import check_contents
from braintumor_tf.errors import TrainingError
from braintumor_tf.training.remedies.images import WEIGHT
from braintumor_tf.types import Predictor


def training_batches(
    manifest: pd.DataFrame,
    predictor: Predictor,
    *,
    batch_size: int,
    augmentation: Mapping[str, Any],
    noise: Noise | None = None,
    seed: int = 0,
) -> Any:
    """Returns shuffled, augmented batches of the training images, one-hot labels in the order of the model's classes.

    Args:
        manifest: a manifest with splits; a column ``weight`` says how much each image counts in the loss.
        predictor: the model; its size, its channels, its crop and its classes are read.
        batch_size: images a batch.
        augmentation: arguments of the generator.
        noise: a noise model of `braintumor_tf.augment.noise`, or None.
        seed: of order, augmentation and noise.
    """
    generator = ImageDataGenerator(**augmentation, noise=noise, seed=seed, crop=predictor.crop, cache=True)
    return _flow(
        generator,
        split_rows(manifest, "train", predictor.classes),
        predictor,
        batch_size=batch_size,
        seed=seed,
        shuffle=True,
    )


def validation_batches(manifest: pd.DataFrame, predictor: Predictor, *, batch_size: int) -> Any:
    """Returns the validation images in the manifest's order, neither augmented nor made noisy."""
    generator = ImageDataGenerator(crop=predictor.crop, cache=True)
    rows = split_rows(manifest, "validation", predictor.classes)
    return _flow(generator, rows, predictor, batch_size=batch_size, shuffle=False)


def split_rows(manifest: pd.DataFrame, split: str, classes: Sequence[str]) -> pd.DataFrame:
    """Returns the rows of one split.

    Raises:
        TrainingError: there are none, or a label is not one of the classes.
    """
    rows = manifest[manifest["split"] == split]
    if rows.empty:
        raise TrainingError(f"no image is in the {split} split; split the manifest first (leakage.split)")
    unknown = sorted(set(rows["label"]) - set(classes))
    if unknown:
        raise TrainingError(f"label {', '.join(unknown)} is not among the model's classes {', '.join(classes)}")
    return rows.reset_index(drop=True)


def class_weights(
    rows: pd.DataFrame, classes: Sequence[str], wanted: str | Mapping[str, float] | None
) -> dict[str, float] | None:
    """Returns a weight for each class name, or None for all alike.

    ``"balanced"`` gives images / (classes present x images of the class), as scikit-learn does; a class without images
    gets 0.

    Raises:
        TrainingError: `wanted` is another word, or names a class that is not there.
    """
    if wanted is None:
        return None
    if isinstance(wanted, str):
        if wanted != "balanced":
            raise TrainingError(
                f"class_weights {wanted!r} is not known; give 'balanced', a weight for each class, or None"
            )
        counts = rows["label"].value_counts()
        return {name: float(len(rows) / (len(counts) * counts[name])) if name in counts else 0.0 for name in classes}
    unknown = sorted(set(wanted) - set(classes))
    if unknown or not np.isfinite(list(wanted.values())).all() or min(wanted.values()) < 0:
        raise TrainingError(f"class_weights {dict(wanted)!r} do not fit the classes {', '.join(classes)}")
    return {name: float(wanted.get(name, 1.0)) for name in classes}


def _flow(
    generator: ImageDataGenerator,
    rows: pd.DataFrame,
    predictor: Predictor,
    *,
    batch_size: int,
    shuffle: bool,
    seed: int = 0,
) -> Any:
    check_contents(rows, splits=None)
    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints how many files it found
        batches = generator.flow_from_dataframe(
            rows,
            x_col="path",
            y_col="label",
            classes=list(predictor.classes),
            color_mode="grayscale" if predictor.channels == 1 else "rgb",
            target_size=predictor.image_size,
            interpolation="bilinear",
            class_mode="categorical",
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            validate_filenames=False,  # else images that a scan takes, such as WebP, would be left out for their names
            weight_col=WEIGHT if WEIGHT in rows else None,
        )
    batches.read_files()
    return batches
