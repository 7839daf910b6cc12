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
    calibrated_errors,
    expected_calibration_error,
    in_bins,
    log_losses,
    truth_and_probabilities,
)
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights, mean_scores, with_interval
from braintumor_tf.evaluation.scores.proportions import CONFIDENCE, effective_groups, proportion_scores
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
        error_if_calibrated: the mean of `calibrated_errors` with equal-width bins. A measured error about as large
            is no evidence against the probabilities.
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

    The intervals are those of `group_bootstrap.with_interval`. Few images push the two calibration errors up, so their
    lower ends are lowered by what honest probabilities would be measured to be wrong (the root of the difference of the
    squares). They are 0 where honest probabilities would be measured to be as wrong in one of forty cases or more.

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
        within={"brier_score": (0.0, 2.0), "negative_log_likelihood": None},
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
    honest = {
        name: calibrated_errors(confidence, groups, bins=bins, binning=each, resamples=resamples, seed=seed)
        for name, each in binnings.items()
    }
    number = effective_groups(groups)
    errors = {
        name: _error_score(value, each, number, honest[name])
        for name, value, each in zip(binnings, both(None)[:, 0], draws)
    }
    floor = float(honest["expected_calibration_error"].mean())
    return CalibrationScores(**errors, **means, error_if_calibrated=floor)


def _error_score(value: float, draws: np.ndarray | None, groups: float, honest: np.ndarray) -> Score:
    """Returns a calibration error with its interval.

    Args:
        value: as measured.
        draws: of each resample; None for no interval.
        groups: effective number of groups.
        honest: what would be measured if the probabilities were right.
    """
    found = with_interval(float(value), draws, groups=groups)
    if found.low is None:
        return found
    low = float(np.sqrt(max(found.low**2 - honest.mean() ** 2, 0.0)))
    return Score(found.value, 0.0 if value <= np.quantile(honest, 1 - (1 - CONFIDENCE) / 2) else low, found.high)


def reliability_table(
    predictions: pd.DataFrame,
    classes: Sequence[str],
    *,
    bins: int = BINS,
    binning: str = EQUAL_WIDTH,
) -> pd.DataFrame:
    """Returns what a reliability diagram draws: confidence against accuracy in bins of confidence.

    Args:
        predictions: a predictions table; all its rows are used.
        classes: class names in order.
        bins: as for `bin_edges`.
        binning: as for `bin_edges`.

    Returns:
        One row a bin: `low` and `high` (its edges), `images`, `groups`, `confidence` (mean), `accuracy`,
        `accuracy_low`, `accuracy_high`; NaN in empty bins, and no interval for a bin of a single group.

    Raises:
        EvaluationError: as `calibration_scores`, or there are no such bins.
    """
    truth, probabilities = truth_and_probabilities(predictions, classes)
    confidence, right = probabilities.max(axis=1), (probabilities.argmax(axis=1) == truth).astype(float)
    edges, groups = bin_edges(confidence, bins=bins, binning=binning), group_numbers(predictions["group"])
    bin_of = np.eye(len(edges) - 1, dtype=bool)[in_bins(confidence, edges)]
    found = proportion_scores({place: (right, inside) for place, inside in enumerate(bin_of.T)}, groups)
    rows = []
    for place, (low, high) in enumerate(itertools.pairwise(edges)):
        inside, score = bin_of[:, place], found[place]
        number = len(set(groups[inside]))
        mean = confidence[inside].mean() if inside.any() else np.nan
        rows.append((low, high, int(inside.sum()), number, mean, score.value, score.low, score.high))
    columns = ["low", "high", "images", "groups", "confidence", "accuracy", "accuracy_low", "accuracy_high"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[4:], float))
