"""95 % intervals from resamples that draw whole groups, because near-duplicates are not independent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtr, stdtrit

from braintumor_tf.evaluation.scores.proportions import (
    CONFIDENCE,
    UNIT,
    bounded_interval,
    difference_of_scores,
    effective_groups,
)
from braintumor_tf.leakage.groups import as_text
from braintumor_tf.types import Score

METHOD = "effective groups"
"""How intervals are made; runs of earlier versions name none, and have percentile bootstraps."""

_ENOUGH = 0.5
"""An interval is given only where a score is defined in at least this share of the resamples."""

_CLOSE = 1e-6
"""Smallest p-value that is looked for."""

_MAX_ELEMENTS = 2_000_000


@dataclass(frozen=True)
class Resampling:
    """How intervals were drawn.

    Attributes:
        resamples: how many times groups were drawn.
        seed: of the draws.
    """

    resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Returns what is written down beside the scores as ``interval``."""
        drawn = {"confidence": CONFIDENCE, "resamples": self.resamples, "over": "groups", "seed": self.seed}
        return {**drawn, "method": METHOD}


def group_numbers(groups: Sequence[object] | pd.Series) -> np.ndarray:
    """Returns a number for each image's group, 0 upwards, int of shape ``(images,)``.

    Args:
        groups: the group of each image; one without (empty, None or NaN) is a group of its own.

    Example:
        >>> group_numbers(["b", "a", "b"]).tolist()
        [1, 0, 1]
        >>> len(set(group_numbers(["a", "", "", None]).tolist()))
        4
    """
    names = as_text(pd.Series(list(groups), dtype=object)).to_numpy()
    names = np.where(names == "", [f"\0{index}" for index in range(len(names))], names)
    return np.unique(names, return_inverse=True)[1] if len(names) else np.zeros(0, int)


