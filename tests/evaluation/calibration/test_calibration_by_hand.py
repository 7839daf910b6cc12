"""Calibrating beside plain loops: which probabilities sets, coverage and thresholds are made of, before or after."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import answering, calibrate_run, calibration_scores, measure_calibration
from braintumor_tf.evaluation.calibration.reliability import reliability_table
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights
from braintumor_tf.files import write_csv, write_json
from braintumor_tf.runs import Run
from tests.evaluation.intervals_by_hand import of_draws
from tests.evaluation.made_predictions import drawn, table

PROBABILITIES = [f"p_{name}" for name in CLASSES]


def parts(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return frame["label"].map(CLASSES.index).to_numpy(), frame[PROBABILITIES].to_numpy()


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def textbook_thresholds(frame: pd.DataFrame, alpha: float) -> list[float]:
    """The quantile of split conformal prediction for each class, of images that are groups of their own."""
    truth, probabilities = parts(frame)
    found = []
    for place in range(len(CLASSES)):
        own = np.sort(probabilities[truth == place, place])[::-1]
        found.append(own[math.ceil((len(own) + 1) * (1 - alpha)) - 1])
    return found


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Far too confident predictions, each image a group of its own, and so few that no threshold is met twice."""
    return tuple(
        drawn(500, seed, 0.4, split).assign(group=lambda rows: rows["path"])
        for seed, split in ((1, "validation"), (2, "test"))
    )


@pytest.fixture(scope="module")
def found(tables) -> dict:
    return measure_calibration(*tables, CLASSES, alpha=0.1, resamples=0).to_dict()


def test_the_temperature_is_the_one_with_the_lowest_log_loss_of_scikit_learn(tables, found):
    truth, probabilities = parts(tables[0])
    best = minimize_scalar(
        lambda temperature: log_loss(truth, scaled(probabilities, temperature), labels=range(4)), bounds=(0.5, 8)
    )
    assert found["temperature"]["value"] == pytest.approx(best.x, rel=1e-3) and best.x > 1.8
    assert found["temperature"]["validation_log_loss"]["after"] == pytest.approx(best.fun)
    assert found["temperature"]["validation_log_loss"]["before"] == pytest.approx(log_loss(truth, probabilities))
    assert found["temperature"]["bounds"] == [0.1, 10.0]


def test_sets_and_their_coverage_are_of_the_probabilities_without_temperature(tables, found):
    thresholds = textbook_thresholds(tables[0], 0.1)
    truth, probabilities = parts(tables[1])
    sets = probabilities >= thresholds
    conformal, everywhere = found["conformal"], np.arange(500)
    assert [conformal["classes"][name]["least_probability"] for name in CLASSES] == pytest.approx(thresholds)
    assert conformal["coverage"]["value"] == pytest.approx(sets[everywhere, truth].mean())
    assert conformal["set_size"]["value"] == pytest.approx(sets.sum(axis=1).mean())
    assert conformal["empty"]["value"] == pytest.approx((sets.sum(axis=1) == 0).mean())
    one = sets.sum(axis=1) == 1
    said = sets.argmax(axis=1)
    assert conformal["answered"]["value"] == pytest.approx(one.mean())
    assert conformal["accuracy_answered"]["value"] == pytest.approx((said == truth)[one].mean())
    assert conformal["accuracy_all"]["value"] == pytest.approx((probabilities.argmax(axis=1) == truth).mean())
    healthy = CLASSES.index("no_tumor")
    assert conformal["missed_tumours_answered"] == (one & (said == healthy) & (truth != healthy)).sum() > 0
    assert conformal["against_prediction"] == (one & (said != probabilities.argmax(axis=1))).sum()
    for place, name in enumerate(CLASSES):
        own, each = truth == place, conformal["classes"][name]
        assert each["coverage"]["value"] == pytest.approx(sets[own, place].mean())
        assert each["answered"]["value"] == pytest.approx(one[own].mean())
        assert each["accuracy_answered"]["value"] == pytest.approx((said == place)[own & one].mean())
        assert each["sizes"] == np.bincount(sets[own].sum(axis=1), minlength=5).tolist()
        assert (each["groups"], each["images"], each["test_images"]) == (
            *[(tables[0]["label"] == name).sum()] * 2,
            own.sum(),
        )
    other = scaled(probabilities, found["temperature"]["value"]) >= thresholds
    assert abs(other[everywhere, truth].mean() - conformal["coverage"]["value"]) > 0.02, "or nothing would be shown"


def test_thresholds_of_risk_are_of_the_probabilities_after_the_temperature(tables, found):
    temperature = found["temperature"]["value"]
    (true, said), (truth, probabilities) = ((one[0], scaled(one[1], temperature)) for one in map(parts, tables))
    fitted, confidence = said.max(axis=1), probabilities.max(axis=1)
    wrong, mistaken = probabilities.argmax(axis=1) != truth, said.argmax(axis=1) != true
    assert [row["risk_wanted"] for row in found["selective"]["at_risk"]] == [0.01, 0.02, 0.05, 0.1]
    for row in found["selective"]["at_risk"]:
        fine = [least for least in fitted if mistaken[fitted >= least].mean() <= row["risk_wanted"]]
        assert row["threshold"] == pytest.approx(min(fine), rel=1e-9)
        answered = confidence >= row["threshold"]
        assert row["coverage"]["value"] == pytest.approx(answered.mean())
        assert row["risk"]["value"] == pytest.approx(wrong[answered].mean())
    risks = [wrong[np.argsort(-confidence)[:number]].mean() for number in range(1, 501)]
    assert found["selective"]["area"]["value"] == pytest.approx(np.mean(risks))
    assert found["selective"]["risk"]["value"] == pytest.approx(wrong.mean())


