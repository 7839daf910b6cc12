"""Paired tests: whether two models that answered for the same images differ by more than luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from braintumor_tf.evaluation.scores.group_bootstrap import (
    Drawn,
    difference_p_value,
    difference_with_interval,
    group_weights,
)
from braintumor_tf.evaluation.scores.judgement import judge_row
from braintumor_tf.evaluation.scores.multiple_testing import holm
from braintumor_tf.evaluation.scores.proportions import label_score_groups
from braintumor_tf.evaluation.scores.weighted_metrics import LABEL_SCORES, weighted_confusion
from braintumor_tf.predictions_table import class_numbers

RESAMPLES = 10_000
"""Draws behind an interval and its p-value."""

DIFFERENCES = ("macro_f1", "accuracy")
"""The scores that are compared, names of `LABEL_SCORES`."""


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test of two models on the same images.

    Attributes:
        only_first: images that only the first model names correctly.
        only_second: images that only the second model names correctly.
        p_value: two-sided; 1 where there are no such images.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> McNemar:
    """Tests whether two models are wrong equally often on the same images: McNemar's test in its exact form.

    Only images that one model names correctly and the other wrongly count; were the models equally good, each would win
    half of them (a binomial test). **It treats images as independent, which near-duplicates are not**, so where groups
    have several images its p-value is too small; the bootstrap over groups (`paired_differences`) is not misled.

    Args:
        first_right: whether the first model is right, bool, shape ``(images,)``.
        second_right: the same for the second.

    Source: Q. McNemar, Psychometrika 12 (1947); exact form in A. Agresti, Categorical Data Analysis.

    Example:
        >>> mcnemar(np.array([True, True, True, False]), np.array([True, False, False, False]))
        McNemar(only_first=2, only_second=0, p_value=0.5)
    """
    first, second = np.asarray(first_right, bool), np.asarray(second_right, bool)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p_value)


def paired_differences(
    truth: np.ndarray,
    named: Sequence[np.ndarray],
    groups: np.ndarray,
    *,
    classes: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Scores several models on the same images, and on the same resampled groups.

    Each resample holds the same images for all models. So what is hard or easy about them drops out of the difference
    of two rows; the interval of either score alone would hold it.

    Args:
        truth: class numbers, shape ``(images,)``.
        named: what each model says, class numbers, each of shape ``(images,)``.
        groups: as for `group_weights`.
        classes: how many classes there are.
        resamples: how many times groups are drawn.
        seed: of the draws.

    Returns:
        For each of `DIFFERENCES` the scores, shape ``(models,)``, and those of the resamples, shape
        ``(models, resamples)``, or None where there are fewer than two groups.
    """

    def scores(weights: np.ndarray) -> np.ndarray:
        found = [weighted_confusion(truth, one, weights, classes=classes) for one in named]
        return np.stack([[LABEL_SCORES[name](one) for one in found] for name in DIFFERENCES])

    values = scores(np.ones((1, len(truth))))[..., 0]
    enough = len(groups) and groups.max() > 0
    pieces = [scores(weights) for weights in group_weights(groups, resamples=resamples, seed=seed)] if enough else []
    drawn = np.concatenate(pieces, axis=2) if pieces else [None] * len(DIFFERENCES)
    return {name: (value, draws) for name, value, draws in zip(DIFFERENCES, values, drawn)}


def compare_pairs(
    truth: Sequence[str],
    named: Mapping[str, Sequence[str]],
    groups: np.ndarray,
    *,
    classes: Sequence[str],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Compares every two models that answered for the same images.

    Args:
        truth: the label of each image.
        named: what each model names each image, by the model's name.
        groups: the number of each image's group, shape ``(images,)``.
        classes: the class names.
        resamples: how many times groups are drawn.
        seed: of the draws.

    Returns:
        One row a pair: `first`, `second`; for `macro_f1` and `accuracy` the columns ``<score>_difference`` (first less
        second), ``_low`` and ``_high`` (95 % over groups), ``_p`` (two-sided), ``_p_holm`` (corrected over the pairs)
        and ``_judgement`` (what `judge` makes of the interval and the corrected p); `only_first`, `only_second`,
        `mcnemar_p`, `mcnemar_p_holm`. NaN where there is nothing to draw from.

    Example:
        >>> labels, groups = ["tumor", "no_tumor"] * 10, np.arange(20)
        >>> answers = {"cnn": labels, "pca": ["tumor"] * 20}
        >>> table = compare_pairs(labels, answers, groups, classes=("no_tumor", "tumor"), resamples=200)
        >>> table[["first", "second", "accuracy_difference", "only_first"]].to_numpy().tolist()
        [['cnn', 'pca', 0.5, 10]]
    """
    names, true = list(named), class_numbers(truth, classes)
    answers = [class_numbers(named[name], classes) for name in names]
    found = paired_differences(true, answers, groups, classes=len(classes), resamples=resamples, seed=seed)
    independent, rows = label_score_groups(true, groups, classes=len(classes)), []
    for pair in combinations(range(len(names)), 2):
        first, second = pair
        row: dict[str, Any] = {"first": names[first], "second": names[second]}
        for name, (values, draws) in found.items():
            two = [Drawn(float(values[one]), None if draws is None else draws[one], independent[name]) for one in pair]
            for end, value in difference_with_interval(*two).to_dict().items():
                row[f"{name}_{'difference' if end == 'value' else end}"] = np.nan if value is None else value
            row[f"{name}_p"] = difference_p_value(*two)
        counted = mcnemar(answers[first] == true, answers[second] == true)
        row |= {"only_first": counted.only_first, "only_second": counted.only_second, "mcnemar_p": counted.p_value}
        rows.append(row)
    ends = ("difference", "low", "high", "p", "p_holm", "judgement")
    columns = [f"{name}_{end}" for name in DIFFERENCES for end in ends]
    table = pd.DataFrame(rows)
    for test in (*DIFFERENCES, "mcnemar"):
        table[f"{test}_p_holm"] = holm(table[f"{test}_p"])
    for name in DIFFERENCES:
        table[f"{name}_judgement"] = [
            judge_row(row, name, value=f"{name}_difference").outcome for _, row in table.iterrows()
        ]
    return table[["first", "second", *columns, "only_first", "only_second", "mcnemar_p", "mcnemar_p_holm"]]
