"""The mean of a score over training seeds, with an interval that holds the spread over seeds and over groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.scores.group_bootstrap import Resampling, group_numbers, group_weights
from braintumor_tf.evaluation.scores.proportions import UNIT, bounded_interval, difference_of_scores, label_score_groups
from braintumor_tf.evaluation.scores.weighted_metrics import Values, label_values, tumour_rates
from braintumor_tf.predictions_table import PREDICTED, check_predictions, class_numbers
from braintumor_tf.types import Score


@dataclass(frozen=True, kw_only=True)
class SeedMeans:
    """Means over several trainings of one model with different seeds.

    Attributes:
        seeds: how many trainings.
        images: scored images of all of them, each counted once.
        groups: how many groups they are of.
        resampling: of the groups.
        scores: the mean of each score; the interval holds the spread over seeds and over groups.
        spread: the standard deviation of each score over the seeds.
    """

    seeds: int
    images: int
    groups: int
    resampling: Resampling
    scores: Mapping[str, Score]
    spread: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values for JSON."""
        return {**asdict(self), "resampling": self.resampling.to_dict()}


def seed_means(
    tables: Sequence[pd.DataFrame],
    classes: Sequence[str],
    *,
    split: str = "test",
    resamples: int = 1000,
    seed: int = 0,
) -> SeedMeans:
    """Scores several trainings of one model and returns the means over them.

    The tables may be of the same test images, or of different splits of one data set. A group, known by its name, is
    drawn equally often for all of them.

    Args:
        tables: predictions tables, one a training seed.
        classes: class names in order.
        split: which split to score.
        resamples: how many times groups are drawn.
        seed: of the draws.

    Returns:
        The scores of `weighted_metrics.LABEL_SCORES`, and with a class without a tumour ``tumour_sensitivity`` and
        ``tumour_specificity``.

    Raises:
        EvaluationError: fewer than two tables, no row of the split, or labels or columns do not fit the classes.

    Example:
        >>> rows = pd.DataFrame({"path": list("abcd"), "split": "test", "group": list("abcd")})
        >>> rows["label"] = ["no_tumor", "no_tumor", "tumor", "tumor"]
        >>> one = rows.assign(predicted="tumor", p_no_tumor=0.4, p_tumor=0.6)
        >>> two = rows.assign(predicted=rows["label"], p_no_tumor=0.5, p_tumor=0.5)
        >>> found = seed_means([one, two], ("no_tumor", "tumor"))
        >>> found.seeds, found.scores["accuracy"].value, round(found.spread["accuracy"], 2)
        (2, 0.75, 0.35)
    """
    if len(tables) < 2:
        raise EvaluationError(f"{len(tables)} table of predictions is given; a mean over seeds needs two or more")
    parts = [_scored(table, classes, split) for table in tables]
    joined = pd.concat(parts, ignore_index=True)
    alone = (joined["group"].fillna("") == "").to_numpy()
    numbers = group_numbers(joined["group"].mask(alone, "alone:" + joined["path"].astype(str)))
    groups = np.split(numbers, np.cumsum([len(rows) for rows in parts])[:-1])
    draws = np.concatenate(
        list(group_weights(np.arange(numbers.max() + 1), resamples=resamples if numbers.max() else 0, seed=seed))
        or [np.zeros((0, numbers.max() + 1))]
    )
    weights = np.concatenate([np.ones((1, draws.shape[1])), draws])
    found = [_scores(rows, own, weights, classes) for rows, own in zip(parts, groups)]
    first = joined.drop_duplicates("path")
    independent = label_score_groups(class_numbers(first["label"], classes), numbers[first.index], classes=len(classes))
    stacked = {name: np.stack([each[name] for each in found]) for name in found[0]}
    scores = {
        name: mean_over_seeds(
            each[:, 0], each[:, 1:] if len(draws) else None, groups=independent.get(name, independent["accuracy"])
        )
        for name, each in stacked.items()
    }
    spread = {name: float(each[:, 0].std(ddof=1)) for name, each in stacked.items()}
    return SeedMeans(
        seeds=len(parts),
        images=len(first),
        groups=int(numbers.max()) + 1,
        resampling=Resampling(resamples, seed),
        scores=scores,
        spread=spread,
    )


