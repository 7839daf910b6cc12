"""95 % intervals by a percentile bootstrap that draws whole groups, because near-duplicates are not independent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.leakage.groups import as_text
from braintumor_tf.types import Score

CONFIDENCE = 0.95
"""Share of the resamples between the ends of an interval."""

_ENOUGH = 0.5
"""An interval is given only where a score is defined in at least this share of the resamples."""

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
        return {"confidence": CONFIDENCE, "resamples": self.resamples, "over": "groups", "seed": self.seed}


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


def with_interval(value: float, resampled: np.ndarray | None) -> Score:
    """Returns a score with its interval, a part of the resamples of `CONFIDENCE` between its ends.

    Args:
        value: the score of the images themselves; NaN for undefined.
        resampled: the score of each resample, NaN where undefined; None for no interval.

    Returns:
        The score; None stands for what is undefined.

    Example:
        >>> print(with_interval(0.5, np.linspace(0, 1, 101)))
        0.50 (0.03-0.97)
    """
    if not np.isfinite(value):
        return Score(None)
    low = high = None
    if resampled is not None and len(resampled):
        defined = resampled[np.isfinite(resampled)]
        if len(defined) >= _ENOUGH * len(resampled):
            tail = (1.0 - CONFIDENCE) / 2.0
            low, high = (float(end) for end in np.quantile(defined, [tail, 1.0 - tail]))
    return Score(float(value), low, high)


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
    columns: Mapping[str, np.ndarray], groups: np.ndarray, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Score]:
    """Returns the mean of each column of values as a score with its interval.

    Example:
        >>> mean_scores({"hit": np.array([1.0, 0.0, 1.0])}, group_numbers(["a", "a", "b"]))["hit"].value
        0.6666666666666666
    """
    means, draws = mean_draws(np.column_stack(list(columns.values())), groups, resamples=resamples, seed=seed)
    found = [None] * len(columns) if draws is None else draws.T
    return {name: with_interval(mean, drawn) for name, mean, drawn in zip(columns, means, found)}


def share_scores(
    columns: Mapping[str, tuple[np.ndarray, np.ndarray]],
    groups: np.ndarray,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Score]:
    """Returns means over some of the images as scores: each column is values and which images count, bool.

    A mean over no image is undefined: its value and its interval are None.

    Example:
        >>> hit, answered = np.array([1.0, 0.0, 1.0]), np.array([True, False, True])
        >>> share_scores({"hit": (hit, answered)}, group_numbers(["a", "a", "b"]))["hit"].value
        1.0
    """
    values, inside = (np.column_stack([pair[which] for pair in columns.values()]).astype(float) for which in (0, 1))
    values = values * inside

    def shares(weights: np.ndarray) -> np.ndarray:
        counted = weights @ inside
        return np.divide(weights @ values, counted, out=np.full(counted.shape, np.nan), where=counted > 0)

    found = shares(np.ones((1, len(groups))))[0]
    draws = (
        [shares(weights) for weights in group_weights(groups, resamples=resamples, seed=seed)]
        if groups.max() > 0
        else []
    )
    drawn = np.concatenate(draws).T if draws else [None] * len(columns)
    return {name: with_interval(value, each) for name, value, each in zip(columns, found, drawn)}
