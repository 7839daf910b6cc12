"""Intervals of scores that have two ends, from their variance over groups; and proportions, whose variance is exact."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from braintumor_tf.types import Score

CONFIDENCE = 0.95
"""How often an interval is to hold the truth."""

UNIT = (0.0, 1.0)
"""The ends of a proportion."""

FEW_GROUPS = 10
"""An interval from fewer effective groups is flagged."""

MEASURED_COVERAGE = {20: 0.93, 10: 0.95, 6: 0.97, 2: 0.97}
"""Least share of simulated test sets whose interval held the truth, by the groups it rested on (these or more, up to
the next); over all scores and cells of `benchmarks/intervals.py`, whose results a test compares."""

_PRIOR_GROUPS = 1.0
"""How many groups the assumption weighs that images of a group share their luck; chosen by `benchmarks/intervals.py`"""

Ends = tuple[float | None, float | None]


def effective_groups(groups: np.ndarray, counted: np.ndarray | None = None) -> float:
    """Returns how many groups of equal size would tell as much: ``(sum of sizes)^2 / sum of squared sizes``.

    Args:
        groups: the number of each image's group, 0 upwards, shape ``(images,)``.
        counted: which images count, bool; None for all. A group without such an image is no group.

    Source: L. Kish, Survey Sampling (1965).

    Example:
        >>> effective_groups(np.array([0, 0, 1, 1])), effective_groups(np.array([0, 0, 0, 1]))
        (2.0, 1.6)
    """
    sizes = np.bincount(groups, counted).astype(float) if len(groups) else np.zeros(0)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.any() else 0.0


def measured_coverage(groups: float) -> float:
    """Returns how often intervals from so many groups held the truth in simulations, in the worst case of all.

    Example:
        >>> measured_coverage(7.5) == MEASURED_COVERAGE[6]
        True
    """
    return next((share for least, share in MEASURED_COVERAGE.items() if groups >= least), MEASURED_COVERAGE[2])


def macro_groups(each: np.ndarray) -> float:
    """Returns how many groups a mean over classes rests on: with `each` class's own, ``classes^2 / sum(1 / own)``.

    The variance of a mean of k proportions that are alike is that of one proportion of so many groups.

    Example:
        >>> macro_groups(np.array([10.0, 10.0])), round(macro_groups(np.array([38.0, 2.0])), 1)
        (20.0, 7.6)
    """
    there = each[each > 0]
    return float(len(there) ** 2 / (1.0 / there).sum()) if len(there) else 0.0


def label_score_groups(truth: np.ndarray, groups: np.ndarray, *, classes: int) -> dict[str, float]:
    """Returns how many groups each score of `weighted_metrics.LABEL_SCORES` rests on.

    Args:
        truth: class numbers, shape ``(images,)``.
        groups: the number of each image's group, shape ``(images,)``.
        classes: how many classes there are.

    Example:
        >>> label_score_groups(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 3]), classes=2)["macro_f1"]
        3.0
    """
    every, own = effective_groups(groups), class_groups(truth, groups, classes=classes)
    macro = min(every, macro_groups(own))
    names = ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1")
    return {"accuracy": every, **dict.fromkeys(names, macro)}


def class_groups(truth: np.ndarray, groups: np.ndarray, *, classes: int) -> np.ndarray:
    """Returns the effective number of groups with images of each class, shape ``(classes,)``."""
    return np.array([effective_groups(groups, truth == place) for place in range(classes)])


def bounded_interval(
    value: float,
    variance: float,
    *,
    groups: float,
    within: tuple[float, float] = UNIT,
    freedom: float | None = None,
    confidence: float = CONFIDENCE,
) -> Ends:
    """Returns the interval of a score with two ends: Korn and Graubard's, of a proportion of as many effective trials.

    A score ``s`` from 0 to 1 with variance ``v`` tells as much as a proportion of ``n = s (1 - s) / v`` independent
    trials; ``n`` is divided by the squared ratio of Student's t to the normal quantile, for so few groups. The ends are
    those of Clopper and Pearson's exact interval of ``n`` trials. A variance that rests on few groups with errors is
    itself uncertain, and is 0 where there are none. So ``1 / n`` is averaged with ``1 / groups``, the value for groups
    that are all right or all wrong. The weights are ``k = min(s, 1 - s)^2 / v``, which is about the number of groups
    with an error, and one group. Where all are right, the number of groups counts, not that of images.

    Args:
        value: of the score.
        variance: of `value`, over groups drawn anew.
        groups: effective number of groups (`effective_groups`).
        within: the ends that the score can have; twice the same for one that cannot vary.
        freedom: degrees of freedom of `variance`; None for ``groups - 1``.
        confidence: over 0 to under 1.

    Returns:
        Both ends, inside `within`, holding `value`, never equal unless those of `within` are; None and None for fewer
        than two groups.

    Source: E. L. Korn and B. I. Graubard, Survey Methodology 24 (1998); C. J. Clopper and E. S. Pearson, Biometrika 26
    (1934). The average is this package's, see ``docs/scores.md``.

    Example:
        >>> [round(end, 3) for end in bounded_interval(1.0, 0.0, groups=38)]
        [0.907, 1.0]
    """
    if not (math.isfinite(value) and math.isfinite(variance)) or groups < 1.5:
        return None, None
    low, high = within
    if low == high:
        return low, high
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    variance = variance / (high - low) ** 2
    tail = (1.0 - confidence) / 2.0
    seen, inverse = 0.0, 0.0
    if variance > 1e-18 and 0.0 < share < 1.0:
        wider = stdtrit(max(groups - 1.0, 0.5) if freedom is None else freedom, tail) / ndtri(tail)
        seen = min(share, 1.0 - share) ** 2 / variance
        inverse = wider**2 * variance / (share * (1.0 - share))
    trials = (seen + _PRIOR_GROUPS) / (seen * inverse + _PRIOR_GROUPS / groups)
    right, wrong = share * trials, (1.0 - share) * trials
    start = 0.0 if share == 0.0 else min(float(betaincinv(right, wrong + 1.0, tail)), share)
    end = 1.0 if share == 1.0 else max(float(betaincinv(right + 1.0, wrong, 1.0 - tail)), share)
    return low + (high - low) * start, low + (high - low) * end


def difference_of_scores(first: Score, second: Score, *, correlation: float = 0.0) -> Score:
    """Returns the first score less the second, both from 0 to 1, with the interval that follows from both intervals.

    The distances from each score to the ends of its own interval are put together as standard errors are: Newcombe's
    hybrid interval of two proportions, generalised by Zou and Donner.

    Args:
        first: a score with its interval.
        second: another one.
        correlation: of the two, -1 to 1; 0 for scores of different images.

    Returns:
        The difference, from -1 to 1; no interval where one of the two has none.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998), method 10; G. Y. Zou and A. Donner, Statistics in Medicine
    27 (2008).

    Example:
        >>> print(difference_of_scores(Score(0.9, 0.8, 0.95), Score(0.7, 0.6, 0.8)))
        0.20 (0.06-0.31)
    """
    if first.value is None or second.value is None:
        return Score(None)
    value = first.value - second.value
    if first.low is None or second.low is None:
        return Score(value)

    def distance(own: float, other: float) -> float:
        return math.sqrt(max(own**2 + other**2 - 2.0 * correlation * own * other, 0.0))

    low = value - distance(first.value - first.low, second.high - second.value)
    high = value + distance(first.high - first.value, second.value - second.low)
    return Score(value, max(low, -1.0), min(high, 1.0))


def proportion_scores(
    columns: Mapping[str, tuple[np.ndarray, np.ndarray]],
    groups: np.ndarray,
    *,
    within: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Score]:
    """Returns means over some of the images as scores: accuracy, recall, precision, coverage and other shares.

    A mean over images of groups is a ratio of two sums over groups; its variance follows by linearisation, without a
    random draw. Only groups with an image that counts are groups here: the recall of a class rests on that class's own.

    Args:
        columns: by name, the values, and which images count (bool), each of shape ``(images,)``.
        groups: the number of each image's group, 0 upwards, shape ``(images,)``.
        within: the ends of what is no proportion; from 0 to 1 where it says nothing.

    Returns:
        By name; a mean over no image is undefined, and there is no interval from fewer than two groups.

    Source: W. G. Cochran, Sampling Techniques (1977), chapter 6, the ratio estimator; `bounded_interval`.

    Example:
        >>> hit, answered = np.array([1.0, 0.0, 1.0]), np.array([True, False, True])
        >>> print(proportion_scores({"hit": (hit, answered)}, np.array([0, 0, 1]))["hit"])
        1.00 (0.16-1.00)
    """
    found = {}
    for name, (values, counted) in columns.items():
        sizes = np.bincount(groups, np.asarray(counted, float))
        sums = np.bincount(groups, np.where(counted, np.asarray(values, float), 0.0))
        own, images = int((sizes > 0).sum()), sizes.sum()
        if not images:
            found[name] = Score(None)
            continue
        value = float(sums.sum() / images)
        variance = ((sums - value * sizes) ** 2).sum() / images**2 * own / max(own - 1, 1)
        ends = (within or {}).get(name, UNIT)
        independent = effective_groups(groups, counted) if own > 1 else 0.0
        found[name] = Score(value, *bounded_interval(value, float(variance), groups=independent, within=ends))
    return found
