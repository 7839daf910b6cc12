"""Intervals written out once more, with SciPy's distributions and loops over groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def korn_graubard(
    value: float, variance: float, groups: float, *, within: Sequence[float] = (0, 1), freedom: float | None = None
) -> tuple[float, float]:
    """Clopper and Pearson's interval of a proportion of as many trials as a variance over groups says."""
    scale = within[1] - within[0]
    share, variance = (value - within[0]) / scale, variance / scale**2
    weight, inverse = 0.0, 0.0
    if variance > 0 and 0 < share < 1:
        factor = (stats.t.ppf(0.975, groups - 1 if freedom is None else freedom) / stats.norm.ppf(0.975)) ** 2
        weight = min(share, 1 - share) ** 2 / variance
        inverse = factor * variance / (share * (1 - share))
    trials = 1 / ((weight * inverse + 1 / groups) / (weight + 1))
    right, wrong = share * trials, (1 - share) * trials
    low = 0.0 if share == 0 else min(stats.beta.ppf(0.025, right, wrong + 1), share)
    high = 1.0 if share == 1 else max(stats.beta.ppf(0.975, right + 1, wrong), share)
    return within[0] + scale * low, within[0] + scale * high


def kish(sizes: Sequence[float]) -> float:
    return sum(sizes) ** 2 / sum(size**2 for size in sizes)


def proportion(hits: np.ndarray, counted: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """The interval of a share, group by group."""
    parts = [
        (hits[inside].sum(), inside.sum()) for name in np.unique(groups) if (inside := (groups == name) & counted).any()
    ]
    images = sum(size for _, size in parts)
    share = sum(found for found, _ in parts) / images
    squares = sum((found - share * size) ** 2 for found, size in parts)
    variance = len(parts) / (len(parts) - 1) * squares / images**2
    return korn_graubard(share, variance, kish([size for _, size in parts]))


def of_draws(value: float, drawn: Sequence[float], groups: float, **how: object) -> tuple[float, float]:
    """The interval of a score with the variance of its resamples."""
    return korn_graubard(value, np.var(drawn) * groups / (groups - 1), groups, **how)


def difference(
    values: Sequence[float], drawn: Sequence[Sequence[float]], groups: Sequence[float]
) -> tuple[float, float]:
    """The interval of a paired difference from those of both scores and the correlation of the resamples."""
    (low, high), (other_low, other_high) = (
        of_draws(value, draws, number) for value, draws, number in zip(values, drawn, groups)
    )
    first, second = values
    number = min(groups)
    shared = 0.0
    if np.std(drawn[0]) > 0 and np.std(drawn[1]) > 0:
        shared = np.corrcoef(drawn[0], drawn[1])[0, 1] * number / (number + 1)
    down, up = (first - low, other_high - second), (high - first, second - other_low)
    ends = [np.sqrt(a * a + b * b - 2 * shared * a * b) for a, b in (down, up)]
    return first - second - ends[0], first - second + ends[1]
