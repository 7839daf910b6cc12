"""Intervals: what is drawn and how often, the ends of an interval, and where none is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.evaluation.scores.group_bootstrap import (
    group_numbers,
    group_weights,
    mean_draws,
    mean_scores,
    share_scores,
    with_interval,
)
from braintumor_tf.types import Score


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


def test_the_ends_are_the_central_95_percent():
    found = with_interval(0.4, np.arange(1001) / 1000)
    assert found == Score(0.4, pytest.approx(0.025), pytest.approx(0.975))
    holes = with_interval(0.4, np.r_[np.arange(1001) / 1000, np.full(300, np.nan)])
    assert holes == found, "resamples that define no score are left out"


@pytest.mark.parametrize(("defined", "given"), [(0, False), (1, False), (49, False), (50, True), (51, True)])
def test_an_interval_needs_a_score_in_half_of_the_resamples(defined, given):
    drawn = np.full(100, np.nan)
    drawn[:defined] = np.linspace(0.2, 0.8, defined)
    found = with_interval(0.5, drawn)
    assert found.value == 0.5
    if given:
        assert [found.low, found.high] == pytest.approx([0.2 + 0.6 * 0.025, 0.2 + 0.6 * 0.975])
    else:
        assert found.low is None and found.high is None


def test_what_is_undefined_has_neither_value_nor_interval():
    assert with_interval(float("nan"), np.ones(10)) == with_interval(float("inf"), None) == Score(None)
    assert with_interval(0.5, None) == with_interval(0.5, np.zeros(0)) == Score(0.5)


def test_means_of_groups_of_unequal_size_are_means_over_the_images_drawn():
    groups = np.array([0, 0, 0, 1, 2, 2])
    values = np.array([[1.0, 3], [0, 5], [1, 1], [0, 9], [1, 2], [1, 2]])
    means, draws = mean_draws(values, groups, resamples=30, seed=5)
    np.testing.assert_allclose(means, values.mean(axis=0))
    for weights, drawn in zip(np.concatenate(list(group_weights(groups, resamples=30, seed=5))), draws, strict=True):
        np.testing.assert_allclose(drawn, np.repeat(values, weights.astype(int), axis=0).mean(axis=0))
    found = mean_scores({"one": values[:, 0], "other": values[:, 1]}, groups, resamples=30, seed=5)
    for place, each in enumerate(found.values()):
        assert [each.low, each.high] == pytest.approx(np.quantile(draws[:, place], [0.025, 0.975]))
    assert mean_draws(values, np.zeros(6, int), resamples=30)[1] is None, "one group tells nothing about others"


def test_shares_are_means_over_the_counted_images_of_each_resample():
    groups = np.arange(24) // 2
    generator = np.random.default_rng(1)
    values, inside = generator.normal(size=24), generator.random(24) < 0.6
    found = share_scores({"part": (values, inside)}, groups, resamples=40, seed=2)["part"]
    assert found.value == pytest.approx(values[inside].mean())
    expected = [
        np.repeat(values[inside], weights[inside].astype(int)).mean()
        for weights in np.concatenate(list(group_weights(groups, resamples=40, seed=2)))
    ]
    assert [found.low, found.high] == pytest.approx(np.quantile(expected, [0.025, 0.975]))
