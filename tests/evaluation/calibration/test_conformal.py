"""Conformal sets over groups and selective prediction: by hand, and by the coverage that simulations show."""

from __future__ import annotations

import math

import numpy as np
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import (
    EvaluationError,
    conformal_sets,
    coverage_at_risk,
    fit_thresholds,
    risk_coverage_curve,
)
from braintumor_tf.evaluation.calibration.conformal import Threshold, answers, least_probability
from braintumor_tf.evaluation.calibration.risk_coverage import area_score, area_under_risk_coverage
from braintumor_tf.evaluation.scores.proportions import proportion_scores
from braintumor_tf.types import Score
from tests.evaluation.made_predictions import drawn, softmax, table


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("number", [1, 4, 9, 19, 20, 57, 99, 100])
@pytest.mark.parametrize("count", ["share", "worst"])
def test_single_images_give_the_textbook_quantile(number, alpha, count):
    probabilities = np.random.default_rng(number).random(number)
    rank = math.ceil(round((number + 1) * (1 - alpha), 9))  # the rank-th smallest of the scores 1 - p
    wanted = 0.0 if rank > number else 1 - np.sort(1 - probabilities)[rank - 1]
    assert least_probability(probabilities, np.arange(number), alpha=alpha, count=count) == pytest.approx(wanted)


def test_images_of_a_group_share_one_vote_or_the_worst_stands_for_all():
    probabilities, groups = np.array([0.9, 0.8, 0.7, 0.2, 0.6]), np.array([0, 0, 0, 0, 1])
    # two groups: at alpha 0.5 one and a half must be covered: 0.9, 0.8, 0.7 are 3/4 of a group, 0.6 a whole one
    assert least_probability(probabilities, groups, alpha=0.5) == 0.6
    assert least_probability(probabilities, groups, alpha=0.4) == 0.2  # 1.8 of 2
    assert least_probability(probabilities, groups, alpha=0.5, count="worst") == 0.2
    assert least_probability(probabilities, groups, alpha=0.3) == 0.0  # 2.1 of 2: nothing can be promised
    copies = np.repeat(probabilities[:4], 25)
    assert (
        least_probability(copies, np.repeat(groups[:4], 25), alpha=0.5) == 0.2
    )  # a hundred images are still one group
    assert least_probability(np.zeros(0), np.zeros(0, int), alpha=0.1) == 0.0


def _new_group(generator, groups):
    """Groups of unequal sizes whose images share their luck; larger ones are harder."""
    sizes = generator.integers(1, 9, groups + 1)
    group = np.repeat(np.arange(groups + 1), sizes)
    luck = generator.normal(0, 1.5, groups + 1) - 0.15 * sizes
    return group, 1 / (1 + np.exp(-(1 + luck[group] + generator.normal(0, 0.7, len(group)))))


@pytest.mark.parametrize(("groups", "alpha"), [(9, 0.1), (40, 0.1), (19, 0.2)])
def test_one_image_of_a_new_group_is_covered_as_stated(groups, alpha):
    generator, one, whole = np.random.default_rng(5), [], []
    for _ in range(2000):
        group, probabilities = _new_group(generator, groups)
        old = group < groups
        one.append((probabilities[~old] >= least_probability(probabilities[old], group[old], alpha=alpha)).mean())
        whole.append(
            (probabilities[~old] >= least_probability(probabilities[old], group[old], alpha=alpha, count="worst")).all()
        )
    for covered, most in ((one, 1.6), (whole, 1.2)):
        error = np.std(covered) / math.sqrt(len(covered))
        assert 1 - alpha - 3 * error <= np.mean(covered) <= 1 - alpha + most / (groups + 1) + 3 * error


def test_images_taken_for_independent_would_not_be_covered():
    """What the groups are for: counted one by one, images of few groups promise what they cannot hold."""
    generator, careless = np.random.default_rng(6), []
    for _ in range(1500):
        luck = generator.normal(0, 2, 13)
        group = np.repeat(np.arange(13), 10)
        probabilities = 1 / (1 + np.exp(-luck[group]))
        old = group < 12
        careless.append(
            (probabilities[~old] >= least_probability(probabilities[old], np.arange(old.sum()), alpha=0.1)).mean()
        )
    assert np.mean(careless) < 0.9 - 3 * np.std(careless) / math.sqrt(1500)


