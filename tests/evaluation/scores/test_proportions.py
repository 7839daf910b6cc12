"""Intervals of proportions and of other scores with two ends: published values, hand-written formulas, edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from braintumor_tf.evaluation.scores.proportions import (
    bounded_interval,
    class_groups,
    difference_of_scores,
    effective_groups,
    label_score_groups,
    macro_groups,
    proportion_scores,
)
from braintumor_tf.types import Score
from tests.evaluation import intervals_by_hand as by_hand


def test_images_that_are_all_right_have_the_exact_interval_of_the_number_of_groups():
    """38 of 38 single images, and 38 groups of 5: what SciPy's exact interval says of 38 trials."""
    low = stats.binomtest(38, 38).proportion_ci(method="exact").low
    for each in (1, 5):
        groups, right = np.repeat(np.arange(38), each), np.ones(38 * each, bool)
        found = proportion_scores({"all": (right, right), "none": (~right, right)}, groups)
        assert (found["all"].low, found["all"].high) == pytest.approx((low, 1.0)) and low == pytest.approx(
            0.907, abs=1e-3
        )
        assert (found["none"].low, found["none"].high) == pytest.approx((0.0, 1 - low))


def test_many_single_images_have_the_exact_interval_of_their_number():
    right = np.arange(4000) < 3600
    found = proportion_scores({"": (right, np.ones(4000, bool))}, np.arange(4000))[""]
    expected = stats.binomtest(3600, 4000).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2e-4)


def test_copies_of_every_image_bring_no_certainty_and_independent_images_do():
    right = np.arange(60) % 10 > 0
    once = proportion_scores({"": (right, np.ones(60, bool))}, np.arange(60))[""]
    copied = proportion_scores({"": (np.repeat(right, 7), np.ones(420, bool))}, np.repeat(np.arange(60), 7))[""]
    assert copied == Score(*(pytest.approx(end) for end in (once.value, once.low, once.high)))
    spread = proportion_scores({"": (np.arange(420) % 10 > 0, np.ones(420, bool))}, np.repeat(np.arange(60), 7))[""]
    assert spread.high - spread.low < 0.7 * (once.high - once.low)


def test_a_share_of_uneven_groups_by_hand():
    generator = np.random.default_rng(4)
    groups = np.repeat(np.arange(25), generator.integers(1, 9, 25))
    right, counted = generator.random(len(groups)) < 0.8, generator.random(len(groups)) < 0.5
    found = proportion_scores({"": (right, counted)}, groups)[""]
    assert found.value == pytest.approx(right[counted].mean())
    assert (found.low, found.high) == pytest.approx(by_hand.proportion(right, counted, groups))


def test_a_recall_rests_on_the_groups_of_its_class():
    truth = np.array([0] * 30 + [1] * 4)
    groups = np.arange(34)
    alone = proportion_scores({"": (np.ones(4, bool), np.ones(4, bool))}, np.arange(4))[""]
    assert proportion_scores({"": (truth == 1, truth == 1)}, groups)[""] == alone and alone.low < 0.6


def test_what_cannot_be_said_is_none():
    right = np.array([True, False, True])
    found = proportion_scores({"empty": (right, np.zeros(3, bool)), "one": (right, right)}, np.array([0, 0, 0]))
    assert found == {"empty": Score(None), "one": Score(1.0)}
    assert bounded_interval(0.5, 0.1, groups=1.0) == bounded_interval(np.nan, 0.1, groups=9) == (None, None)


@pytest.mark.parametrize("value", [0.0, 0.001, 0.3, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("variance", [0.0, 1e-12, 1e-4, 0.05, 0.3])
@pytest.mark.parametrize("groups", [2, 6.5, 300])
def test_an_interval_stays_inside_holds_the_value_and_is_never_of_zero_width(value, variance, groups):
    for within in ((0.0, 1.0), (-1.0, 1.0), (0.0, 4.0)):
        scale = within[1] - within[0]
        there = within[0] + scale * value
        low, high = bounded_interval(there, variance * scale**2, groups=groups, within=within)
        assert within[0] <= low <= there + 1e-9 and there - 1e-9 <= high <= within[1] and high > low
        expected = by_hand.korn_graubard(there, variance * scale**2, groups, within=within)
        if variance > 1e-10 or value in (0, 1):
            assert (low, high) == pytest.approx(expected, abs=1e-6)
    assert bounded_interval(value, variance, groups=groups, within=(value, value)) == (value, value)


def test_more_confidence_is_wider_and_fewer_degrees_of_freedom_are_too():
    narrow, wide, few = (
        bounded_interval(0.9, 0.001, groups=30, **how) for how in ({"confidence": 0.8}, {}, {"freedom": 2})
    )
    assert few[0] < wide[0] < narrow[0] and narrow[1] < wide[1] < few[1]


def test_effective_groups_by_hand():
    assert effective_groups(np.repeat(np.arange(7), 3)) == pytest.approx(7)
    assert effective_groups(np.array([0] * 8 + [1, 2])) == pytest.approx(100 / 66)
    assert effective_groups(np.array([0, 0, 1]), np.array([True, True, False])) == 1
    assert effective_groups(np.zeros(0, int)) == 0
    truth, groups = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 1, 2, 3, 4, 5])
    assert class_groups(truth, groups, classes=3).tolist() == [4, 2, 0]
    assert macro_groups(np.array([4.0, 2.0, 0.0])) == pytest.approx(4 / (1 / 4 + 1 / 2))
    found = label_score_groups(truth, groups, classes=3)
    assert found["accuracy"] == 6 and found["macro_f1"] == pytest.approx(16 / 3)


def test_the_difference_of_two_proportions_as_published():
    """Newcombe 1998 (Statistics in Medicine 17, 873-890), table II (a): 56 of 70 less 48 of 80, from Wilson's ends."""
    pair = []
    for right, images in ((56, 70), (48, 80)):
        ends = stats.binomtest(right, images).proportion_ci(method="wilson")
        pair.append(Score(right / images, ends.low, ends.high))
    found = difference_of_scores(*pair)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    turned = difference_of_scores(*reversed(pair))
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    shared = difference_of_scores(*pair, correlation=0.8)
    assert found.low < shared.low < shared.high < found.high
    assert difference_of_scores(pair[0], Score(0.5)) == Score(pytest.approx(0.3))
    assert difference_of_scores(pair[0], Score(None)) == Score(None)
    ends = difference_of_scores(Score(1.0, 0.5, 1.0), Score(0.0, 0.0, 0.5), correlation=-1.0)
    assert ends.low >= -1 and ends.high <= 1
