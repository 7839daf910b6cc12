"""Simulated test sets whose truth is known, and the intervals that they give: as they were, and those of the package.

The images of a group share their luck by a beta-binomial distribution (its intraclass correlation is what is stated; 1
is all right or all wrong), and their wrong class as often. Labels are four classes, one a group or mixed inside groups,
equal or lopsided. ROC-AUC: normal scores whose groups share a part. Paired difference: a second model, 5 points worse,
that shares half of the luck. Seeds: three trainings, their accuracy spread by 2
points, or a third of what lies above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaincinv, ndtri

from braintumor_tf.evaluation.scores.group_bootstrap import Drawn, difference_with_interval, with_interval
from braintumor_tf.evaluation.scores.proportions import effective_groups, label_score_groups, proportion_scores
from braintumor_tf.evaluation.scores.seeds import mean_over_seeds
from braintumor_tf.evaluation.scores.weighted_metrics import label_values, ranking_scores

SIZES = ((38, 1), (20, 2), (10, 4), (6, 6), (200, 5), (1000, 1))
"""Groups and images a group."""
PROBABILITIES = (0.8, 0.9, 0.95, 0.98)
CORRELATIONS = (0.0, 0.5, 0.8, 1.0)
EQUAL, LOPSIDED = (0.25, 0.25, 0.25, 0.25), (0.4, 0.3, 0.2, 0.1)
ONE_CLASS, LOPSIDED_LABELS, MIXED = "one class a group", "lopsided", "mixed"
WORSE = 0.05
LARGE = 200
"""From so many groups on fewer test sets are simulated."""
RANKED = 200
"""Resamples of a ranking."""
SEEDS, SEED_SPREAD = 3, 0.02

Ends = tuple[float | None, float | None]
Found = Iterator[tuple[str, float, float, Ends, Ends]]
"""Score, true value, groups that it rests on, ends of the old interval, ends of the new one."""


def percentile(resampled: np.ndarray) -> Ends:
    """The interval as it was: the central 95 % of the resamples."""
    defined = resampled[np.isfinite(resampled)]
    return tuple(np.quantile(defined, [0.025, 0.975])) if 2 * len(defined) >= len(resampled) else (None, None)


def luck(shared: np.ndarray, probability: float, correlation: float) -> np.ndarray:
    """The probability of each group, from uniform numbers that models may share."""
    if correlation == 0:
        return np.full(shared.shape, probability)
    if correlation == 1:
        return (shared < probability).astype(float)
    total = 1 / correlation - 1
    return betaincinv(probability * total, (1 - probability) * total, shared)


def draw_labels(rng: np.random.Generator, groups: int, each: int, shares: tuple[float, ...], mixed: bool) -> np.ndarray:
    """Labels of shape ``(groups, images a group)``, as many of each class as its share says."""
    number = groups * each if mixed else groups
    ends = np.round(np.cumsum(shares) * number).astype(int)
    labels = np.searchsorted(ends, np.arange(number), side="right")
    return rng.permutation(labels).reshape(groups, each) if mixed else np.repeat(labels[:, None], each, 1)


def draw_models(
    rng: np.random.Generator, labels: np.ndarray, probability: float, correlation: float
) -> tuple[np.ndarray, np.ndarray]:
    """What two models name each image; the second is right less often by `WORSE` and shares half of the luck."""
    groups, each = labels.shape
    shared, image = rng.random((groups, 1)), rng.random((groups, each))
    wrong = np.where(
        rng.random((groups, each)) < correlation, rng.integers(1, 4, (groups, 1)), rng.integers(1, 4, (groups, each))
    )
    found = []
    for lost in (0.0, WORSE):
        own = np.where(rng.random((groups, 1)) < 0.5, shared, rng.random((groups, 1)))
        alone = np.where(rng.random((groups, each)) < 0.5, image, rng.random((groups, each)))
        right = alone < luck(own, probability - lost, correlation)
        found.append(np.where(right, labels, (labels + wrong) % 4))
    return found[0], found[1]


def true_values(labels: np.ndarray, probability: float) -> dict[str, float]:
    """The scores of a model that is right so often, over infinitely many groups."""
    shares = np.bincount(labels.ravel(), minlength=4) / labels.size
    confusion = shares[:, None] * np.where(np.eye(4) > 0, probability, (1 - probability) / 3)
    return {name: float(value[0]) for name, value in label_values(confusion[None]).items()}


def label_scores(rng: np.random.Generator, counts: np.ndarray, cell: dict[str, Any]) -> Found:
    """Simulates one test set: accuracy, recalls, macro-F1, and the differences of two models."""
    number, each, probability = cell["groups"], cell["images"], cell["probability"]
    labels = draw_labels(rng, number, each, cell["shares"], cell["mixed"])
    models = draw_models(rng, labels, probability, cell["correlation"])
    truth, groups = labels.ravel(), np.repeat(np.arange(number), each)
    independent = label_score_groups(truth, groups, classes=4)
    values, drawn = [], []
    for named in models:
        of_group = np.zeros((number, 16))
        np.add.at(of_group, (groups, truth * 4 + named.ravel()), 1.0)
        found = label_values((np.vstack([np.ones(number), counts]) @ of_group).reshape(-1, 4, 4))
        values.append({name: float(one[0]) for name, one in found.items()})
        drawn.append({name: one[1:] for name, one in found.items()})
    right, everything = (models[0] == labels).ravel(), np.ones(truth.size, bool)
    columns = {"accuracy": (right, everything), **{f"recall {c}": (right, truth == c) for c in range(4)}}
    true, other = true_values(labels, probability), true_values(labels, probability - WORSE)
    for name, one in proportion_scores(columns, groups).items():
        counted = columns[name][1]
        hits, sizes = (np.bincount(groups, each, minlength=number) for each in (counted & right, counted))
        with np.errstate(invalid="ignore"):
            old = percentile((counts @ hits) / (counts @ sizes))
        name = "recall" if name.startswith("recall") else name
        yield name, probability, effective_groups(groups, counted), old, (one.low, one.high)
    for name in ("balanced_accuracy", "macro_f1"):
        new = with_interval(values[0][name], drawn[0][name], groups=independent[name])
        yield name, true[name], independent[name], percentile(drawn[0][name]), (new.low, new.high)
    for name in ("accuracy", "macro_f1"):
        pair = [Drawn(one[name], draws[name], independent[name]) for one, draws in zip(values, drawn)]
        new = difference_with_interval(*pair)
        old = percentile(drawn[0][name] - drawn[1][name])
        yield f"difference of {name}", true[name] - other[name], independent[name], old, (new.low, new.high)


def ranking(rng: np.random.Generator, counts: np.ndarray, cell: dict[str, Any]) -> Found:
    """Simulates one ranking of a class against the rest; its ROC-AUC is the stated probability."""
    number, each, correlation = cell["groups"], cell["images"], cell["correlation"]
    share = cell["shares"][0]
    positive = np.repeat(np.arange(number) < round(share * number), each)
    groups = np.repeat(np.arange(number), each)
    luck_of_group, own = rng.normal(size=number)[groups], rng.normal(size=number * each)
    score = np.sqrt(2) * ndtri(cell["probability"]) * positive
    score = score + np.sqrt(correlation) * luck_of_group + np.sqrt(1 - correlation) * own
    found = ranking_scores(positive, score, np.vstack([np.ones(number), counts])[:, groups])[0]
    rarer = min(effective_groups(groups, positive), effective_groups(groups, ~positive))
    independent = min(2 * rarer, number) if rarer >= 1.5 else 0.0
    new = with_interval(found[0], found[1:], groups=independent)
    yield "roc_auc", cell["probability"], independent, percentile(found[1:]), (new.low, new.high)


def seeds(rng: np.random.Generator, counts: np.ndarray, cell: dict[str, Any]) -> Found:
    """Simulates the mean accuracy of three trainings; the old interval went from the least to the largest seed."""
    number, each = cell["groups"], cell["images"]
    shared, right = rng.random((number, 1)), []
    spread = min(SEED_SPREAD, (1 - cell["probability"]) / 3)
    for _ in range(SEEDS):
        reached = np.clip(cell["probability"] + spread * rng.normal(), 0.0, 1.0 - 1e-9)
        own = np.where(rng.random((number, 1)) < 0.5, shared, rng.random((number, 1)))
        right.append((rng.random((number, each)) < luck(own, reached, cell["correlation"])).mean(axis=1))
    right = np.stack(right)
    values = right.mean(axis=1)
    new = mean_over_seeds(values, right @ counts.T / number, groups=float(number))
    yield "mean over seeds", cell["probability"], float(number), (values.min(), values.max()), (new.low, new.high)


def cells(sizes: tuple[tuple[int, int], ...] = SIZES) -> Iterator[dict[str, Any]]:
    """Every combination of size, probability and correlation; other kinds of labels at one correlation."""
    for groups, images in sizes:
        for probability in PROBABILITIES:
            for correlation in CORRELATIONS if images > 1 else (0.0,):
                place = {"groups": groups, "images": images, "probability": probability, "correlation": correlation}
                yield {**place, "shares": EQUAL, "mixed": False, "labels": ONE_CLASS}
                if correlation in (0.5, 0.0) and (images == 1 or correlation == 0.5):
                    yield {**place, "shares": LOPSIDED, "mixed": False, "labels": LOPSIDED_LABELS}
                    if images > 1:
                        yield {**place, "shares": EQUAL, "mixed": True, "labels": MIXED}


def simulate(cell: dict[str, Any], *, times: int, resamples: int, seed: int = 0) -> list[dict[str, Any]]:
    """Counts, for each score of a cell, how often either interval holds the truth, and their mean widths."""
    rng = np.random.default_rng([seed, cell["groups"], int(100 * cell["probability"]), int(10 * cell["correlation"])])
    kinds: tuple[Callable[..., Found], ...] = (label_scores, ranking, seeds)
    if cell["labels"] != ONE_CLASS:
        kinds = (label_scores, ranking) if cell["labels"] == LOPSIDED_LABELS else (label_scores,)
    rows, large = [], cell["groups"] >= LARGE
    counts = rng.multinomial(cell["groups"], np.full(cell["groups"], 1 / cell["groups"]), resamples).astype(float)
    for turn in range(2 * times // 3 if large else times):
        for kind in kinds:
            if kind is ranking and large and turn % 2:
                continue  # the slowest part
            for name, true, own, old, new in kind(rng, counts[:RANKED] if kind is ranking else counts, cell):
                rows.append((name, own, *judge(old, true), *judge(new, true)))
    names = ["score", "own_groups", "old_holds", "old_width", "holds", "width"]
    table = pd.DataFrame(rows, columns=names)
    found = table.groupby("score", sort=False).mean().assign(given=table.groupby("score")["holds"].count())
    place = {key: cell[key] for key in ("groups", "images", "probability", "correlation", "labels")}
    return [{**place, **row} for row in found.round(4).reset_index().to_dict("records")]


def judge(ends: Ends, true: float) -> tuple[float, float]:
    """Whether an interval holds the truth, and its width; NaN where none is given."""
    low, high = ends
    return (np.nan, np.nan) if low is None else (float(low - 1e-9 <= true <= high + 1e-9), high - low)
