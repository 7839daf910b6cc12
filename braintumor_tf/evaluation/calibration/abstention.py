"""Saying "I don't know": what a calibrated run answers beside the class that it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.calibration.conformal import SHARE, Threshold, answers, conformal_sets, fit_thresholds
from braintumor_tf.evaluation.calibration.run_calibration import validation_predictions
from braintumor_tf.evaluation.calibration.temperature import fit_temperature, scale
from braintumor_tf.evaluation.calibration.temperature_effect import TemperatureEffect, effect_on_test
from braintumor_tf.predictions_table import probabilities_of
from braintumor_tf.runs import Run

COVERAGE = 0.9
"""The stated coverage of a run that was not calibrated for another."""


@dataclass(frozen=True)
class Answering:
    """How a run answers.

    Attributes:
        thresholds: of every class, in order.
        temperature: of the calibrated probabilities.
        coverage: that is stated for each class.
        effect: what the temperature did on the run's test images; None where that was not measured.
    """

    thresholds: dict[str, Threshold]
    temperature: float
    coverage: float
    effect: TemperatureEffect | None = None

    def add_to(self, table: pd.DataFrame) -> pd.DataFrame:
        """Returns a table of predictions with the columns of an answer added; all others stay as they are.

        Args:
            table: with ``p_<class>`` for each class.

        Returns:
            Further columns: ``answer``, the class of a set that holds exactly one, else ``"unknown"``; ``set``, a
            tuple of its classes, empty for an image that is not typical of any class; ``calibrated_<class>``, the
            probabilities after the temperature; and, the same in each row, ``temperature``, its value;
            ``temperature_on_test``, the outcome of `effect` (better, worse, not told apart); and ``larger_errors``, a
            tuple of the scores of calibration that are larger with it there. The last two are None where that was not
            measured. Sets are made of the model's own probabilities. An answer can be another class than `predicted`,
            where only that one reaches its own threshold.

        Example:
            >>> ways = Answering({"no_tumor": Threshold(0.6, 9, 9), "tumor": Threshold(0.3, 9, 9)}, 1.0, 0.9)
            >>> ways.add_to(pd.DataFrame({"p_no_tumor": [0.55, 0.65], "p_tumor": [0.45, 0.35]}))["answer"].tolist()
            ['tumor', 'unknown']
        """
        classes = list(self.thresholds)
        probabilities = probabilities_of(table, classes)
        sets = conformal_sets(probabilities, self.thresholds)
        names = np.array(classes, dtype=object)
        scaled = scale(probabilities, self.temperature)
        return table.assign(
            answer=answers(sets, classes),
            set=[tuple(names[inside]) for inside in sets],
            **{f"calibrated_{name}": scaled[:, place] for place, name in enumerate(classes)},
            temperature=self.temperature,
            temperature_on_test=self.effect and self.effect.outcome,
            larger_errors=[self.effect and self.effect.larger] * len(table),
        )


def answering(run: Run | str | Path, *, coverage: float | None = None) -> Answering:
    """Returns how a run answers: from its ``calibration.json``, or fitted on its validation predictions.

    Args:
        run: the run, or its directory.
        coverage: how often the set of a class must hold it, between 0 and 1; None for what the run was calibrated for,
            0.9 for one that was not.

    Raises:
        EvaluationError: the coverage is not between 0 and 1, or the run has no validation predictions (a k-fold run, an
            ensemble of runs that were split in different ways).
        RunError: there is no such run.

    Example:
        >>> answering("models/cnn", coverage=0.95).thresholds["glioma"].least_probability  # doctest: +SKIP
        0.08
    """
    run = Run.of(run)
    if coverage is not None and not 0 < coverage < 1:
        raise EvaluationError(f"coverage={coverage}: give a number between 0 and 1, such as 0.9")
    found = run.calibration
    if found is None:
        classes, table = run.config["classes"], validation_predictions(run)
        stated = COVERAGE if coverage is None else coverage
        temperature = fit_temperature(table, classes).value
        return Answering(fit_thresholds(table, classes, alpha=1 - stated), temperature, stated)
    kept, temperature = found["conformal"], found["temperature"]["value"]
    effect = effect_on_test(found)
    if coverage is None or abs(coverage - kept["coverage_stated"]) < 1e-9:
        thresholds = {
            name: Threshold(each["least_probability"], each["groups"], each["images"])
            for name, each in kept["classes"].items()
        }
        return Answering(thresholds, temperature, kept["coverage_stated"], effect)
    thresholds = fit_thresholds(
        validation_predictions(run), found["classes"], alpha=1 - coverage, count=kept.get("count", SHARE)
    )
    return Answering(thresholds, temperature, coverage, effect)
