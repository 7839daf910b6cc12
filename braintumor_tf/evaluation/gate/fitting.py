"""Fitting the gate of a run on its own training and validation images, and reading it again."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from braintumor_tf.datasets.reading import open_image
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.gate.gate import Gate, Neighbourhood, directions, mean_distances
from braintumor_tf.evaluation.gate.picture_measures import PictureMeasures, measure_picture
from braintumor_tf.evaluation.prediction.predict import open_predictor
from braintumor_tf.evaluation.probing.features import has_features, image_features
from braintumor_tf.runs import Run
from braintumor_tf.types import Predictor

if TYPE_CHECKING:
    import keras

FILE = "gate.npz"

MOST = 1000
"""Training images, and validation images, that are looked at; of more, so many are drawn."""

PASSES = 0.99
"""The share of the validation images that lies within a limit before the margin is added."""

MARGIN = 1.15
"""Limits lie so much farther out: new patients lie a little farther away than those of validation."""

_LEAST_SPREAD = 0.02
_LEAST_UNLIKE = 20


def fit_gate(
    model: Predictor | keras.Model | Run | str | Path,
    manifest: pd.DataFrame,
    *,
    seed: int = 0,
    show_progress: bool = True,
) -> Gate:
    """Fits a gate on the training images of a manifest, with limits from its validation images.

    Validation images with a near-duplicate in training, as a split image by image has them, are left out where at least
    20 others are there: they lie nearer to the training images than a new patient does.

    Args:
        model: whose features are asked, as for `image_features`; one that has none is left out of it.
        manifest: with the splits ``train`` and ``validation``.
        seed: which images are drawn where there are more than 1,000.
        show_progress: whether to show a bar.

    Raises:
        EvaluationError: there is no training or no validation image.
        ImageReadError: an image cannot be read.

    Example:
        >>> gate = fit_gate("models/cnn", bt.Run("models/cnn").manifest)  # doctest: +SKIP
        >>> gate.reference, sorted(gate.parts)  # doctest: +SKIP
        (1000, ['features', 'measures', 'shape'])
    """
    training, validation = (_drawn(manifest, split, seed) for split in ("train", "validation"))
    if training.empty or validation.empty:
        raise EvaluationError("a gate needs training and validation images; split the manifest first (leakage.split)")
    rows = pd.concat([training, validation], ignore_index=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        looked_at = list(pool.map(_look_at, rows["path"]))
    measures = np.array([found.values for found in looked_at])
    count = len(training)
    centre = measures[:count].mean(axis=0)
    spread = np.maximum(measures[:count].std(axis=0), _LEAST_SPREAD)
    points = {
        "measures": (measures - centre) / spread,
        "shape": np.array([found.shape for found in looked_at]),
    }
    if has_features(open_predictor(model)):
        points["features"] = directions(image_features(model, rows, show_progress=show_progress))
    parts = {name: _neighbourhood(each[:count], each[count:]) for name, each in points.items()}
    return Gate(centre, spread, measures.min(axis=0), measures.max(axis=0), parts, count, len(validation))


def keep_gate(run: Run, model: Predictor, manifest: pd.DataFrame, *, seed: int = 0, show_progress: bool = True) -> None:
    """Fits a gate as `fit_gate` does and writes it into a run; there is none without validation images."""
    if {"train", "validation"} <= set(manifest["split"]):
        fit_gate(model, manifest, seed=seed, show_progress=show_progress).write(run.path / FILE)


def read_gate(run: Run | str | Path) -> Gate | None:
    """Returns the gate that a run has kept; None where it has none.

    Raises:
        RunError: there is no such run, or the file is damaged.
    """
    path = Run.of(run).path / FILE
    return Gate.read(path) if path.is_file() else None


def _drawn(manifest: pd.DataFrame, split: str, seed: int) -> pd.DataFrame:
    rows = manifest[manifest["split"] == split]
    if split == "validation" and "group" in rows:
        training = manifest.loc[manifest["split"] == "train", "group"]
        unlike = rows[~rows["group"].isin(training) | (rows["group"] == "")]
        rows = unlike if len(unlike) >= _LEAST_UNLIKE else rows
    return rows.sample(MOST, random_state=seed) if len(rows) > MOST else rows


def _look_at(path: str) -> PictureMeasures:
    return measure_picture(np.asarray(open_image(path)))


def _neighbourhood(training: np.ndarray, validation: np.ndarray) -> Neighbourhood:
    limit = MARGIN * float(np.quantile(mean_distances(training, validation), PASSES))
    return Neighbourhood(training.astype(np.float32), max(limit, 1e-6))