def mean_over_seeds(
    values: np.ndarray,
    resampled: np.ndarray | None,
    *,
    groups: float,
    within: tuple[float, float] = UNIT,
) -> Score:
    """Returns the mean of a score over seeds with an interval for new seeds and new groups.

    Its variance is that of the mean under resampled groups, and the variance over seeds divided by their number, less
    what both of them hold: the part of the spread over seeds that comes from these groups, as the resamples show it.
    Degrees of freedom are Satterthwaite's; with three seeds that differ much there are hardly more than two.

    Args:
        values: the score of each seed, shape ``(seeds,)``.
        resampled: the score of each seed on each resample, shape ``(seeds, resamples)``; the same groups are drawn for
            all seeds. None for fewer than two groups.
        groups: the effective number of groups that the score rests on.
        within: the ends that the score can have; -1 and 1 for a difference.

    Returns:
        The mean; without an interval where `resampled` is None or a value is undefined in most resamples.

    Source: S. R. Searle, G. Casella and C. E. McCulloch, Variance Components (1992), two crossed random factors;
    F. E. Satterthwaite, Biometrics Bulletin 2 (1946); A. B. Owen, Annals of Applied Statistics 1 (2007).

    Example:
        >>> draws = np.linspace(0.6, 0.8, 101)
        >>> seeds = np.stack([draws - 0.02, draws, draws + 0.02])
        >>> print(mean_over_seeds(np.array([0.68, 0.70, 0.72]), seeds, groups=50))
        0.70 (0.56-0.82)
    """
    value, seeds = float(np.mean(values)), len(values)
    if not np.isfinite(value):
        return Score(None)
    if resampled is None or groups < 1.5 or 2 * np.isfinite(resampled).all(axis=0).sum() < resampled.shape[1]:
        return Score(value)
    over_groups, over_seeds, both = _parts((values, resampled), (values, resampled), groups)
    total = over_groups + max(over_seeds - both, 0.0)
    uncertain = over_groups**2 / (groups - 1.0) + over_seeds**2 / max(seeds - 1, 1)
    freedom = total**2 / uncertain if uncertain > 0 else groups - 1.0
    freedom = min(max(freedom, 1.0), groups - 1.0 + max(seeds - 1, 0))
    return Score(value, *bounded_interval(value, total, groups=groups, within=within, freedom=freedom))


def difference_over_seeds(
    first: tuple[np.ndarray, np.ndarray | None],
    second: tuple[np.ndarray, np.ndarray | None],
    *,
    groups: float,
    paired: bool = True,
) -> Score:
    """Returns one mean over seeds less another, with the interval for new seeds and new groups.

    Args:
        first: `values` and `resampled` as for `mean_over_seeds`.
        second: the same for other answers on the same draws of groups.
        groups: the effective number of groups that both rest on.
        paired: whether place by place both come from one training, as a network on clean and on noisy images.

    Source: `proportions.difference_of_scores`.

    Example:
        >>> draws = np.tile(np.linspace(0.6, 0.8, 101), (2, 1))
        >>> found = difference_over_seeds((np.full(2, 0.7), draws), (np.full(2, 0.6), draws - 0.1), groups=50)
        >>> round(found.value, 2), found.low > 0
        (0.1, True)
    """
    one, two = (mean_over_seeds(*each, groups=groups) for each in (first, second))
    if one.low is None or two.low is None:
        return difference_of_scores(one, two)
    together = []
    for left, right, same in ((first, first, True), (second, second, True), (first, second, paired)):
        over_groups, over_seeds, both = _parts(left, right, groups, paired=same)
        together.append(over_groups + (max(over_seeds - both, 0.0) if left is right else over_seeds - both))
    spread = math.sqrt(together[0] * together[1])
    shared = min(max(together[2] / spread, -1.0), 1.0) if spread > 1e-15 else 0.0
    return difference_of_scores(one, two, correlation=shared * groups / (groups + 1.0))


def _parts(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], groups: float, *, paired: bool = True
) -> tuple[float, float, float]:
    """Returns the covariance of two means over groups, that over seeds, and what both hold; 0 for unpaired seeds."""
    defined = np.isfinite(first[1]).all(axis=0) & np.isfinite(second[1]).all(axis=0)
    (one, one_drawn), (two, two_drawn) = ((values, drawn[:, defined]) for values, drawn in (first, second))
    few = groups / (groups - 1.0)  # a draw of groups varies by so much less than groups do

    def covariance(left: np.ndarray, right: np.ndarray) -> float:
        return float(np.mean((left - left.mean()) * (right - right.mean())))

    over_groups = covariance(one_drawn.mean(axis=0), two_drawn.mean(axis=0)) * few
    seeds = len(one)
    if seeds < 2 or not paired or len(two) != seeds:
        return over_groups, 0.0, 0.0
    over_seeds = covariance(one, two) / (seeds - 1)
    own = zip(one_drawn - one_drawn.mean(axis=0), two_drawn - two_drawn.mean(axis=0))
    both = sum(covariance(*pair) for pair in own) * few / (seeds - 1) / seeds
    return over_groups, over_seeds, both


def _scored(table: pd.DataFrame, classes: Sequence[str], split: str) -> pd.DataFrame:
    rows = table[table["split"] == split].reset_index(drop=True) if "split" in table else table
    check_predictions(rows, classes)
    if rows.empty:
        raise EvaluationError(f"no prediction is of the {split} split; there is nothing to score")
    return rows


def _scores(rows: pd.DataFrame, groups: np.ndarray, weights: np.ndarray, classes: Sequence[str]) -> Values:
    """Returns the scores of one table for each weighting of all groups."""
    truth, named = (class_numbers(rows[column], classes) for column in ("label", PREDICTED))
    each_group = np.zeros((weights.shape[1], len(classes) ** 2))
    np.add.at(each_group, (groups, truth * len(classes) + named), 1.0)
    confusion = (weights @ each_group).reshape(-1, len(classes), len(classes))
    found = label_values(confusion)
    if NO_TUMOR in classes:
        rates = tumour_rates(confusion, list(classes).index(NO_TUMOR))
        found |= dict(zip(("tumour_sensitivity", "tumour_specificity"), rates))
    return found
