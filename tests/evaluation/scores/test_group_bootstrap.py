"""Intervals: what is drawn and how often, the ends of an interval, and where none is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from braintumor_tf.evaluation.scores.group_bootstrap import (
    group_numbers,
    group_weights,
    mean_draws,
    mean_scores,
    with_interval,
)
from braintumor_tf.types import Score
from tests.evaluation.intervals_by_hand import kish, of_draws


def test_resamples_that_come_in_several_pieces_are_all_different():
    """So many images that their weights are too large for one piece, as in a comparison on 1,311 images."""
    groups = np.arange(40_000) // 1000
    pieces = list(group_weights(groups, resamples=120, seed=0))
    assert len(pieces) > 1 and max(piece.size for piece in pieces) <= 2_000_000
    drawn = np.concatenate(pieces)[:, ::1000]  # how often each group came
    assert drawn.shape == (120, 40) and (drawn.sum(axis=1) == 40).all()
    assert len(np.unique(drawn, axis=0)) == 120
    np.testing.assert_array_equal(drawn, np.concatenate(list(group_weights(groups, resamples=120, seed=0)))[:, ::1000])
    assert not np.array_equal(drawn, np.concatenate(list(group_weights(groups, resamples=120, seed=1)))[:, ::1000])


def test_no_mean_is_drawn_twice_however_many_images_there_are():
    values = np.repeat(np.random.default_rng(0).normal(size=40), 1000)
    means = mean_draws(values[:, None], np.arange(40_000) // 1000, resamples=120)[1]
    assert means.shape == (120, 1) and len(np.unique(means)) == 120


def test_all_images_of_a_group_come_together_and_each_number_of_times_has_its_probability():
    groups = np.array([0, 0, 1, 2, 2, 2])
    weights = np.concatenate(list(group_weights(groups, resamples=20_000, seed=3)))
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 3:] == weights[:, [3]]).all()
    found = np.bincount(weights[:, 2].astype(int)) / len(weights)
    np.testing.assert_allclose(found, np.array([8, 12, 6, 1]) / 27, atol=0.015)  # three draws of one in three


def test_images_without_a_group_are_groups_of_their_own():
    found = group_numbers(["a", "", "b", "", "a"])
    assert found[0] == found[4] and len(set(found)) == 4 and sorted(set(found)) == [0, 1, 2, 3]
    assert len(group_numbers([])) == 0


def test_a_missing_group_is_no_group_in_every_form():
    found = group_numbers(["a", None, float("nan"), pd.NA, "", "a", "nan"])
    assert found[0] == found[5] and len(set(found)) == 6
    assert len(set(group_numbers(pd.Series([np.nan, np.nan], index=[3, 3])))) == 2


def test_a_score_without_ends_gets_quantiles_as_far_out_as_students_t():
    drawn = np.arange(1001) / 1000
    found = with_interval(0.4, drawn, groups=12, within=None)
    tail = stats.norm.cdf(np.sqrt(12 / 11) * stats.t.ppf(0.025, 11))
    assert found == Score(0.4, pytest.approx(tail), pytest.approx(1 - tail)) and tail < 0.015
    holes = with_interval(0.4, np.r_[drawn, np.full(300, np.nan)], groups=12, within=None)
    assert holes == found, "resamples that define no score are left out"
    many = with_interval(0.4, drawn, groups=1e6, within=None)
    assert (many.low, many.high) == pytest.approx((0.025, 0.975), abs=1e-4)
    assert with_interval(0.4, np.full(50, 0.4), groups=12, within=None) == Score(0.4), "what never varies tells nothing"


def test_a_score_with_ends_stays_inside_them():
    drawn = np.random.default_rng(0).normal(0.97, 0.03, 500)
    for within in ((0, 1), (0, 2), (-1, 1)):
        found = with_interval(0.97, drawn, groups=15, within=within)
        assert (found.low, found.high) == pytest.approx(of_draws(0.97, drawn, 15, within=within))
        assert within[0] <= found.low < 0.97 < found.high <= within[1]
    sure = with_interval(0.97, drawn, groups=15, within=(0, 1), confidence=0.99)
    assert sure.low < with_interval(0.97, drawn, groups=15).low
    assert with_interval(0.0, np.zeros(9), groups=15, within=(0.0, 0.0)) == Score(0.0, 0.0, 0.0), "it cannot vary"


@pytest.mark.parametrize(("defined", "given"), [(0, False), (1, False), (49, False), (50, True), (51, True)])
def test_an_interval_needs_a_score_in_half_of_the_resamples(defined, given):
    drawn = np.full(100, np.nan)
    drawn[:defined] = np.linspace(0.2, 0.8, defined)
    found = with_interval(0.5, drawn, groups=20)
    assert found.value == 0.5
    if given:
        assert [found.low, found.high] == pytest.approx(of_draws(0.5, drawn[:defined], 20))
    else:
        assert found.low is None and found.high is None


def test_what_is_undefined_has_neither_value_nor_interval():
    assert (
        with_interval(float("nan"), np.ones(10), groups=9) == with_interval(float("inf"), None, groups=9) == Score(None)
    )
    assert with_interval(0.5, None, groups=9) == with_interval(0.5, np.zeros(0), groups=9) == Score(0.5)
    assert with_interval(0.5, np.linspace(0, 1, 9), groups=1) == Score(0.5)


def test_means_of_groups_of_unequal_size_are_means_over_the_images_drawn():
    groups = np.array([0, 0, 0, 1, 2, 2])
    values = np.array([[1.0, 3], [0, 5], [1, 1], [0, 9], [1, 2], [1, 2]])
    means, draws = mean_draws(values, groups, resamples=30, seed=5)
    np.testing.assert_allclose(means, values.mean(axis=0))
    for weights, drawn in zip(np.concatenate(list(group_weights(groups, resamples=30, seed=5))), draws, strict=True):
        np.testing.assert_allclose(drawn, np.repeat(values, weights.astype(int), axis=0).mean(axis=0))
    within = {"other": (0, 10), "free": None}
    columns = {"one": values[:, 0], "other": values[:, 1], "free": values[:, 1]}
    found = mean_scores(columns, groups, within=within, resamples=30, seed=5)
    number = kish([3, 1, 2])
    for name, place, ends in (("one", 0, (0, 1)), ("other", 1, (0, 10))):
        expected = of_draws(means[place], draws[:, place], number, within=ends)
        assert (found[name].low, found[name].high) == pytest.approx(expected)
    tail = stats.norm.cdf(np.sqrt(number / (number - 1)) * stats.t.ppf(0.025, number - 1))
    assert found["free"].low == pytest.approx(np.quantile(draws[:, 1], tail))
    assert mean_draws(values, np.zeros(6, int), resamples=30)[1] is None, "one group tells nothing about others"
