"""Answering only confident predictions: the error among the answered images against how many are answered."""

from __future__ import annotations

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.scores.group_bootstrap import group_weights, with_interval
from braintumor_tf.evaluation.scores.proportions import effective_groups
from braintumor_tf.evaluation.scores.weighted_metrics import ratio
from braintumor_tf.types import Score


def _in_order(confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the order from most to least confident, and in it the place where each image's run of ties ends."""
    order = np.argsort(-np.asarray(confidence, float), kind="stable")
    last = np.r_[np.diff(np.asarray(confidence, float)[order]) != 0, True]
    return order, np.flatnonzero(last)


def risk_coverage_curve(wrong: np.ndarray, confidence: np.ndarray) -> pd.DataFrame:
    """Returns the error among the most confident images, for every threshold on the confidence.

    Args:
        wrong: whether each image was named wrongly, shape ``(images,)``.
        confidence: shape ``(images,)``; images of the same confidence are answered together.

    Returns:
        One row a threshold, the highest first: `threshold` (answer where the confidence is at least this),
        `coverage` (share of images that are answered), `risk` (share of these that are wrong).

    Example:
        >>> risk_coverage_curve(np.array([0, 1]), np.array([0.9, 0.6]))["risk"].tolist()
        [0.0, 0.5]
    """
    order, ends = _in_order(confidence)
    answered = ends + 1
    risk = np.cumsum(np.asarray(wrong, float)[order])[ends] / answered
    return pd.DataFrame(
        {
            "threshold": np.asarray(confidence, float)[order][ends],
            "coverage": answered / len(order),
            "risk": risk,
        }
    )


def area_under_risk_coverage(
    wrong: np.ndarray, confidence: np.ndarray, *, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the mean, over all numbers of answered images, of the error among them (AURC).

    Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks". 0 is perfect; an uninformative
    confidence gives the error of all images. Among images of the same confidence the errors count as spread evenly,
    which is the mean over the orders that they could have.

    Args:
        wrong: shape ``(images,)``.
        confidence: shape ``(images,)``.
        weights: shape ``(weightings, images)``; None for all ones.

    Returns:
        Shape ``(weightings,)``.

    Example:
        >>> area_under_risk_coverage(np.array([0, 1]), np.array([0.9, 0.6]))
        array([0.25])
    """
    order, ends = _in_order(confidence)
    weights = np.ones((1, len(order))) if weights is None else weights
    weights, wrong = weights[:, order], np.asarray(wrong, float)[order]
    starts = np.r_[0, ends[:-1] + 1]
    lengths = ends - starts + 1
    together = ratio(
        np.add.reduceat(weights * wrong, starts, axis=1), np.add.reduceat(weights, starts, axis=1), undefined=0.0
    )
    spread = np.repeat(together, lengths, axis=1)
    risk = ratio(np.cumsum(weights * spread, axis=1), np.cumsum(weights, axis=1), undefined=0.0)
    return ratio((weights * risk).sum(axis=1), weights.sum(axis=1))


def coverage_at_risk(wrong: np.ndarray, confidence: np.ndarray, risk: float) -> tuple[float, float]:
    """Returns the largest share of images that can be answered with an error of at most `risk`, and the threshold.

    Args:
        wrong: shape ``(images,)``.
        confidence: shape ``(images,)``.
        risk: from 0 to 1.

    Returns:
        Coverage and threshold; 0 and infinity where no threshold does it.

    Example:
        >>> coverage_at_risk(np.array([0, 1]), np.array([0.9, 0.6]), 0.1)
        (0.5, 0.9)
    """
    curve = risk_coverage_curve(wrong, confidence)
    fine = curve[curve["risk"] <= risk]
    return (0.0, float("inf")) if fine.empty else (float(fine["coverage"].iloc[-1]), float(fine["threshold"].iloc[-1]))


def area_score(
    wrong: np.ndarray, confidence: np.ndarray, groups: np.ndarray, *, resamples: int = 1000, seed: int = 0
) -> Score:
    """Returns `area_under_risk_coverage` as a score with its interval over groups."""
    draws = [
        area_under_risk_coverage(wrong, confidence, weights=weights)
        for weights in group_weights(groups, resamples=resamples if groups.max() else 0, seed=seed)
    ]
    value, drawn = area_under_risk_coverage(wrong, confidence)[0], np.concatenate(draws) if draws else None
    return with_interval(value, drawn, groups=effective_groups(groups))
