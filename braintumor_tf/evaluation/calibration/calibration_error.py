"""Whether probabilities can be taken at their word: calibration errors, Brier score, log loss, the reliability table.

The confidence of an image is the probability of the class that is named for it. All means are over images; intervals
draw whole groups.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights, mean_scores, score
from braintumor_tf.evaluation.scores.weighted_metrics import ratio

BINS = 15
"""Bins of confidence, as in Guo et al. 2017."""

LEAST = 1e-12
"""Probabilities are clipped here before a logarithm is taken, so that one answer cannot be infinitely wrong."""

EQUAL_WIDTH, EQUAL_MASS = "equal_width", "equal_mass"
"""How confidences can be binned."""


def truth_and_chances(predictions: pd.DataFrame, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns class numbers, shape ``(images,)``, and probabilities, shape ``(images, classes)``, of a table.

    Raises:
        EvaluationError: there is no row, a label is none of the classes, or probabilities are missing or not finite.
    """
    columns = [f"p_{name}" for name in classes]
    missing = [name for name in ("label", *columns) if name not in predictions]
    if missing:
        raise EvaluationError(f"the predictions have no column {', '.join(missing)}; classes: {', '.join(classes)}")
    if predictions.empty:
        raise EvaluationError("there are no predictions to calibrate or to score; give some")
    unknown = sorted(set(predictions["label"]) - set(classes))
    if unknown:
        raise EvaluationError(f"label {', '.join(unknown)} is none of the classes {', '.join(classes)}")
    chances = predictions[columns].to_numpy(float)
    if not np.isfinite(chances).all():
        raise EvaluationError("the predictions hold a probability that is no finite number; predict again")
    return predictions["label"].map({name: place for place, name in enumerate(classes)}).to_numpy(int), chances


