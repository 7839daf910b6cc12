"""What a temperature did on test images: paired differences, and the judgement of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import log_loss

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import measure_calibration, scale_predictions
from braintumor_tf.evaluation.calibration.temperature_effect import (
    JUDGED,
    TemperatureEffect,
    effect_on_test,
    measure_changes,
)
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights
from braintumor_tf.evaluation.scores.judgement import BETTER, NOT_TOLD_APART, WORSE
from braintumor_tf.types import Score
from tests.evaluation.intervals_by_hand import kish
from tests.evaluation.made_predictions import drawn

COLUMNS = [f"p_{name}" for name in CLASSES]


def error_by_hand(rows, bins: int = 15) -> float:
    """The expected calibration error, image by image and bin by bin."""
    confidence = rows[COLUMNS].max(axis=1).to_numpy()
    right = (rows["label"] == rows["predicted"]).to_numpy()
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return sum(abs((right[place == each] - confidence[place == each]).sum()) for each in range(bins)) / len(rows)


def test_changes_are_those_of_the_scores_and_their_intervals_are_paired():
    before = drawn(300, 2, 0.4)
    after = scale_predictions(before, CLASSES, 2.0)
    changes = measure_changes(before, after, CLASSES, resamples=40, seed=3)
    groups = group_numbers(before["group"])
    (weights,) = group_weights(groups, resamples=40, seed=3)
    losses = [
        [log_loss(rows["label"], rows[COLUMNS], labels=list(CLASSES), sample_weight=each) for each in weights]
        for rows in (before, after)
    ]
    found = np.subtract(losses[1], losses[0])
    value = log_loss(before["label"], after[COLUMNS], labels=list(CLASSES)) - log_loss(
        before["label"], before[COLUMNS], labels=list(CLASSES)
    )
    number = kish(before["group"].value_counts())
    tail = stats.norm.cdf(np.sqrt(number / (number - 1)) * stats.t.ppf(0.025, number - 1))
    expected = (value, *np.quantile(found, [tail, 1 - tail]))
    name = "negative_log_likelihood"
    assert list(changes[name].to_dict().values()) == pytest.approx(list(expected), abs=1e-9)
    name = "expected_calibration_error"
    assert changes[name].value == pytest.approx(error_by_hand(after) - error_by_hand(before), abs=1e-9)
    assert changes[name].low <= changes[name].value <= changes[name].high < 0, "2 of 2.5 is put right"
    turned = []
    for weighting in weights:
        twice = [rows.loc[np.repeat(rows.index, weighting.astype(int))] for rows in (before, after)]
        turned.append(2 * changes[name].value - error_by_hand(twice[1]) + error_by_hand(twice[0]))
    expected = np.quantile(turned, [tail, 1 - tail])
    assert [changes[name].low, changes[name].high] == pytest.approx(list(expected)), "mirrored at the value"


@pytest.mark.parametrize(
    ("stated", "outcome", "larger"),
    [(0.4, BETTER, ()), (2.0, WORSE, JUDGED)],
    ids=["as overconfident as validation", "underconfident where validation was overconfident"],
)
def test_a_temperature_is_judged_on_images_that_it_was_not_fitted_on(stated, outcome, larger):
    validation, test = drawn(600, 1, 0.4, "validation"), drawn(600, 2, stated)
    found = measure_calibration(validation, test, CLASSES, resamples=100).to_dict()
    assert found["temperature"]["value"] == pytest.approx(2.5, rel=0.3)
    effect = effect_on_test(found)
    assert (effect.outcome, effect.larger, effect.worse) == (outcome, larger, larger)
    kept = {name: each for name, each in found.items() if name != "changes"}  # as an earlier version wrote it
    old = effect_on_test(kept)
    assert old.larger == larger
    for name, change in effect.changes.items():
        assert old.changes[name].value == pytest.approx(change.value), name
        assert old.changes[name].low < change.low < change.high < old.changes[name].high, name


def test_a_temperature_of_one_changes_nothing_and_one_group_has_no_interval():
    rows = drawn(60, 2)
    same = TemperatureEffect(measure_changes(rows, scale_predictions(rows, CLASSES, 1.0), CLASSES, resamples=20))
    assert (same.outcome, same.larger, same.worse) == (NOT_TOLD_APART, (), ())
    assert all(change.to_dict() == {"value": 0, "low": 0, "high": 0} for change in same.changes.values())
    lone = rows.assign(group="one")
    wrong = TemperatureEffect(measure_changes(lone, scale_predictions(lone, CLASSES, 9.0), CLASSES, resamples=20))
    assert (wrong.outcome, wrong.larger, wrong.worse) == (NOT_TOLD_APART, JUDGED, ())
    assert all(change.low is None for change in wrong.changes.values())


def test_one_score_that_is_worse_outweighs_another_that_is_better():
    better, worse, unclear = Score(-0.2, -0.3, -0.1), Score(0.2, 0.1, 0.3), Score(0.1, -0.1, 0.3)
    mixed = TemperatureEffect(dict(zip(JUDGED, (better, worse, unclear))))
    assert (mixed.outcome, mixed.larger, mixed.worse) == (WORSE, JUDGED[1:], JUDGED[1:2])
    mild = TemperatureEffect(dict(zip(JUDGED, (better, unclear, unclear))))
    assert (mild.outcome, mild.larger, mild.worse) == (BETTER, JUDGED[1:], ())
