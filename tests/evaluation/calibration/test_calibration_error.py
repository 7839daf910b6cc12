"""Calibration errors, Brier score, log loss and temperature: by hand, beside scikit-learn, and on known faults."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.evaluation import EvaluationError, calibration_scores, fit_temperature, reliability_table
from braintumor_tf.evaluation.calibration.calibration_error import (
    bin_edges,
    brier_scores,
    calibrated_errors,
    expected_calibration_error,
    in_bins,
    log_losses,
)
from braintumor_tf.evaluation.calibration.temperature import BOUNDS, scale, scale_predictions
from braintumor_tf.files import to_json
from tests.evaluation.made_predictions import drawn, table


def _truth(frame, classes=CLASSES):
    return frame["label"].map({name: place for place, name in enumerate(classes)}).to_numpy()


def _probabilities(frame, classes=CLASSES):
    return frame[[f"p_{name}" for name in classes]].to_numpy()


def test_the_calibration_error_of_five_images_is_that_worked_out_by_hand():
    right = np.array([1, 1, 0, 1, 0])
    confidence = np.array([0.95, 0.85, 0.85, 0.62, 0.58])
    # 5 bins: (0.8, 1] holds 3 images, accuracy 2/3, confidence 2.65/3; (0.6, 0.8] one, gap 0.38; (0.4, 0.6] one, 0.58
    by_hand = (abs(2 - 2.65) + 0.38 + 0.58) / 5
    assert expected_calibration_error(right, confidence, bins=5)[0] == pytest.approx(by_hand)
    assert expected_calibration_error(right, confidence, bins=1)[0] == pytest.approx(abs(3 - 3.85) / 5)
    # 2 bins of equal mass are cut at the third of five: {0.58, 0.62, 0.85, 0.85} (ties stay together) and {0.95}
    by_hand = (abs(2 - 2.90) + 0.05) / 5
    assert expected_calibration_error(right, confidence, bins=2, binning="equal_mass")[0] == pytest.approx(by_hand)
    twice = expected_calibration_error(right, confidence, bins=5, weights=np.array([[2.0, 0, 1, 0, 0], [0.0] * 5]))
    assert twice[0] == pytest.approx(abs(2 - 2.75) / 3) and np.isnan(twice[1])


def test_bins_hold_their_upper_edge_and_equal_mass_means_what_it_says():
    assert in_bins(np.array([0.0, 0.2, 0.2000001, 1.0]), bin_edges(np.zeros(1), bins=5)).tolist() == [0, 0, 1, 4]
    confidence = np.random.default_rng(0).beta(8, 1, 600)
    counts = np.bincount(in_bins(confidence, bin_edges(confidence, bins=15, binning="equal_mass")))
    assert counts.tolist() == [40] * 15
    ones = bin_edges(np.ones(50), bins=15, binning="equal_mass")
    assert (
        len(ones) == 2 and expected_calibration_error(np.ones(50), np.ones(50), bins=15, binning="equal_mass")[0] == 0
    )
    for bins, binning in ((0, "equal_width"), (15, "quantile")):
        with pytest.raises(EvaluationError, match="equal_mass"):
            bin_edges(confidence, bins=bins, binning=binning)


def test_brier_and_log_loss_by_hand_and_beside_scikit_learn():
    assert brier_scores(np.array([0]), np.array([[0.7, 0.2, 0.1]]))[0] == pytest.approx(0.09 + 0.04 + 0.01)
    assert brier_scores(np.array([1]), np.array([[1.0, 0.0]]))[0] == 2
    assert log_losses(np.array([0]), np.array([[0.25, 0.75]]))[0] == pytest.approx(np.log(4))
    assert np.isfinite(log_losses(np.array([0]), np.array([[0.0, 1.0]])))[0]
    frame = drawn(300)
    ours = log_losses(_truth(frame), _probabilities(frame)).mean()
    assert ours == pytest.approx(log_loss(_truth(frame), _probabilities(frame), labels=range(4)))
    binary = drawn(300, classes=BINARY_CLASSES)
    truth, probabilities = _truth(binary, BINARY_CLASSES), _probabilities(binary, BINARY_CLASSES)
    assert brier_scores(truth, probabilities).mean() == pytest.approx(2 * brier_score_loss(truth, probabilities[:, 1]))


def test_the_reliability_table_is_that_of_scikit_learn():
    frame = drawn(500, temperature=0.5)
    found = reliability_table(frame, CLASSES, bins=10)
    right = (frame["label"] == frame["predicted"]).to_numpy()
    accuracy, confidence = calibration_curve(right, _probabilities(frame).max(axis=1), n_bins=10)
    filled = found[found["images"] > 0]
    np.testing.assert_allclose(filled["accuracy"], accuracy)
    np.testing.assert_allclose(filled["confidence"], confidence)
    assert found["images"].sum() == 500 and found["accuracy"][0] != found["accuracy"][0]
    gaps = (filled["images"] * (filled["accuracy"] - filled["confidence"]).abs()).sum() / 500
    error = calibration_scores(frame, CLASSES, bins=10, resamples=0).to_dict()["expected_calibration_error"]
    assert error == {"value": pytest.approx(gaps), "low": None, "high": None}
    inside = filled.dropna(subset=["accuracy_low"])
    assert ((inside["accuracy_low"] <= inside["accuracy"]) & (inside["accuracy"] <= inside["accuracy_high"])).all()


def test_a_bin_of_one_group_has_no_interval():
    frame = table(np.array([[0.9, 0.1, 0, 0]] * 3 + [[0.6, 0.4, 0, 0]] * 2), [0, 0, 1, 0, 1], ["a", "b", "c", "d", "d"])
    found = reliability_table(frame, CLASSES, bins=2)
    assert found["groups"].tolist() == [0, 4]
    found = reliability_table(frame, CLASSES, bins=4)
    assert found["groups"].tolist() == [0, 0, 1, 3]
    assert np.isnan(found["accuracy_low"][2]) and np.isfinite(found["accuracy_low"][3])


def test_scores_have_intervals_and_repeat():
    frame = drawn(400, temperature=0.6)
    found = calibration_scores(frame, CLASSES, resamples=200, seed=3).to_dict()
    for name, each in found.items():
        if name != "error_if_calibrated":
            assert each["low"] <= each["value"] <= each["high"] and each["low"] < each["high"], name
    assert found == calibration_scores(frame, CLASSES, resamples=200, seed=3).to_dict()
    assert found["accuracy"]["value"] == (frame["label"] == frame["predicted"]).mean()
    assert found["confidence"]["value"] > found["accuracy"]["value"]
    one = calibration_scores(frame.assign(group="g"), CLASSES, resamples=20).to_dict()
    assert all(each["low"] is None for name, each in one.items() if name != "error_if_calibrated")
    to_json(found)


def test_the_interval_of_the_error_holds_the_true_one():
    held = 0
    for seed in range(40):
        confidence = 1 - 0.6 * np.random.default_rng(seed).beta(1, 3, 400)
        right = np.random.default_rng(1000 + seed).random(400) < confidence - 0.05
        probabilities = np.column_stack([confidence, 1 - confidence])
        frame = table(probabilities, (~right).astype(int), classes=BINARY_CLASSES)
        found = calibration_scores(frame, BINARY_CLASSES, resamples=100).to_dict()["expected_calibration_error"]
        held += found["low"] <= 0.05 <= found["high"]
    assert held >= 34


def test_honest_probabilities_have_an_error_like_the_floor_and_others_have_not():
    honest, boastful = drawn(2000), drawn(2000, temperature=0.4)
    found = calibration_scores(honest, CLASSES, resamples=50).to_dict()
    assert found["expected_calibration_error"]["value"] < 1.6 * found["error_if_calibrated"]
    found = calibration_scores(boastful, CLASSES, resamples=50).to_dict()
    assert found["expected_calibration_error"]["value"] > 5 * found["error_if_calibrated"]


def test_the_floor_falls_with_images_and_rises_with_dependence():
    confidence = np.full(400, 0.8)
    alone, together = (calibrated_errors(confidence, np.arange(400) // size).mean() for size in (1, 8))
    assert alone == pytest.approx(np.sqrt(2 / np.pi * 0.16 / 400), rel=0.1)  # mean of a half-normal
    assert together == pytest.approx(alone * np.sqrt(8), rel=0.1)


def test_the_fitted_temperature_is_the_one_that_was_put_in():
    for fault in (0.5, 1.0, 2.0):
        found = fit_temperature(drawn(6000, temperature=fault), CLASSES)
        assert found.value == pytest.approx(1 / fault, rel=0.07)
        assert found.after <= found.before and not found.at_bound


def test_scaling_lowers_log_loss_and_calibration_error_of_other_images():
    fitted = fit_temperature(drawn(600, seed=1, temperature=0.5, split="validation"), CLASSES)
    test = drawn(600, seed=2, temperature=0.5)
    after = scale_predictions(test, CLASSES, fitted.value)
    before, after_scores = (calibration_scores(frame, CLASSES, resamples=20).to_dict() for frame in (test, after))
    for name in ("negative_log_likelihood", "brier_score", "expected_calibration_error"):
        assert after_scores[name]["value"] < before[name]["value"], name
    assert after_scores["accuracy"] == before["accuracy"]
    assert (after["predicted"] == test["predicted"]).all() and list(after) == list(test)


def test_scaling_is_that_of_the_logits():
    logits = np.random.default_rng(0).normal(0, 3, (50, 4))
    plain = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = np.exp(logits / 1.7) / np.exp(logits / 1.7).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scale(plain, 1.7), wanted)
    np.testing.assert_array_equal(scale(plain, 1), plain)
    for wrong in (0, -1, float("nan")):
        with pytest.raises(EvaluationError, match="above 0"):
            scale(plain, wrong)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5),
    st.floats(*BOUNDS),
)
def test_scaling_never_changes_the_class_that_is_named(rows, temperature):
    probabilities = np.array(rows) + 1e-9
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = scale(probabilities, temperature)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    places = np.arange(len(probabilities))
    assert (found[places, probabilities.argmax(axis=1)] == found.max(axis=1)).all()
    order = np.argsort(probabilities, axis=1)
    assert (np.diff(np.take_along_axis(found, order, axis=1), axis=1) >= 0).all()


def test_images_that_are_all_right_do_not_say_how_far_and_that_is_said():
    frame = table(np.tile([0.7, 0.1, 0.1, 0.1], (20, 1)), [0] * 20)
    found = fit_temperature(frame, CLASSES)
    assert found.at_bound and found.value == pytest.approx(BOUNDS[0])
    all_wrong = fit_temperature(frame.assign(label="glioma" if CLASSES[0] != "glioma" else "pituitary"), CLASSES)
    assert all_wrong.at_bound and all_wrong.value == pytest.approx(BOUNDS[1])


def test_what_cannot_be_calibrated_is_named():
    frame = drawn(10)
    for wrong, words in (
        (frame[:0], "no predictions"),
        (frame.assign(label="cat"), "cat"),
        (frame.drop(columns="p_glioma"), "p_glioma"),
        (frame.assign(p_glioma=np.nan), "finite"),
    ):
        with pytest.raises(EvaluationError, match=words):
            calibration_scores(wrong, CLASSES)
        with pytest.raises(EvaluationError, match=words):
            fit_temperature(wrong, CLASSES)


def test_probabilities_are_clipped_at_a_millionth_of_a_millionth():
    assert log_losses(np.array([0, 0]), np.array([[0.0, 1], [1e-13, 1]])) == pytest.approx([12 * np.log(10)] * 2)
    assert log_losses(np.array([0]), np.array([[1e-11, 1]]))[0] == pytest.approx(11 * np.log(10))
    np.testing.assert_allclose(scale(np.array([[1.0, 0]]), 2.0), np.array([[1, 1e-6]]) / (1 + 1e-6))


def test_nothing_is_scaled_where_nothing_is_gained():
    frame = table(np.full((12, 4), 0.25), np.arange(12) % 4)
    found = fit_temperature(frame, CLASSES)
    assert found.value == 1 and not found.at_bound and found.before == found.after == pytest.approx(np.log(4))
    assert BOUNDS == (0.1, 10.0)
