"""Scores of the same images under each noise, resampled together: equal draws of groups make losses paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.robustness.corruptions import CLEAN
from braintumor_tf.evaluation.scores.group_bootstrap import (
    Drawn,
    difference_with_interval,
    group_numbers,
    group_weights,
)
from braintumor_tf.evaluation.scores.proportions import label_score_groups, proportion_scores
from braintumor_tf.evaluation.scores.weighted_metrics import LABEL_SCORES, weighted_confusion
from braintumor_tf.predictions_table import PREDICTED, class_numbers
from braintumor_tf.types import Score

METRICS = ("accuracy", "balanced_accuracy", "macro_f1")
"""What is scored, names of `LABEL_SCORES`."""

Version = tuple[str, int]
"""Name of the noise and severity; ``("clean", 0)`` for the images as they are."""


@dataclass(frozen=True)
class Draws:
    """Scores of every version of the images.

    Attributes:
        versions: clean first.
        values: scores of the images themselves, shape ``(versions, metrics)``.
        resampled: scores of each resample, shape ``(versions, metrics, resamples)``; None for fewer than two groups.
        groups: the effective number of groups that each metric rests on, shape ``(metrics,)``.
        accuracies: the accuracy of each version, whose interval needs no resamples.
    """

    versions: tuple[Version, ...]
    values: np.ndarray
    resampled: np.ndarray | None
    groups: np.ndarray
    accuracies: tuple[Score, ...] = ()

    def of(self, metric: str, version: Version) -> tuple[float, np.ndarray | None]:
        """Returns one score of the images themselves and of each resample."""
        place, which = self.versions.index(version), METRICS.index(metric)
        return float(self.values[place, which]), None if self.resampled is None else self.resampled[place, which]

    def mean(self, metric: str, versions: Sequence[Version]) -> tuple[float, np.ndarray | None]:
        """Returns the mean of one score over several versions, of the images themselves and of each resample."""
        found = [self.of(metric, version) for version in versions]
        drawn = None if self.resampled is None else np.mean([each for _, each in found], axis=0)
        return float(np.mean([value for value, _ in found])), drawn

    def drawn(self, metric: str, versions: Sequence[Version]) -> Drawn:
        """Returns the mean of one score over several versions with the groups that it rests on."""
        return Drawn(*self.mean(metric, versions), float(self.groups[METRICS.index(metric)]))


def draw_scores(predictions: pd.DataFrame, classes: Sequence[str], *, resamples: int, seed: int) -> Draws:
    """Scores the predictions of every version.

    Args:
        predictions: as `noisy_predictions.predict_corrupted` returns them.
        classes: class names in order.
        resamples: how many times groups are drawn, the same for every version.
        seed: of the draws.

    Raises:
        EvaluationError: clean predictions are missing, a version has other images than the others, or a label is not
            among the classes.
    """
    parts = {
        (str(name), int(severity)): part
        for (name, severity), part in predictions.groupby(["noise", "severity"], sort=False)
    }
    if (CLEAN, 0) not in parts:
        raise EvaluationError("the predictions hold no clean images (noise 'clean', severity 0); predict them too")
    first = parts.pop((CLEAN, 0))
    parts = {(CLEAN, 0): first, **parts}
    if any(part["path"].tolist() != first["path"].tolist() for part in parts.values()):
        raise EvaluationError("the noises were not predicted on the same images in the same order; predict again")
    truth, groups = class_numbers(first["label"], classes), group_numbers(first["group"])
    named = [class_numbers(part[PREDICTED], classes) for part in parts.values()]

    def scores(weights: np.ndarray) -> np.ndarray:
        matrices = [weighted_confusion(truth, each, weights, classes=len(classes)) for each in named]
        return np.array([[LABEL_SCORES[name](matrix) for name in METRICS] for matrix in matrices])

    pieces = (
        [scores(weights) for weights in group_weights(groups, resamples=resamples, seed=seed)]
        if groups.max() > 0
        else []
    )
    resampled = np.concatenate(pieces, axis=2) if pieces else None
    independent = label_score_groups(truth, groups, classes=len(classes))
    numbers = np.array([independent[name] for name in METRICS])
    right = {place: (truth == each, np.ones(len(first), bool)) for place, each in enumerate(named)}
    shares = tuple(proportion_scores(right, groups).values())
    return Draws(tuple(parts), scores(np.ones((1, len(first))))[..., 0], resampled, numbers, shares)


def score_table(draws: Draws) -> pd.DataFrame:
    """Returns one row a version and metric: noise, severity, metric, value, low, high."""
    rows = [
        {
            "noise": name,
            "severity": severity,
            "metric": metric,
            **_score(draws, metric, place).to_dict(),
        }
        for place, (name, severity) in enumerate(draws.versions)
        for metric in METRICS
    ]
    return _floats(pd.DataFrame(rows))


def _score(draws: Draws, metric: str, place: int) -> Score:
    if metric == "accuracy" and draws.accuracies:
        return draws.accuracies[place]
    return draws.drawn(metric, [draws.versions[place]]).score()


def loss_table(draws: Draws, *, metric: str = "macro_f1") -> pd.DataFrame:
    """Returns one row a noise and severity: what a score lost against clean, with its paired interval."""
    rows = [
        {"noise": name, "severity": severity, **mean_loss(draws, [(name, severity)], metric=metric).to_dict()}
        for name, severity in draws.versions[1:]
    ]
    return _floats(pd.DataFrame(rows))


def mean_loss(draws: Draws, versions: Sequence[Version], *, metric: str = "macro_f1") -> Score:
    """Returns the mean over versions of what a score lost against clean; resamples draw the same groups for both."""
    return difference_with_interval(draws.drawn(metric, [(CLEAN, 0)]), draws.drawn(metric, versions))


def _floats(table: pd.DataFrame) -> pd.DataFrame:
    return table.astype(dict.fromkeys(("value", "low", "high"), float))
