"""The judgement of a difference: better, worse or not told apart, and what that rests on."""

from __future__ import annotations

import math

import pytest

from braintumor_tf.evaluation.scores.judgement import (
    ADJUSTED_TEST,
    BETTER,
    INTERVAL,
    NO_INTERVAL,
    NOT_TOLD_APART,
    WORSE,
    judge,
)
from braintumor_tf.types import Score

CASES = (
    # value, low, high, adjusted p, outcome, rests on
    (0.23, 0.15, 0.31, None, BETTER, INTERVAL),
    (-0.23, -0.31, -0.15, None, WORSE, INTERVAL),
    (0.03, -0.02, 0.08, None, NOT_TOLD_APART, INTERVAL),
    (0.03, 0.0, 0.08, None, NOT_TOLD_APART, INTERVAL),  # an end at exactly 0 does not leave 0 out
    (-0.03, -0.08, 0.0, None, NOT_TOLD_APART, INTERVAL),
    (0.0, 0.0, 0.0, None, NOT_TOLD_APART, INTERVAL),
    (0.03, math.nextafter(0, 1), 0.08, None, BETTER, INTERVAL),
    (0.5, None, None, None, NOT_TOLD_APART, NO_INTERVAL),
    (0.5, 0.1, None, None, NOT_TOLD_APART, NO_INTERVAL),
    (0.5, None, 0.9, 0.001, NOT_TOLD_APART, NO_INTERVAL),
    (0.5, math.nan, math.nan, math.nan, NOT_TOLD_APART, NO_INTERVAL),
    (None, None, None, None, NOT_TOLD_APART, NO_INTERVAL),
    (0.23, 0.15, 0.31, 0.04, BETTER, INTERVAL),
    (0.23, 0.15, 0.31, math.nan, BETTER, INTERVAL),
    (0.23, 0.15, 0.31, 0.05, NOT_TOLD_APART, ADJUSTED_TEST),  # the test is stricter than the interval
    (-0.23, -0.31, -0.15, 0.2, NOT_TOLD_APART, ADJUSTED_TEST),
    (0.03, -0.02, 0.08, 0.04, NOT_TOLD_APART, INTERVAL),  # the interval is stricter than the test
)


@pytest.mark.parametrize(("value", "low", "high", "p", "outcome", "rests_on"), CASES)
def test_a_difference_is_better_worse_or_not_told_apart(value, low, high, p, outcome, rests_on):
    found = judge(Score(value, low, high), p_adjusted=p)
    assert (found.outcome, found.rests_on) == (outcome, rests_on)
    assert found.told_apart == (outcome in (BETTER, WORSE))


@pytest.mark.parametrize(("value", "low", "high", "p", "outcome", "rests_on"), CASES)
def test_turning_the_difference_round_turns_the_judgement_round(value, low, high, p, outcome, rests_on):
    turned = Score(*(None if each is None else -each for each in (value, high, low)))
    found = judge(turned, p_adjusted=p)
    assert found.outcome == {BETTER: WORSE, WORSE: BETTER}.get(outcome, outcome) and found.rests_on == rests_on


def test_a_score_can_be_judged_against_any_number():
    score = Score(0.52, 0.45, 0.60)
    found = [judge(score, against=number).outcome for number in (0.9, 0.6, 0.5, 0.45, 0.3)]
    assert found == [WORSE, NOT_TOLD_APART, NOT_TOLD_APART, NOT_TOLD_APART, BETTER]
