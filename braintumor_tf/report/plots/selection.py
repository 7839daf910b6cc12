"""Which images a figure or a page shows: those that were scored, a fair draw, the errors with the most confidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.predictions_table import classes_in, probabilities_of


def scored_images(predictions: pd.DataFrame, metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Returns the predictions that the scores are made of: those of the split that the metrics name."""
    return predictions[predictions["split"] == metrics.get("split", "test")]


def with_confidence(predictions: pd.DataFrame) -> pd.DataFrame:
    """Returns a copy with `confidence` (the probability of the predicted class, 0..1) and `correct`."""
    probabilities = probabilities_of(predictions, classes_in(predictions))
    confidence = probabilities.max(axis=1) if probabilities.size else np.full(len(predictions), np.nan)
    return predictions.assign(confidence=confidence, correct=predictions["label"] == predictions["predicted"])


def sample_rows(manifest: pd.DataFrame, *, for_each_class: int = 4, seed: int = 0) -> pd.DataFrame:
    """Draws images of each class at random, without showing a near-duplicate group twice where that can be helped."""
    generator = np.random.default_rng(seed)
    shuffled = manifest.iloc[generator.permutation(len(manifest))]
    if "group" in shuffled:
        repeated = (shuffled["group"].astype(str) != "") & shuffled.duplicated(["label", "group"])
        shuffled = pd.concat([shuffled[~repeated], shuffled[repeated]])
    return shuffled.groupby("label", sort=True).head(for_each_class).sort_values("label", kind="stable")


def predicted_rows(predictions: pd.DataFrame, *, count: int = 12) -> pd.DataFrame:
    """Draws scored images at random, as many of each true class as there is room for, with their confidence."""
    predictions = with_confidence(predictions)
    classes = max(predictions["label"].nunique(), 1)
    return sample_rows(predictions, for_each_class=-(-count // classes)).head(max(count, classes))


def worst_rows(predictions: pd.DataFrame, *, count: int = 12) -> pd.DataFrame:
    """Returns the errors with the most confidence, the most confident first."""
    predictions = with_confidence(predictions)
    return predictions[~predictions["correct"]].sort_values("confidence", ascending=False, kind="stable").head(count)


def right_and_wrong_rows(predictions: pd.DataFrame, *, count: int = 4, seed: int = 0) -> pd.DataFrame:
    """Chooses images for `right_and_wrong_maps`: the errors with the most confidence, and as many right answers.

    Args:
        predictions: the table of predictions.
        count: how many of either; of look-alikes (one group) only one error is shown.
        seed: of the draw of right answers, of the same true classes as the errors where there are some.

    Returns:
        Their rows with `confidence` and `correct`, the right ones first, in pairs of one true class where possible.
    """
    wrong = worst_rows(predictions, count=len(predictions))
    if "group" in wrong:
        wrong = wrong[(wrong["group"].astype(str) == "") | ~wrong.duplicated("group")]
    wrong = wrong.head(count)
    right = with_confidence(predictions)
    right = sample_rows(right[right["correct"]], for_each_class=count, seed=seed)
    by_class = {label: list(rows.index) for label, rows in right.groupby("label")}
    wanted = list(wrong["label"]) or list(by_class)
    chosen: list[Any] = []
    for place in range(min(count, len(right))):
        own = by_class.get(wanted[place % len(wanted)]) or max(by_class.values(), key=len)
        chosen.append(own.pop(0))
    return pd.concat([right.loc[chosen], wrong])