def group_weights(groups: np.ndarray, *, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draws groups with replacement, as many as there are, and says how often each image came.

    Args:
        groups: the number of each image's group, 0 upwards, shape ``(images,)``.
        resamples: how many times to draw.
        seed: the same seed draws the same groups, whatever is scored with them.

    Yields:
        Weights of shape ``(some resamples, images)``, in pieces so that memory stays bounded.

    Example:
        >>> next(group_weights(np.array([0, 0, 1]), resamples=2, seed=0)).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    generator = np.random.default_rng(seed)
    number = int(groups.max()) + 1 if len(groups) else 0
    piece = max(1, _MAX_ELEMENTS // max(len(groups), 1))
    for start in range(0, resamples if number else 0, piece):
        drawn = generator.multinomial(number, np.full(number, 1.0 / number), size=min(piece, resamples - start))
        yield drawn[:, groups].astype(float)


def with_resamples(
    scores: Callable[[np.ndarray], dict[str, np.ndarray]], groups: np.ndarray, *, resamples: int, seed: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Returns every score of the images themselves, and of each resample; the latter are empty for one group.

    Args:
        scores: from weights ``(weightings, images)`` to scores by name, each ``(weightings,)``.
        groups: as for `group_weights`.
        resamples: how many times to draw.
        seed: of the draws.
    """
    value = {name: float(found[0]) for name, found in scores(np.ones((1, len(groups)))).items()}
    if groups.max() < 1:
        return value, {}  # one group drawn again and again would look like certainty
    pieces = [scores(weights) for weights in group_weights(groups, resamples=resamples, seed=seed)]
    return value, {name: np.concatenate([piece[name] for piece in pieces]) for name in value} if pieces else {}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A score of the images themselves and of each resample.

    Attributes:
        value: NaN for undefined.
        resampled: shape ``(resamples,)``, NaN where undefined; None for fewer than two groups.
        groups: the effective number of groups that it rests on (`proportions.effective_groups`, `macro_groups`).
    """

    value: float
    resampled: np.ndarray | None
    groups: float

    def score(self, *, confidence: float = CONFIDENCE) -> Score:
        """Returns the score, which is from 0 to 1, with its interval."""
        return with_interval(self.value, self.resampled, groups=self.groups, confidence=confidence)


def with_interval(
    value: float,
    resampled: np.ndarray | None,
    *,
    groups: float,
    within: tuple[float, float] | None = UNIT,
    confidence: float = CONFIDENCE,
) -> Score:
    """Returns a score with its interval from resamples of groups.

    Between two ends it is `proportions.bounded_interval` with the variance of the resamples. Without ends (ratios,
    logarithms) it is the expanded percentile interval: quantiles farther out, as Student's t is from the normal.

    Args:
        value: the score of the images themselves; NaN for undefined.
        resampled: the score of each resample, NaN where undefined; None for no interval.
        groups: the effective number of groups that the score rests on.
        within: the ends that the score can have, such as 0 and 1; None for a score without ends.
        confidence: how often the interval is to hold the truth.

    Returns:
        The score; None stands for what is undefined: a score that fewer than half of the resamples define has no
        interval, nor has one without ends that never varies.

    Source: T. Hesterberg, The American Statistician 69 (2015), the expanded percentile interval.

    Example:
        >>> print(with_interval(0.5, np.linspace(0, 1, 101), groups=20, within=None))
        0.50 (0.02-0.98)
    """
    if not np.isfinite(value):
        return Score(None)
    if resampled is None or not len(resampled) or groups < 1.5:
        return Score(float(value))
    defined = resampled[np.isfinite(resampled)]
    if len(defined) < _ENOUGH * len(resampled):
        return Score(float(value))
    few = groups / (groups - 1.0)  # a draw of groups varies by so much less than groups do
    if within is not None:
        found = bounded_interval(
            float(value), float(defined.var() * few), groups=groups, within=within, confidence=confidence
        )
        return Score(float(value), *found)
    tail = ndtr(np.sqrt(few) * stdtrit(groups - 1.0, (1.0 - confidence) / 2.0))
    low, high = (float(end) for end in np.quantile(defined, [tail, 1.0 - tail]))
    return Score(float(value), low, high) if low < high else Score(float(value))


def difference_with_interval(first: Drawn, second: Drawn, *, confidence: float = CONFIDENCE) -> Score:
    """Returns the first score less the second with the interval of the difference; both are from 0 to 1.

    The correlation (`proportions.difference_of_scores`) is that of the resamples, which draw the same groups for both,
    shrunk by one group: two models that answer alike on few groups do not look alike for certain.

    Args:
        first: a score and its resamples.
        second: another one from the same draws.
        confidence: how often the interval is to hold the truth.

    Returns:
        The difference, from -1 to 1; no interval where one of the two has none.

    Example:
        >>> draws = np.linspace(0.7, 0.9, 101)
        >>> print(difference_with_interval(Drawn(0.8, draws, 30.0), Drawn(0.7, draws - 0.1, 30.0)))
        0.10 (0.05-0.15)
    """
    one, two = first.score(confidence=confidence), second.score(confidence=confidence)
    if one.low is None or two.low is None:
        return difference_of_scores(one, two)
    groups = min(first.groups, second.groups)
    shared = _correlation(first.resampled, second.resampled) * groups / (groups + 1.0)
    return difference_of_scores(one, two, correlation=shared)


def difference_p_value(first: Drawn, second: Drawn) -> float:
    """Returns the two-sided p-value of two scores being equal: 1 less the confidence at which the interval ends at 0.

    So a p-value below 0.05 and an interval of 95 % that leaves 0 out always agree. NaN without an interval.

    Example:
        >>> draws = np.linspace(0.7, 0.9, 101)
        >>> difference_p_value(Drawn(0.8, draws, 30.0), Drawn(0.8, draws, 30.0))
        1.0
    """

    def distance(level: float) -> float:
        """How far inside the interval 0 lies; negative outside."""
        found = difference_with_interval(first, second, confidence=1.0 - level)
        return min(-found.low, found.high)

    if difference_with_interval(first, second).low is None:
        return float("nan")
    if distance(1.0 - _CLOSE) >= 0:
        return 1.0
    return _CLOSE if distance(_CLOSE) < 0 else float(brentq(distance, _CLOSE, 1.0 - _CLOSE, xtol=1e-7))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the correlation of two scores over the resamples that define both; 0 where one of them never varies."""
    both = np.isfinite(first) & np.isfinite(second)
    spread = first[both].std() * second[both].std() if both.any() else 0.0
    if not spread > 1e-15:
        return 0.0
    return float(np.mean((first[both] - first[both].mean()) * (second[both] - second[both].mean())) / spread)


def mean_draws(
    values: np.ndarray, groups: np.ndarray, *, resamples: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns means over the images, and the means of each resample, the same groups drawn for every column.

    Args:
        values: one column for each thing measured, finite, shape ``(images, columns)``.
        groups: as for `group_weights`.
        resamples: how many times to draw.
        seed: of the draws.

    Returns:
        Shape ``(columns,)``, and ``(resamples, columns)`` or None where there are fewer than two groups.
    """
    values = np.asarray(values, float)
    draws = [
        (weights @ values) / weights.sum(axis=1, keepdims=True)
        for weights in group_weights(groups, resamples=resamples, seed=seed)
    ]
    return values.mean(axis=0), np.concatenate(draws) if draws and groups.max() > 0 else None


def mean_scores(
    columns: Mapping[str, np.ndarray],
    groups: np.ndarray,
    *,
    within: Mapping[str, tuple[float, float] | None] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Score]:
    """Returns the mean of each column of values as a score with its interval.

    Args:
        columns: values by name, each of shape ``(images,)``.
        groups: as for `group_weights`.
        within: the ends of a column, or None for one without; from 0 to 1 where it says nothing.
        resamples: how many times to draw.
        seed: of the draws.

    Example:
        >>> mean_scores({"hit": np.array([1.0, 0.0, 1.0])}, group_numbers(["a", "a", "b"]))["hit"].value
        0.6666666666666666
    """
    means, draws = mean_draws(np.column_stack(list(columns.values())), groups, resamples=resamples, seed=seed)
    found = [None] * len(columns) if draws is None else draws.T
    ends, number = {**dict.fromkeys(columns, UNIT), **(within or {})}, effective_groups(groups)
    return {
        name: with_interval(mean, drawn, groups=number, within=ends[name])
        for name, mean, drawn in zip(columns, means, found)
    }
