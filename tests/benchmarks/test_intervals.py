"""Intervals hold what they say: a small simulation with a fixed seed, and the results of the whole one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from braintumor_tf.evaluation.scores.proportions import FEW_GROUPS, MEASURED_COVERAGE, measured_coverage

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))
import intervals_cells as intervals  # noqa: E402

RESULTS = json.loads((BENCHMARKS / "results" / "intervals.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("groups", "images", "probability", "correlation"),
    [(38, 1, 0.98, 0.0), (20, 2, 0.9, 0.8), (10, 4, 0.95, 0.5), (10, 4, 0.8, 1.0)],
)
def test_simulated_intervals_hold_the_truth_as_often_as_they_say(groups, images, probability, correlation):
    cell = {"groups": groups, "images": images, "probability": probability, "correlation": correlation}
    cell |= {"shares": intervals.EQUAL, "mixed": False, "labels": intervals.ONE_CLASS}
    found = {row["score"]: row for row in intervals.simulate(cell, times=200, resamples=200)}
    assert set(found) == {
        "accuracy", "recall", "balanced_accuracy", "macro_f1", "difference of accuracy", "difference of macro_f1",
        "roc_auc", "mean over seeds",
    }  # fmt: skip
    for name, row in found.items():
        assert row["holds"] >= 0.92, name
        assert row["width"] > 0.03, name
    assert found["accuracy"]["old_holds"] < found["accuracy"]["holds"], "percentile intervals were too narrow"


def test_the_truth_of_the_simulation_is_what_many_groups_come_to():
    generator = np.random.default_rng(0)
    labels = intervals.draw_labels(generator, 4000, 5, intervals.LOPSIDED, mixed=False)
    for correlation in (0.0, 0.5, 1.0):
        first, second = intervals.draw_models(generator, labels, 0.9, correlation)
        assert (first == labels).mean() == pytest.approx(0.9, abs=0.015)
        assert (second == labels).mean() == pytest.approx(0.85, abs=0.02)
        right = (first == labels).astype(float)
        between = np.corrcoef(right[:, 0], right[:, 1])[0, 1]
        assert between == pytest.approx(correlation, abs=0.06), "the intraclass correlation"


def test_what_the_package_says_of_coverage_is_what_was_measured():
    for least, share in MEASURED_COVERAGE.items():
        measured = min(one["least"] for one in RESULTS["summary"][str(least)].values())
        assert share == int(100 * measured) / 100, f"from {least} groups"
    assert (
        measured_coverage(1000) == MEASURED_COVERAGE[20] and measured_coverage(FEW_GROUPS - 1) == MEASURED_COVERAGE[6]
    )


def test_the_targets_are_met_and_intervals_cost_little_more():
    for least, target in (("20", 0.93), ("10", 0.90)):
        for name, one in RESULTS["summary"][least].items():
            assert one["least"] >= target and one["mean"] >= 0.95, name
    assert RESULTS["timing"]["ratio"] <= 1.5
