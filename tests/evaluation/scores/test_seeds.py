"""The mean over training seeds: its parts by hand, its limits, and how often its interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation import seed_means
from braintumor_tf.evaluation.scores.group_bootstrap import Drawn, difference_with_interval, with_interval
from braintumor_tf.evaluation.scores.seeds import difference_over_seeds, mean_over_seeds
from braintumor_tf.files import to_json
from tests.evaluation import intervals_by_hand as by_hand
from tests.evaluation.made_predictions import softmax, table


def draws(groups: int, seed: int = 0, resamples: int = 2000) -> np.ndarray:
    """Shares of each group in each resample."""
    counts = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), resamples)
    return counts / groups


def made(seed: int, images: int = 90, start: int = 0) -> object:
    """One training's answers for the same images, or for others."""
    fixed, own = np.random.default_rng(99 + start), np.random.default_rng(seed)
    label = fixed.integers(0, 4, images)
    logits = fixed.normal(size=(images, 4)) + own.normal(size=(images, 4)) + 2 * np.eye(4)[label]
    found = table(softmax(logits), label, start + np.arange(images) // 3)
    return found.assign(path=[f"{start}_{place}.png" for place in range(images)])


def test_means_and_spread_are_those_of_the_tables():
    tables = [made(seed) for seed in range(3)]
    found = seed_means(tables, CLASSES, resamples=200)
    each = [f1_score(one["label"], one["predicted"], average="macro") for one in tables]
    assert found.scores["macro_f1"].value == pytest.approx(np.mean(each))
    assert found.spread["macro_f1"] == pytest.approx(np.std(each, ddof=1))
    assert (found.seeds, found.images, found.groups) == (3, 90, 30) and "tumour_sensitivity" in found.scores
    to_json(found.to_dict())


def test_the_variance_is_that_over_groups_and_that_over_seeds():
    """Two crossed factors, from the answers of each seed on each group."""
    generator = np.random.default_rng(1)
    right = 0.7 + 0.01 * generator.normal(size=(30, 1)) + 0.03 * generator.normal(size=(1, 50))
    right = right + 0.2 * generator.normal(size=(30, 50))
    values, weights = right.mean(axis=1), draws(50, resamples=40_000)
    found = mean_over_seeds(values, right @ weights.T, groups=50)
    over_groups = right.mean(axis=0).var(ddof=1) / 50
    over_seeds = values.var(ddof=1) / 30
    both = sum((row - right.mean(axis=0)).var(ddof=1) for row in right) / 50 / 29 / 30
    total = over_groups + over_seeds - both
    freedom = total**2 / (over_groups**2 / 49 + over_seeds**2 / 29)
    expected = by_hand.korn_graubard(values.mean(), total, 50, freedom=freedom)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-3)
    groups_alone = with_interval(values.mean(), (right @ weights.T).mean(axis=0), groups=50)
    assert found.high - found.low > 1.02 * (groups_alone.high - groups_alone.low)


def test_one_seed_has_the_interval_over_groups_and_equal_seeds_do_too():
    right = np.random.default_rng(2).random(60) < 0.9
    drawn = draws(60) @ right
    alone = with_interval(right.mean(), drawn, groups=60)
    for seeds in (1, 3):
        found = mean_over_seeds(np.full(seeds, right.mean()), np.tile(drawn, (seeds, 1)), groups=60)
        assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high), rel=1e-3)
    other = np.random.default_rng(3).random(60) < 0.8
    pair = [(np.array([one.mean()]), (draws(60) @ one)[None]) for one in (right, other)]
    expected = difference_with_interval(*(Drawn(float(one[0][0]), one[1][0], 60.0) for one in pair))
    found = difference_over_seeds(*pair, groups=60)
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_a_loss_of_the_same_trainings_is_known_better_than_that_of_others():
    """Each training loses 0.1, whatever its own score: the spread over seeds drops out of the paired difference."""
    generator = np.random.default_rng(5)
    clean = np.clip(0.85 + 0.05 * generator.normal(size=(3, 1)) + 0.1 * generator.normal(size=(1, 80)), 0, 1)
    noisy, weights = clean - 0.1 + 0.01 * generator.normal(size=clean.shape), draws(80)
    pair = [(one.mean(axis=1), one @ weights.T) for one in (clean, noisy)]
    paired, apart = (difference_over_seeds(*pair, groups=80, paired=how) for how in (True, False))
    assert paired.value == apart.value == pytest.approx(0.1, abs=0.01)
    assert apart.low < paired.low < 0.1 < paired.high < apart.high
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


def test_tables_of_different_splits_have_the_interval_of_their_spread():
    """No image in common: what groups and seeds bring lies in the spread of the values, counted once."""
    tables = [made(seed, start=1000 * seed) for seed in range(5)]
    found = seed_means(tables, CLASSES)
    assert found.images == 450 and found.groups == 150
    values = [(one["label"] == one["predicted"]).mean() for one in tables]
    half = (found.scores["accuracy"].high - found.scores["accuracy"].low) / 2
    expected = stats.t.ppf(0.975, 4) * np.std(values, ddof=1) / np.sqrt(5)
    over_groups = 1.96 * np.sqrt(np.mean(values) * (1 - np.mean(values)) / 450)
    assert 0.9 * over_groups < half < 1.6 * max(expected, over_groups)


def test_the_interval_holds_the_truth_of_new_seeds_and_new_groups():
    generator, held, old = np.random.default_rng(0), 0, 0
    weights = draws(40, resamples=300)
    for _ in range(300):
        seeds, groups = 0.02 * generator.normal(size=(3, 1)), 0.1 * generator.normal(size=(1, 40))
        right = 0.8 + seeds + groups + 0.05 * generator.normal(size=(3, 40))
        values = right.mean(axis=1)
        found = mean_over_seeds(values, right @ weights.T, groups=40)
        held, old = held + (found.low <= 0.8 <= found.high), old + (values.min() <= 0.8 <= values.max())
    assert held / 300 >= 0.92 > 0.8 > old / 300


def test_what_cannot_be_averaged_is_named():
    with pytest.raises(EvaluationError, match="two or more"):
        seed_means([made(0)], CLASSES)
    with pytest.raises(EvaluationError, match="of the validation split"):
        seed_means([made(0), made(1)], CLASSES, split="validation")
    one_group = seed_means([made(0).assign(group="g"), made(1).assign(group="g")], CLASSES, resamples=50)
    assert one_group.scores["accuracy"].value is not None and one_group.scores["accuracy"].low is None
    assert mean_over_seeds(np.array([np.nan, 0.5]), None, groups=9).value is None
    assert mean_over_seeds(np.array([0.5, 0.7]), None, groups=9).low is None
