"""Whether probabilities can be taken at their word: calibration errors, Brier score, log loss.

The confidence of an image is the probability of the class that is named for it. All means are over images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.scores.weighted_metrics import ratio
from braintumor_tf.predictions_table import check_predictions, class_numbers, probabilities_of

BINS = 15
"""Bins of confidence, as in Guo et al. 2017."""

LEAST = 1e-12
"""Probabilities are clipped here before a logarithm is taken, so that one answer cannot be infinitely wrong."""

EQUAL_WIDTH, EQUAL_MASS = "equal_width", "equal_mass"
"""How confidences can be binned."""


def truth_and_probabilities(predictions: pd.DataFrame, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns class numbers, shape ``(images,)``, and probabilities, shape ``(images, classes)``, of a table.

    Raises:
        EvaluationError: there is no row, or labels or columns do not fit the classes.

    Example:
        >>> rows = pd.DataFrame({"label": ["tumor"], "p_no_tumor": [0.2], "p_tumor": [0.8]})
        >>> truth_and_probabilities(rows, ("no_tumor", "tumor"))
        (array([1]), array([[0.2, 0.8]]))
    """
    check_predictions(predictions, classes, columns=("label",))
    if predictions.empty:
        raise EvaluationError("there are no predictions to calibrate or to score; give some")
    return class_numbers(predictions["label"], classes), probabilities_of(predictions, classes)


def brier_scores(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns each image's Brier score: the squared error summed over all classes, from 0 to 2 (Brier 1950).

    With two classes it is twice what scikit-learn's `brier_score_loss` has, which looks at one of them.

    Args:
        truth: class numbers, shape ``(images,)``.
        probabilities: shape ``(images, classes)``.

    Example:
        >>> brier_scores(np.array([0]), np.array([[0.5, 0.5]]))
        array([0.5])
    """
    return ((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1)


def log_losses(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns each image's negative log likelihood, natural logarithm, of probabilities clipped at `LEAST`."""
    return -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], LEAST))


def bin_edges(confidence: np.ndarray, *, bins: int = BINS, binning: str = EQUAL_WIDTH) -> np.ndarray:
    """Returns the edges of bins of confidence; a bin holds its upper edge, as in Guo et al.

    Args:
        confidence: from 0 to 1, shape ``(images,)``.
        bins: how many at most.
        binning: ``"equal_width"`` from 0 to 1, or ``"equal_mass"``: quantiles, so that each bin has about as many
            images; equal confidences stay in one bin, so there can be fewer bins.

    Raises:
        EvaluationError: there are no such bins.

    Example:
        >>> bin_edges(np.array([0.2, 0.4, 0.6, 0.8]), bins=2, binning=EQUAL_MASS)
        array([0. , 0.4, 1. ])
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
    *,
    bins: int = BINS,
    binning: str = EQUAL_WIDTH,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Returns the mean distance of accuracy and confidence over bins, each weighted by its images.

    The definition is that of Guo et al. 2017, "On Calibration of Modern Neural Networks", with the confidence of the
    predicted class. It is never below 0 and therefore too high on few images: see `calibrated_errors`.

    Args:
        right: whether each image was named correctly, shape ``(images,)``.
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


def calibrated_errors(
    confidence: np.ndarray,
    groups: np.ndarray,
    *,
    bins: int = BINS,
    binning: str = EQUAL_WIDTH,
    resamples: int = 1000,
    seed: int = 0,
) -> np.ndarray:
    """Returns calibration errors that would be measured if every confidence were exactly right.

    The answers are drawn anew with their own confidences as probabilities. All images of a group share a draw, because
    their errors go together.

    Args:
        confidence: shape ``(images,)``.
        groups: as for `group_bootstrap.group_weights`.
        bins: as for `bin_edges`.
        binning: as for `bin_edges`.
        resamples: how often to draw.
        seed: of the draws.

    Returns:
        Shape ``(resamples,)``, at least one.
    """
    draws = np.random.default_rng(seed).random((max(1, resamples), int(groups.max()) + 1))[:, groups]
    edges = bin_edges(confidence, bins=bins, binning=binning)
    bin_of = np.eye(len(edges) - 1)[in_bins(confidence, edges)]
    gaps = ((draws < confidence) - confidence) @ bin_of
    return np.abs(gaps).sum(axis=1) / len(confidence)