def test_every_class_is_covered_as_stated():
    """Exchangeable images of four classes, one of them hard: coverage holds for each, not only on average."""
    generator, covered = np.random.default_rng(7), {name: [] for name in CLASSES}
    for _ in range(400):
        labels = np.repeat(np.arange(4), 70)
        logits = generator.normal(0, 1.5, (280, 4)) + np.eye(4)[labels] * np.array([0.3, 2, 3, 4])[labels, None]
        frame = table(softmax(logits), labels)
        old = frame.index % 7 < 3
        sets = conformal_sets(
            softmax(logits)[~old], fit_thresholds(frame[old].reset_index(drop=True), CLASSES, alpha=0.1)
        )
        for place, name in enumerate(CLASSES):
            covered[name].append(sets[labels[~old] == place, place].mean())
    for name, found in covered.items():
        error = np.std(found) / math.sqrt(len(found))
        assert 0.9 - 3 * error <= np.mean(found) <= 0.9 + 1 / 31 + 3 * error, name


def test_a_class_of_too_few_groups_is_in_every_set():
    frame = drawn(200, split="validation")
    few = frame[(frame["label"] != "glioma") | (frame.groupby("label").cumcount() < 5)]
    found = fit_thresholds(few, CLASSES, alpha=0.1)
    assert found["glioma"].always and found["glioma"].groups <= 5 and found["glioma"].images == 5
    assert not found["pituitary"].always
    assert conformal_sets(np.array([[0.0, 0.0, 0.0, 1.0]]), found)[0, CLASSES.index("glioma")]
    none = fit_thresholds(frame[frame["label"] != "glioma"], CLASSES, alpha=0.1)["glioma"]
    assert none.always and none.groups == none.images == 0


def test_sets_grow_with_the_coverage_that_is_asked_for():
    validation, test = drawn(600, seed=1, split="validation"), drawn(200)
    probabilities = test[[f"p_{name}" for name in CLASSES]].to_numpy()
    before = None
    for alpha in (0.4, 0.2, 0.1, 0.05, 0.001):
        sets = conformal_sets(probabilities, fit_thresholds(validation, CLASSES, alpha=alpha))
        worst = conformal_sets(probabilities, fit_thresholds(validation, CLASSES, alpha=alpha, count="worst"))
        assert (worst >= sets).all() and (before is None or (sets >= before).all())
        before = sets
    assert before.all()


def test_the_answer_is_the_only_class_of_a_set():
    sets = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], bool)
    assert answers(sets, CLASSES).tolist() == ["glioma", "unknown", "unknown", "pituitary"]
    thresholds = {name: Threshold(least, 9, 9) for name, least in zip(CLASSES, (0.5, 0.3, 0.3, 0.3))}
    # a class below its own threshold is not in the set, though it has the highest probability
    assert conformal_sets(np.array([[0.45, 0.4, 0.1, 0.05]]), thresholds).tolist() == [[False, True, False, False]]


def test_what_cannot_be_promised_is_named():
    frame = drawn(50)
    for settings, words in (({"alpha": 0}, "alpha"), ({"alpha": 1.0}, "alpha"), ({"count": "mean"}, "worst")):
        with pytest.raises(EvaluationError, match=words):
            fit_thresholds(frame, CLASSES, **settings)


