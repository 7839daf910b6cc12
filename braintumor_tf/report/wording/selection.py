"""Choosing the images that a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.leakage import near_duplicate_in_training


def scored_images(predictions: pd.DataFrame, metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Returns the predictions that the scores are made of: those of the split that the metrics name."""
    return predictions[predictions["split"] == metrics.get("split", "test")]


def probability_columns(predictions: pd.DataFrame) -> list[str]:
    """Returns the names of the probability columns, in class order."""
    return [name for name in predictions.columns if name.startswith("p_")]


def with_confidence(predictions: pd.DataFrame) -> pd.DataFrame:
    """Returns a copy with `confidence` (the probability of the predicted class, 0..1) and `correct`."""
    chances = predictions[probability_columns(predictions)].to_numpy(dtype=float)
    confidence = chances.max(axis=1) if chances.size else np.full(len(predictions), np.nan)
    return predictions.assign(confidence=confidence, correct=predictions["label"] == predictions["predicted"])


def sample_rows(manifest: pd.DataFrame, for_each_class: int = 4, seed: int = 0) -> pd.DataFrame:
    """Draws images of each class at random, without showing a near-duplicate group twice where that can be helped."""
    generator = np.random.default_rng(seed)
    shuffled = manifest.iloc[generator.permutation(len(manifest))]
    if "group" in shuffled:
        repeated = (shuffled["group"].astype(str) != "") & shuffled.duplicated(["label", "group"])
        shuffled = pd.concat([shuffled[~repeated], shuffled[repeated]])
    return shuffled.groupby("label", sort=True).head(for_each_class).sort_values("label", kind="stable")


def predicted_rows(predictions: pd.DataFrame, count: int = 12, seed: int = 0) -> pd.DataFrame:
    """Draws scored images at random, as many of each true class as there is room for, with their confidence."""
    predictions = with_confidence(predictions)
    classes = max(predictions["label"].nunique(), 1)
    return sample_rows(predictions, -(-count // classes), seed).head(max(count, classes))


def worst_rows(predictions: pd.DataFrame, count: int = 12) -> pd.DataFrame:
    """Returns the errors that the model was surest of, the surest first."""
    predictions = with_confidence(predictions)
    return predictions[~predictions["correct"]].sort_values("confidence", ascending=False, kind="stable").head(count)


def twin_mask(predictions: pd.DataFrame, manifest: pd.DataFrame) -> pd.Series:
    """Says for each scored image whether its near-duplicate group also holds a training image."""
    return near_duplicate_in_training(predictions, manifest)
