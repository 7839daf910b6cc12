"""Paired tests: published values, scikit-learn, and what must hold whatever the answers are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, chi2
from sklearn.metrics import accuracy_score, f1_score

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import holm, mcnemar
from braintumor_tf.evaluation.comparison.paired_tests import (
    compare_pairs,
    paired_differences,
)
from braintumor_tf.evaluation.scores.group_bootstrap import (
    Drawn,
    difference_p_value,
    difference_with_interval,
    group_numbers,
    group_weights,
)
from tests.evaluation.intervals_by_hand import difference


def rights(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns which images each of two models names rightly, from the four counts."""
    counts = [both, only_first, only_second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def drawn_answers(seed: int, skill: float, truth: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.where(generator.random(len(truth)) < skill, truth, generator.integers(0, 4, len(truth)))


def test_mcnemar_is_that_of_mlxtend():
    found = mcnemar(*rights(101, 121, 59, 33))
    assert (found.only_first, found.only_second) == (121, 59)
    assert found.p_value == pytest.approx(4.4344492637555101e-06, rel=1e-9)  # mlxtend's tests, exact=True


def test_mcnemar_on_the_approval_ratings_of_agresti():
    found = mcnemar(*rights(794, 150, 86, 570))
    assert found.p_value == pytest.approx(2 * binom.cdf(86, 236, 0.5), rel=1e-9)
    statistic = (found.only_first - found.only_second) ** 2 / 236
    assert statistic == pytest.approx(17.3559, abs=1e-4)  # the published chi-square without correction, p 3.099e-05
    assert chi2.sf(17.3559, 1) == pytest.approx(3.099e-05, rel=1e-3)
    assert 3.099e-05 < found.p_value < 5e-05  # the exact test is a little more careful than its approximation


@pytest.mark.parametrize("counts", [(10, 0, 0, 5), (0, 3, 3, 0)])
def test_mcnemar_without_a_difference_is_1(counts):
    assert mcnemar(*rights(*counts)).p_value == pytest.approx(1)


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([0.319, 0.201, 0.4, 0.374, 0.113], [0.957, 0.804, 0.957, 0.957, 0.565]),  # documentation of stdlib's padjust
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.02, np.nan, 0.01], [0.02, np.nan, 0.02]),
        ([], []),
    ],
)
def test_holm(p_values, corrected):
    np.testing.assert_allclose(holm(p_values), corrected, atol=1e-12)


