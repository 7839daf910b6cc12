"""Whether the confidence of a model comes true: calibration scores with intervals, and the reliability table."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.calibration.calibration_error import (
    BINS,
    EQUAL_MASS,
    EQUAL_WIDTH,
    bin_edges,
    brier_scores,
    calibrated_floor,
    expected_calibration_error,
    in_bins,
    log_losses,
    truth_and_probabilities,
)
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights, mean_scores, with_interval
from braintumor_tf.evaluation.scores.weighted_metrics import ratio
from braintumor_tf.types import Score


@dataclass(frozen=True, kw_only=True)
class CalibrationScores:
    """How far the probabilities of a predictions table can be taken at their word.

    Attributes:
        expected_calibration_error: with equal-width bins.
        adaptive_calibration_error: with equal-mass bins.
        brier_score: summed over classes, 0 to 2.
        negative_log_likelihood: natural logarithm.
        confidence: mean over the images.
        accuracy: mean over the images.
        error_if_calibrated: the number of `calibrated_floor`.
    """

    expected_calibration_error: Score
    adaptive_calibration_error: Score
    brier_score: Score
    negative_log_likelihood: Score
    confidence: Score
    accuracy: Score
    error_if_calibrated: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the scores as ``calibration.json`` holds them."""
        return asdict(self)


def calibration_scores(
    predictions: pd.DataFrame, classes: Sequence[str], *, bins: int = BINS, resamples: int = 1000, seed: int = 0
) -> CalibrationScores:
    """Scores how far the probabilities of a predictions table can be taken at their word.

    The intervals are percentile bootstraps over groups, but for the two calibration errors. Resampling pushes these up
    just as few images do, so their resamples are mirrored at the value: the basic bootstrap, cut at 0.

    Args:
        predictions: a predictions table; all its rows are scored.
        classes: class names in order.
        bins: bins of confidence.
        resamples: of the intervals.
        seed: of the resamples.

    Raises:
        EvaluationError: labels or columns do not fit the classes, or there is no row.

    Example:
        >>> rows = pd.DataFrame({"label": ["tumor", "no_tumor"], "group": ["a", "b"]})
        >>> rows = rows.assign(p_no_tumor=[0.0, 0.5], p_tumor=[1.0, 0.5])
        >>> calibration_scores(rows, ("no_tumor", "tumor")).brier_score.value
        0.25
    """
    truth, probabilities = truth_and_probabilities(predictions, classes)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    groups = group_numbers(predictions["group"])
    means = mean_scores(
        {
            "brier_score": brier_scores(truth, probabilities),
            "negative_log_likelihood": log_losses(truth, probabilities),
            "confidence": confidence,
            "accuracy": right.astype(float),
        },
        groups,
        resamples=resamples,
        seed=seed,
    )
    binnings = {"expected_calibration_error": EQUAL_WIDTH, "adaptive_calibration_error": EQUAL_MASS}

    def both(weights: np.ndarray | None) -> np.ndarray:
        return np.stack(
            [
                expected_calibration_error(right, confidence, bins=bins, binning=each, weights=weights)
                for each in binnings.values()
            ]
        )

    drawn = [both(weights) for weights in group_weights(groups, resamples=resamples if groups.max() else 0, seed=seed)]
    draws = np.concatenate(drawn, axis=1) if drawn else [None, None]
    errors = {name: _mirrored(value, each) for name, value, each in zip(binnings, both(None)[:, 0], draws)}
    floor = calibrated_floor(confidence, groups, bins=bins, resamples=resamples, seed=seed)
    return CalibrationScores(**errors, **means, error_if_calibrated=floor)


def _mirrored(value: float, draws: np.ndarray | None) -> Score:
    """Returns a score whose interval is the percentile interval mirrored at the value, cut at 0, and holds it."""
    found = with_interval(value, draws)
    if found.low is None:
        return found
    low, high = 2 * value - found.high, 2 * value - found.low
    return Score(found.value, float(max(low, 0.0)), float(max(high, value)))


def reliability_table(
    predictions: pd.DataFrame,
    classes: Sequence[str],
    *,
    bins: int = BINS,
    binning: str = EQUAL_WIDTH,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Returns what a reliability diagram draws: confidence against accuracy in bins of confidence.

    Args:
        predictions: a predictions table; all its rows are used.
        classes: class names in order.
        bins: as for `bin_edges`.
        binning: as for `bin_edges`.
        resamples: of the intervals of the accuracy, over groups.
        seed: of the resamples.

    Returns:
        One row a bin: `low` and `high` (its edges), `images`, `groups`, `confidence` (mean), `accuracy`,
        `accuracy_low`, `accuracy_high`; NaN in empty bins, and no interval for a bin of a single group.

    Raises:
        EvaluationError: as `calibration_scores`, or there are no such bins.
    """
    truth, probabilities = truth_and_probabilities(predictions, classes)
    confidence, right = probabilities.max(axis=1), (probabilities.argmax(axis=1) == truth).astype(float)
    edges, groups = bin_edges(confidence, bins=bins, binning=binning), group_numbers(predictions["group"])
    bin_of = np.eye(len(edges) - 1)[in_bins(confidence, edges)]
    draws = [
        ratio((weights * right) @ bin_of, weights @ bin_of)
        for weights in group_weights(groups, resamples=resamples, seed=seed)
    ]
    rows = []
    for place, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = bin_of[:, place] > 0
        number = len(set(groups[inside]))
        drawn = np.concatenate(draws)[:, place] if draws and number > 1 else None
        found = with_interval(right[inside].mean() if inside.any() else np.nan, drawn)
        mean = confidence[inside].mean() if inside.any() else np.nan
        rows.append((low, high, int(inside.sum()), number, mean, found.value, found.low, found.high))
    columns = ["low", "high", "images", "groups", "confidence", "accuracy", "accuracy_low", "accuracy_high"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[4:], float))