def test_the_risk_coverage_curve_by_hand():
    wrong, confidence = np.array([0, 1, 0, 1]), np.array([0.9, 0.6, 0.8, 0.7])
    curve = risk_coverage_curve(wrong, confidence)
    assert curve["threshold"].tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve["coverage"].tolist() == [0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(curve["risk"], [0, 0, 1 / 3, 1 / 2])
    assert area_under_risk_coverage(wrong, confidence)[0] == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert coverage_at_risk(wrong, confidence, 0.1) == (0.5, 0.8)
    assert coverage_at_risk(wrong, confidence, 0.4) == (0.75, 0.7)
    assert coverage_at_risk(wrong, confidence, 0.5) == (1.0, 0.6)
    assert coverage_at_risk(np.array([1, 0]), np.array([0.9, 0.8]), 0.1) == (0.0, math.inf)


def test_equal_confidences_are_answered_together_whatever_their_order():
    wrong, confidence = np.array([1, 0, 0, 1]), np.array([0.8, 0.8, 0.9, 0.5])
    curve = risk_coverage_curve(wrong, confidence)
    assert curve["coverage"].tolist() == [0.25, 0.75, 1.0]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [1, 0, 2, 3]):
        area = area_under_risk_coverage(wrong[order], confidence[order])[0]
        assert area == pytest.approx((0 + 0.5 / 2 + 1 / 3 + 2 / 4) / 4)
    flat = area_under_risk_coverage(np.array([1, 0, 0, 0]), np.full(4, 0.7))
    assert flat[0] == pytest.approx(0.25)  # a confidence that knows nothing: the error of all images


def test_the_area_is_weighted_and_lies_between_perfect_and_blind():
    frame = drawn(600)
    wrong = (frame["label"] != frame["predicted"]).to_numpy()
    confidence = frame[[f"p_{name}" for name in CLASSES]].to_numpy().max(axis=1)
    found = area_score(wrong, confidence, np.arange(600) // 2, resamples=200)
    best = area_under_risk_coverage(wrong, -wrong.astype(float))[0]
    assert best < found.low < found.value < found.high < wrong.mean()
    half = area_under_risk_coverage(wrong, confidence, weights=np.r_[np.ones(300), np.zeros(300)][None])[0]
    assert half == pytest.approx(area_under_risk_coverage(wrong[:300], confidence[:300])[0])


def test_shares_of_some_images():
    hit, some = np.array([1.0, 0, 1, 0]), np.array([True, True, False, False])
    none = np.zeros(4, bool)
    found = proportion_scores({"some": (hit, some), "none": (hit, none)}, np.arange(4))
    assert found["some"] == Score(0.5, pytest.approx(1 - found["some"].high), found["some"].high)
    assert 0 < found["some"].low < 0.05, "two groups tell next to nothing"
    assert found["none"] == Score(None)
    assert proportion_scores({"some": (hit, some)}, np.zeros(4, int))["some"].low is None


def test_an_image_exactly_at_the_threshold_is_in_the_set_and_groups_are_counted_not_images():
    """Nine groups at alpha 0.1: the threshold is the least confident one. Ten tenths are a group, if not in floats."""
    probabilities = np.zeros((90, 4))
    probabilities[:, 0] = np.repeat(np.linspace(0.5, 0.9, 9), 10)
    probabilities[:, 1] = 1 - probabilities[:, 0]
    found = fit_thresholds(table(probabilities, [0] * 90, np.arange(90) // 10), CLASSES, alpha=0.1)["glioma"]
    assert found.least_probability == 0.5 and (found.groups, found.images) == (9, 90)
    thresholds = {name: Threshold(0.5, 9, 90) for name in CLASSES}
    sets = conformal_sets(np.array([[0.5, 0.5, 0, 0], [0.5 - 1e-9, 0.5 + 1e-9, 0, 0]]), thresholds)
    assert sets.tolist() == [[True, True, False, False], [False, True, False, False]]


def test_the_weighted_area_is_a_mean_of_weighted_errors():
    generator = np.random.default_rng(4)
    wrong, confidence = generator.random(30) < 0.4, generator.permutation(30) / 30
    weights = generator.integers(0, 4, (5, 30)).astype(float)
    for weight, found in zip(weights, area_under_risk_coverage(wrong, confidence, weights=weights), strict=True):
        risks = []
        for least in confidence:
            answered = confidence >= least
            total = weight[answered].sum()
            risks.append((weight * wrong)[answered].sum() / total if total else 0.0)
        assert found == pytest.approx(np.average(risks, weights=weight))
