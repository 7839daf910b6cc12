"""Numbers as people read them, from whatever a file of a run holds."""

from __future__ import annotations

import re

import pytest

from braintumor_tf.report.wording.metrics import ranked_baselines, score, score_table
from braintumor_tf.report.wording.numbers import as_score, interval, number, percent, plain, signed
from braintumor_tf.report.wording.run_texts import setting
from braintumor_tf.types import Score


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (0.91249, "0.912"), (1.0, "1.000"), (0.99999, "0.999"), (0.0, "0.000")],
)
def test_numbers_never_claim_more_than_they_say(value, text):
    assert number(value) == text


def test_shares_at_the_ends_are_not_rounded_away():
    assert percent(1, 1000) == "under 1 %"
    assert percent(999, 1000) == "over 99 %"
    assert percent(3, 4) == "75 %"
    assert percent(0, 4) == "0 %"
    assert percent(1, 0) == ""


def test_scores_are_read_whatever_they_look_like(metrics):
    assert score(metrics, "classes.glioma.f1").value == metrics["classes"]["glioma"]["f1"]["value"]
    assert score(metrics, "classes.absent.f1") == Score(None)
    assert as_score(0.5) == Score(0.5)
    assert interval({"value": 0.5, "low": None, "high": None}) == interval(Score(0.5)) == ""
    assert ranked_baselines(metrics) == ["nearest_neighbour", "metadata"]
    assert list(score_table({}).columns) == ["name", "kind", "score", "value", "low", "high"]


def test_settings_are_found_in_sections():
    assert setting({"split": {"protocol": "random"}}, "protocol") == "random"
    assert setting({"protocol": "grouped", "split": {"protocol": "random"}}, "protocol") == "grouped"
    assert setting({}, "protocol") is None


def test_differences_are_written_with_a_true_minus_and_without_minus_zero():
    assert plain(-0.0004) == "0.000" and plain(-0.0004, "+") == "+0.000" and plain(-0.25, "+", 2) == "−0.25"
    assert signed({"value": 0.1, "low": None, "high": None}) == "+0.100"
    assert not re.search(r"-\d", signed({"value": -0.1, "low": -0.2, "high": 0.0}))
