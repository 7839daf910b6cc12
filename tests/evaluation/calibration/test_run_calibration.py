"""Calibrating a run: what is fitted on validation, measured on test, kept, and what old and odd runs do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import EvaluationError, calibrate_run, fit_temperature, measure_calibration
from braintumor_tf.files import write_csv, write_json
from braintumor_tf.runs import Run
from tests.evaluation.made_predictions import drawn


def _tables(temperature: float = 0.5, images: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    return drawn(images, 1, temperature, "validation"), drawn(images, 2, temperature, "test")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    write_json(tmp_path / "run" / "config.json", {"classes": list(CLASSES), "seed": 4, "resamples": 30})
    write_csv(tmp_path / "run" / "predictions.csv", pd.concat(_tables()))
    return Run(tmp_path / "run")


def test_what_is_found_is_kept_and_nothing_else_changes(run):
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    assert run.calibration is None
    found = calibrate_run(run.path, alpha=0.2).to_dict()
    assert {path.name for path in run.path.iterdir()} == {*before, "calibration.json"}
    assert all((run.path / name).read_bytes() == content for name, content in before.items())
    kept = run.calibration
    assert kept["temperature"]["value"] == found["temperature"]["value"]
    assert kept["interval"]["seed"] == 4 and kept["interval"]["resamples"] == 30
    assert kept["conformal"]["coverage_stated"] == pytest.approx(0.8)
    assert json.loads(json.dumps(kept)) == kept and kept["validation"] == {"images": 400, "groups": 200}
    assert calibrate_run(run, alpha=0.2).to_dict()["scores"] == found["scores"]


def test_everything_is_fitted_on_validation_alone():
    validation, test = _tables()
    found = measure_calibration(validation, test, CLASSES, resamples=20).to_dict()
    other = measure_calibration(validation, drawn(300, 9, 2.0), CLASSES, resamples=20).to_dict()
    assert found["temperature"] == other["temperature"]
    assert found["temperature"]["value"] == fit_temperature(validation, CLASSES).value == pytest.approx(2, rel=0.3)
    for name in CLASSES:
        least = [each["conformal"]["classes"][name]["least_probability"] for each in (found, other)]
        assert least[0] == least[1]
    wanted = [row["threshold"] for row in found["selective"]["at_risk"]]
    assert wanted == [row["threshold"] for row in other["selective"]["at_risk"]]


def test_boastful_probabilities_are_put_right_and_classes_are_covered():
    found = measure_calibration(*_tables(images=2000), CLASSES, resamples=50).to_dict()
    before, after = found["scores"]["before"], found["scores"]["after"]
    for name in ("expected_calibration_error", "negative_log_likelihood", "brier_score"):
        assert after[name]["value"] < before[name]["value"], name
    assert before["accuracy"] == after["accuracy"]
    conformal = found["conformal"]
    for name, each in conformal["classes"].items():
        assert each["coverage"]["value"] >= 0.85, name
        assert sum(each["sizes"]) == each["test_images"]
        assert each["set_size"]["value"] == pytest.approx(np.dot(each["sizes"], range(5)) / each["test_images"])
    assert conformal["accuracy_answered"]["value"] > conformal["accuracy_all"]["value"]
    assert sum(each["test_images"] for each in conformal["classes"].values()) == 2000
    curve = pd.DataFrame(found["selective"]["curve"])
    assert curve["coverage"].is_monotonic_increasing and curve["coverage"].iloc[-1] == 1 and len(curve) <= 200
    assert curve["risk"].iloc[-1] == pytest.approx(found["selective"]["risk"]["value"])
    shares = [row["coverage"]["value"] for row in found["selective"]["at_risk"]]
    assert shares == sorted(shares)


def test_a_run_without_validation_predictions_says_what_to_do(run):
    table = run.predictions
    for split in ("validation", "test"):
        write_csv(run.path / "predictions.csv", table[table["split"] != split])
        with pytest.raises(EvaluationError, match=f"no {split} predictions.*members"):
            calibrate_run(run)
    assert run.calibration is None


def test_a_class_without_test_images_and_a_perfect_model_do_not_break_it(run):
    validation, test = _tables()
    found = measure_calibration(validation, test[test["label"] != "glioma"], CLASSES, resamples=20).to_dict()
    assert found["conformal"]["classes"]["glioma"]["coverage"]["value"] is None
    for table in (validation, test):
        table["label"] = table["predicted"]
    found = measure_calibration(validation, test, CLASSES, resamples=20).to_dict()
    assert found["temperature"]["at_bound"] and found["selective"]["area"]["value"] == 0
    run.write_calibration(found)
    assert run.calibration["conformal"]["accuracy_answered"]["value"] == 1