def test_differences_are_those_of_scikit_learn_on_the_same_resamples():
    truth = np.arange(80) % 4
    groups = group_numbers([str(image // 2) for image in range(80)])
    named = [drawn_answers(seed, skill, truth) for seed, skill in ((0, 0.8), (1, 0.5))]
    found = paired_differences(truth, named, groups, classes=4, resamples=25, seed=7)
    weights = np.concatenate(list(group_weights(groups, resamples=25, seed=7)))
    for place, one in enumerate(named):
        for name, score in (
            ("accuracy", accuracy_score),
            ("macro_f1", lambda *images, **how: f1_score(*images, average="macro", **how)),
        ):
            values, draws = found[name]
            assert values[place] == pytest.approx(score(truth, one))
            for draw in range(25):
                there = weights[draw] > 0
                if len(set(truth[there])) == 4:
                    expected = score(truth[there], one[there], sample_weight=weights[draw][there])
                    assert draws[place, draw] == pytest.approx(expected)


def test_the_table_agrees_with_its_parts():
    truth = np.arange(120) % 4
    labels = np.array(CLASSES)[truth]
    groups = group_numbers([str(image // 3) for image in range(120)])
    answers = {
        name: drawn_answers(seed, skill, truth)
        for seed, (name, skill) in enumerate({"a": 0.9, "b": 0.6, "c": 0.6}.items())
    }
    named = {name: np.array(CLASSES)[one] for name, one in answers.items()}
    table = compare_pairs(labels, named, groups, classes=CLASSES, resamples=500, seed=1)
    assert list(zip(table["first"], table["second"])) == [("a", "b"), ("a", "c"), ("b", "c")]
    values, draws = paired_differences(truth, list(answers.values()), groups, classes=4, resamples=500, seed=1)[
        "macro_f1"
    ]
    first = table.iloc[0]
    own = [len(set(groups[truth == place])) for place in range(4)]
    number = min(40, 16 / sum(1 / each for each in own))
    ends = difference(values[:2], draws[:2], [number] * 2)
    assert first["macro_f1_difference"] == pytest.approx(values[0] - values[1])
    np.testing.assert_allclose(first[["macro_f1_low", "macro_f1_high"]].astype(float), ends)
    assert first["macro_f1_low"] > 0 and first["macro_f1_p_holm"] < 0.05
    for test in ("macro_f1", "accuracy", "mcnemar"):
        np.testing.assert_allclose(table[f"{test}_p_holm"], holm(table[f"{test}_p"]))
    right = (named["a"] == labels, named["c"] == labels)
    assert table["mcnemar_p"][1] == mcnemar(*right).p_value and table["only_first"][1] == (right[0] & ~right[1]).sum()


def test_the_order_of_two_models_only_turns_the_sign():
    truth = np.arange(60) % 4
    labels, groups = np.array(CLASSES)[truth], group_numbers([str(image // 2) for image in range(60)])
    named = {"a": np.array(CLASSES)[drawn_answers(0, 0.8, truth)], "b": np.array(CLASSES)[drawn_answers(1, 0.6, truth)]}
    one = compare_pairs(labels, named, groups, classes=CLASSES, resamples=200).iloc[0]
    other = compare_pairs(labels, dict(reversed(named.items())), groups, classes=CLASSES, resamples=200).iloc[0]
    assert one["macro_f1_difference"] == pytest.approx(-other["macro_f1_difference"])
    assert one["macro_f1_low"] == pytest.approx(-other["macro_f1_high"])
    assert one["macro_f1_p"] == pytest.approx(other["macro_f1_p"], rel=1e-3) and one["mcnemar_p"] == other["mcnemar_p"]


def test_equal_answers_do_not_differ_and_copies_bring_no_certainty():
    truth = np.arange(40) % 4
    labels = np.array(CLASSES)[truth]
    named = {"a": labels, "b": labels}
    same = compare_pairs(labels, named, np.arange(40), classes=CLASSES, resamples=100).iloc[0]
    assert (same["macro_f1_difference"], same["macro_f1_p"]) == (0, 1)
    assert same["macro_f1_low"] < 0 < same["macro_f1_high"] < 0.1, "alike on 40 images, not on every image"
    worse = np.where(np.arange(40) < 6, CLASSES[0], labels)  # wrong on a few groups
    once = compare_pairs(labels, {"a": labels, "b": worse}, np.arange(40), classes=CLASSES, resamples=400).iloc[0]
    many = compare_pairs(
        np.repeat(labels, 9), {"a": np.repeat(labels, 9), "b": np.repeat(worse, 9)}, np.repeat(np.arange(40), 9),
        classes=CLASSES, resamples=400,
    ).iloc[0]  # fmt: skip
    for name in ("macro_f1_difference", "macro_f1_low", "macro_f1_high", "macro_f1_p"):
        assert many[name] == pytest.approx(once[name]), "nine copies of every image are no new evidence"
    assert many["mcnemar_p"] < once["mcnemar_p"] / 100, "which McNemar's test does not know"


def test_one_group_tells_nothing():
    labels = np.array(CLASSES)
    row = compare_pairs(
        labels, {"a": labels, "b": labels[::-1]}, np.zeros(4, int), classes=CLASSES, resamples=100
    ).iloc[0]
    assert row["macro_f1_difference"] == 1 and pd.isna(row[["macro_f1_low", "macro_f1_high", "macro_f1_p"]]).all()


def test_p_values_are_true_where_there_is_no_difference():
    generator = np.random.default_rng(0)
    truth = np.zeros(60, int)
    found = []
    for seed in range(200):
        named = [(generator.random(60) < 0.3).astype(int) for _ in range(2)]
        draws = paired_differences(truth, named, np.arange(60), classes=2, resamples=200, seed=seed)["accuracy"][1]
        pair = [Drawn(float((one == truth).mean()), each, 60.0) for one, each in zip(named, draws)]
        found.append(difference_p_value(*pair))
        ends = difference_with_interval(*pair)
        assert (found[-1] < 0.05) == (ends.low > 0 or ends.high < 0), "p-value and interval agree"
    assert 0.01 <= np.mean(np.array(found) <= 0.05) <= 0.10
    assert np.isnan(difference_p_value(Drawn(0.5, None, 1.0), Drawn(0.5, None, 1.0)))


def test_a_large_difference_has_a_small_p_value():
    """Two models that differ on every image."""
    labels = np.array(CLASSES)[np.arange(40) % 4]
    row = compare_pairs(labels, {"a": labels, "b": np.roll(labels, 1)}, np.arange(40), classes=CLASSES).iloc[0]
    assert 0 < row["accuracy_p"] <= 1e-5
    assert row["mcnemar_p"] == pytest.approx(2 * 0.5**40)