def brier_scores(truth: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Returns each image's Brier score: the squared error summed over all classes, from 0 to 2 (Brier 1950).

    With two classes it is twice what scikit-learn's `brier_score_loss` has, which looks at one of them.

    Args:
        truth: class numbers, shape ``(images,)``.
        chances: probabilities, shape ``(images, classes)``.
    """
    return ((chances - np.eye(chances.shape[1])[truth]) ** 2).sum(axis=1)


def log_losses(truth: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Returns each image's negative log likelihood, natural logarithm, of probabilities clipped at `LEAST`."""
    return -np.log(np.maximum(chances[np.arange(len(truth)), truth], LEAST))


def bin_edges(confidence: np.ndarray, bins: int = BINS, binning: str = EQUAL_WIDTH) -> np.ndarray:
    """Returns the edges of bins of confidence; a bin holds its upper edge, as in Guo et al.

    Args:
        confidence: from 0 to 1, shape ``(images,)``.
        bins: how many at most.
        binning: ``"equal_width"`` from 0 to 1, or ``"equal_mass"``: quantiles, so that each bin has about as many
            images; equal confidences stay in one bin, so there can be fewer bins.

    Raises:
        EvaluationError: there are no such bins.
    """
    if bins < 1 or binning not in (EQUAL_WIDTH, EQUAL_MASS):
        raise EvaluationError(
            f"bins={bins}, binning={binning!r}: give 1 or more, and {EQUAL_WIDTH!r} or {EQUAL_MASS!r}"
        )
    if binning == EQUAL_WIDTH:
        return np.linspace(0.0, 1.0, bins + 1)
    inner = np.quantile(confidence, np.arange(1, bins) / bins, method="inverted_cdf")
    return np.unique(np.concatenate([[0.0], inner[inner < 1.0], [1.0]]))


def in_bins(confidence: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Returns the number of each image's bin: 0 upwards, shape ``(images,)``."""
    return np.searchsorted(edges[1:-1], confidence, side="left")


def expected_calibration_error(
    right: np.ndarray,
    confidence: np.ndarray,
    bins: int = BINS,
    binning: str = EQUAL_WIDTH,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Returns the mean distance of accuracy and confidence over bins, each weighted by its images.

    The definition is that of Guo et al. 2017, "On Calibration of Modern Neural Networks", with the confidence of the
    predicted class. It is never below 0 and therefore too high on few images: see `calibrated_floor`.

    Args:
        right: whether each image was named rightly, shape ``(images,)``.
        confidence: the probability of the class that was named, shape ``(images,)``.
        bins: as for `bin_edges`; the edges are those of the images themselves in every weighting.
        binning: as for `bin_edges`.
        weights: shape ``(weightings, images)``; None for all ones.

    Returns:
        From 0 to 1, shape ``(weightings,)``.

    Example:
        >>> expected_calibration_error(np.array([1, 0]), np.array([0.9, 0.7]))
        array([0.4])
    """
    right, confidence = np.asarray(right, float), np.asarray(confidence, float)
    weights = np.ones((1, len(right))) if weights is None else weights
    edges = bin_edges(confidence, bins=bins, binning=binning)
    gaps = np.zeros((len(right), len(edges) - 1))
    gaps[np.arange(len(right)), in_bins(confidence, edges)] = right - confidence
    return ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def calibrated_floor(
    confidence: np.ndarray, groups: np.ndarray, bins: int = BINS, resamples: int = 1000, seed: int = 0
) -> float:
    """Returns the calibration error that would be measured on average if every confidence were exactly right.

    The answers are drawn anew with their own confidences as chances, one draw for all images of a group, whose errors
    go together. A measured error about as large as this is no evidence against the probabilities.

    Args:
        confidence: shape ``(images,)``.
        groups: as for `intervals.group_weights`.
        bins: equal-width bins.
        resamples: how often to draw.
        seed: of the draws.
    """
    draws = np.random.default_rng(seed).random((max(1, resamples), int(groups.max()) + 1))[:, groups]
    bin_of = np.eye(bins)[in_bins(confidence, bin_edges(confidence, bins=bins))]
    gaps = ((draws < confidence) - confidence) @ bin_of
    return float(np.abs(gaps).sum(axis=1).mean() / len(confidence))


def calibration_scores(
    predictions: pd.DataFrame, classes: Sequence[str], bins: int = BINS, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Scores how far the probabilities of a predictions table can be taken at their word.

    The intervals are percentile bootstraps over groups, but for the two calibration errors: resampling pushes these up
    just as few images do, so their resamples are mirrored at the value (the basic bootstrap, cut at 0). In simulations
    of 400 images in groups, 95 % intervals held a true error of 0.05 in 95 % (percentile: 81 %), one of 0.15 in 91 %
    (95 %), and one of exactly 0 in 65 % (none).

    Args:
        predictions: a predictions table; all its rows are scored.
        classes: class names in order.
        bins: bins of confidence.
        resamples: of the intervals.
        seed: of the resamples.

    Returns:
        Scores ``expected_calibration_error``, ``adaptive_calibration_error`` (equal-mass bins), ``brier_score``
        (sum over classes, 0 to 2), ``negative_log_likelihood``, ``confidence`` and ``accuracy`` (means); and
        ``error_if_calibrated``, the number of `calibrated_floor`.

    Raises:
        EvaluationError: labels or columns do not fit the classes, or there is no row.

    Example:
        >>> calibration_scores(run.predictions.query("split == 'test'"), CLASSES)["brier_score"]
        {'value': 0.16, 'low': 0.12, 'high': 0.2}
    """
    truth, chances = truth_and_chances(predictions, classes)
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == truth
    groups = group_numbers(predictions["group"])
    means = mean_scores(
        {
            "brier_score": brier_scores(truth, chances),
            "negative_log_likelihood": log_losses(truth, chances),
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
    return {
        **errors,
        **means,
        "error_if_calibrated": calibrated_floor(confidence, groups, bins=bins, resamples=resamples, seed=seed),
    }


def _mirrored(value: float, draws: np.ndarray | None) -> dict[str, float | None]:
    """Returns a score whose interval is the percentile interval mirrored at the value, cut at 0, and holds it."""
    found = score(value, draws)
    if found["low"] is None:
        return found
    low, high = 2 * value - found["high"], 2 * value - found["low"]
    return {"value": found["value"], "low": float(max(low, 0.0)), "high": float(max(high, value))}


def reliability_table(
    predictions: pd.DataFrame,
    classes: Sequence[str],
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
    truth, chances = truth_and_chances(predictions, classes)
    confidence, right = chances.max(axis=1), (chances.argmax(axis=1) == truth).astype(float)
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
        found = score(right[inside].mean() if inside.any() else np.nan, drawn)
        mean = confidence[inside].mean() if inside.any() else np.nan
        rows.append((low, high, int(inside.sum()), number, mean, *found.values()))
    columns = ["low", "high", "images", "groups", "confidence", "accuracy", "accuracy_low", "accuracy_high"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[4:], float))
