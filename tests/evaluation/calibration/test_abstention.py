"""How a run answers: from what it has kept, or fitted on its validation predictions, with any coverage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import EvaluationError, answering, calibrate_run
from braintumor_tf.evaluation.calibration.abstention import Answering
from braintumor_tf.evaluation.calibration.conformal import Threshold
from braintumor_tf.files import write_csv, write_json
from braintumor_tf.runs import Run
from tests.evaluation.made_predictions import drawn, table


@pytest.fixture
def run(tmp_path: Path) -> Run:
    write_json(tmp_path / "run" / "config.json", {"classes": list(CLASSES), "seed": 0, "resamples": 10})
    tables = [drawn(400, 1, 0.5, "validation"), drawn(400, 2, 0.5, "test")]
    write_csv(tmp_path / "run" / "predictions.csv", pd.concat(tables))
    return Run(tmp_path / "run")


def test_an_old_run_answers_as_a_calibrated_one(run):
    before = answering(run)
    found = calibrate_run(run).to_dict()
    after = answering(run.path)
    assert before == replace(after, effect=None) and after.coverage == 0.9
    assert after.temperature == pytest.approx(found["temperature"]["value"])
    assert answering(run, coverage=0.9) == after
    calibrate_run(run, alpha=0.2, count="worst")
    assert answering(run).coverage == pytest.approx(0.8)
    worst, share = answering(run, coverage=0.9).thresholds, after.thresholds
    assert all(worst[name].least_probability <= share[name].least_probability for name in CLASSES) and worst != share


def test_more_coverage_means_fewer_answers_and_better_ones(run):
    test = run.predictions.query("split == 'test'")
    shares, rights = [], []
    for coverage in (0.8, 0.9, 0.97):
        found = answering(run, coverage=coverage).add_to(test)
        answered = found["set"].map(len) == 1
        assert (found["answer"] == "unknown").tolist() == (~answered).tolist()
        assert (found.loc[answered, "answer"] == found.loc[answered, "set"].map(lambda each: each[0])).all()
        wide = found["set"].map(len) > 1
        shares.append(wide.mean())
        rights.append((found["answer"] == found["label"])[answered].mean())
        covered = [label in each for label, each in zip(found["label"], found["set"])]
        assert np.mean(covered) == pytest.approx(coverage, abs=0.05)
    assert shares == sorted(shares) and rights[2] > (test["predicted"] == test["label"]).mean()


def test_all_other_columns_stay_and_probabilities_are_the_calibrated_ones():
    thresholds = {name: Threshold(0.4, 9, 9) for name in CLASSES}
    before = table(np.array([[0.64, 0.16, 0.16, 0.04], [0.45, 0.45, 0.05, 0.05], [0.3, 0.3, 0.2, 0.2]]), [0, 1, 2])
    found = Answering(thresholds, 2.0, 0.9).add_to(before)
    pd.testing.assert_frame_equal(found[list(before)], before)
    assert found["answer"].tolist() == ["glioma", "unknown", "unknown"]
    assert found["set"].tolist() == [("glioma",), ("glioma", "meningioma"), ()]
    # roots of 0.64, 0.16, 0.16, 0.04, divided by their sum
    np.testing.assert_allclose(found.filter(like="calibrated_").iloc[0], np.array([0.8, 0.4, 0.4, 0.2]) / 1.8)
    empty = Answering(thresholds, 2.0, 0.9).add_to(before[:0])
    assert empty.empty and list(empty) == list(found)


def test_what_cannot_be_promised_is_named(run):
    for coverage in (0, 1, 1.5):
        with pytest.raises(EvaluationError, match="between 0 and 1"):
            answering(run, coverage=coverage)
    write_csv(run.path / "predictions.csv", run.predictions.query("split == 'test'"))
    with pytest.raises(EvaluationError, match="no validation predictions"):
        answering(run)