def test_an_image_as_confident_as_the_threshold_is_answered():
    """Two confidences only: the higher one is answered on validation, so it is on test."""
    probabilities = np.repeat([[0.9, 0.1, 0, 0], [0.6, 0.4, 0, 0]], 20, axis=0)
    labels = np.r_[np.zeros(20, int), np.arange(20) % 2]
    tables = [table(probabilities, labels, split=split) for split in ("validation", "test")]
    row = measure_calibration(*tables, CLASSES, resamples=0).to_dict()["selective"]["at_risk"][-1]
    assert row["coverage"]["value"] == 0.5 and row["risk"]["value"] == 0


def test_scores_before_are_of_the_plain_and_after_of_the_scaled_probabilities(tables, found):
    truth, probabilities = parts(tables[1])
    for name, said in (("before", probabilities), ("after", scaled(probabilities, found["temperature"]["value"]))):
        scores = found["scores"][name]
        assert scores["negative_log_likelihood"]["value"] == pytest.approx(log_loss(truth, said))
        assert scores["confidence"]["value"] == pytest.approx(said.max(axis=1).mean())
        means = [row["confidence"] * row["images"] for row in found["reliability"][name] if row["images"]]
        assert sum(means) / 500 == pytest.approx(said.max(axis=1).mean())
        assert len(found["reliability"][name]) == 15 == found["bins"]


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_run_answers_by_thresholds_of_plain_probabilities(tables, tmp_path: Path, calibrated):
    write_json(tmp_path / "run" / "config.json", {"classes": list(CLASSES), "seed": 0, "resamples": 0})
    write_csv(tmp_path / "run" / "predictions.csv", pd.concat(tables))
    run = Run(tmp_path / "run")
    if calibrated:
        calibrate_run(run)
    for coverage, alpha in ((None, 0.1), (0.9, 0.1), (0.8, 0.2)):
        ways = answering(run, coverage=coverage)
        thresholds = textbook_thresholds(tables[0], alpha)
        assert [each.least_probability for each in ways.thresholds.values()] == pytest.approx(thresholds)
        probabilities = parts(tables[1])[1]
        answered = ways.add_to(tables[1])
        sets = [tuple(np.array(CLASSES)[inside]) for inside in probabilities >= thresholds]
        assert answered["set"].tolist() == sets
        np.testing.assert_allclose(
            answered[[f"calibrated_{name}" for name in CLASSES]], scaled(probabilities, ways.temperature)
        )


def plain_error(right: np.ndarray, confidence: np.ndarray, edges: np.ndarray) -> float:
    """The calibration error in a loop over bins, which hold their upper edges."""
    found = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        found += abs(right[inside].sum() - confidence[inside].sum())
    return found / len(right)


@pytest.mark.parametrize(("temperature", "cut"), [(1.0, True), (0.4, False)])
def test_the_interval_of_the_calibration_error_is_lowered_by_what_honest_probabilities_show(temperature, cut):
    frame = drawn(120, 3, temperature)
    truth, probabilities = parts(frame)
    confidence, right = probabilities.max(axis=1), (probabilities.argmax(axis=1) == truth).astype(float)
    edges, resampled, honest = np.linspace(0, 1, 16), [], []
    groups = group_numbers(frame["group"])
    for weights in np.concatenate(list(group_weights(groups, resamples=60, seed=5))).astype(int):
        resampled.append(plain_error(np.repeat(right, weights), np.repeat(confidence, weights), edges))
    for uniform in np.random.default_rng(5).random((60, 60)):
        honest.append(plain_error(uniform[groups] < confidence, confidence, edges))
    value = plain_error(right, confidence, edges)
    assert (value <= np.quantile(honest, 0.975)) == cut, "the case shows what it should"
    low, high = of_draws(value, resampled, 60)
    low = 0.0 if cut else np.sqrt(low**2 - np.mean(honest) ** 2)
    found = calibration_scores(frame, CLASSES, resamples=60, seed=5).to_dict()["expected_calibration_error"]
    assert found == pytest.approx({"value": value, "low": low, "high": high}) and (low > 0) != cut


def test_an_interval_of_a_calibration_error_of_0_is_not_below_it():
    """Every bin is right exactly as often as stated, so every resample has a larger error than the images."""
    said = {0.5: 20, 0.6: 20, 0.7: 20, 0.8: 20, 0.9: 20}
    confidence = np.repeat(list(said), list(said.values()))
    labels = np.concatenate([np.arange(number) >= round(share * number) for share, number in said.items()])
    frame = table(np.column_stack([confidence, 1 - confidence, *[0 * confidence] * 2]), labels.astype(int))
    found = calibration_scores(frame, CLASSES, resamples=100).to_dict()["expected_calibration_error"]
    assert (found["value"], found["low"]) == pytest.approx((0.0, 0.0), abs=1e-12) and 0 < found["high"] < 0.1
    rows = reliability_table(frame, CLASSES)
    filled = rows[rows["images"] > 0]
    np.testing.assert_allclose(filled["accuracy"], filled["confidence"])
