"""Calibrating a run on its validation images, and measuring on its test images what that was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.calibration.calibration_error import BINS
from braintumor_tf.evaluation.calibration.conformal import SHARE, fit_thresholds
from braintumor_tf.evaluation.calibration.conformal_coverage import ConformalCoverage, measure_coverage
from braintumor_tf.evaluation.calibration.reliability import CalibrationScores, calibration_scores, reliability_table
from braintumor_tf.evaluation.calibration.selective import SelectiveScores, measure_selective
from braintumor_tf.evaluation.calibration.temperature import Temperature, fit_temperature, scale_predictions
from braintumor_tf.evaluation.calibration.temperature_effect import measure_changes
from braintumor_tf.evaluation.scores.group_bootstrap import Resampling, group_numbers
from braintumor_tf.runs import Run, writing_to
from braintumor_tf.types import Score

BEFORE, AFTER = "before", "after"
"""The test images as the model says, and with the temperature."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """What was fitted on validation images, and what it is worth on test images.

    Attributes:
        classes: class names in order.
        bins: bins of confidence.
        resampling: of the intervals.
        sizes: images and groups of ``validation`` and of ``test``.
        temperature: fitted on validation images.
        scores: of the test images `BEFORE` and `AFTER` the temperature.
        changes: of these scores, `AFTER` less `BEFORE`, with paired intervals; more is worse.
        reliability: the rows of `reliability_table` for both.
        selective: what thresholds on the confidence are worth, after the temperature.
        conformal: what conformal sets are worth, made of the model's own probabilities.
    """

    classes: tuple[str, ...]
    bins: int
    resampling: Resampling
    sizes: Mapping[str, Mapping[str, int]]
    temperature: Temperature
    scores: Mapping[str, CalibrationScores]
    changes: Mapping[str, Score]
    reliability: Mapping[str, pd.DataFrame]
    selective: SelectiveScores
    conformal: ConformalCoverage

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as ``calibration.json`` holds it."""
        return {
            "classes": list(self.classes),
            "bins": self.bins,
            "interval": self.resampling.to_dict(),
            **{name: dict(size) for name, size in self.sizes.items()},
            "temperature": self.temperature.to_dict(),
            "scores": {name: each.to_dict() for name, each in self.scores.items()},
            "changes": {name: each.to_dict() for name, each in self.changes.items()},
            "reliability": {name: table.to_dict("records") for name, table in self.reliability.items()},
            "selective": self.selective.to_dict(),
            "conformal": self.conformal.to_dict(),
        }


def calibrate_run(
    run: Run | str | Path,
    *,
    alpha: float = 0.1,
    count: str = SHARE,
    bins: int = BINS,
    seed: int | None = None,
    resamples: int | None = None,
) -> Calibration:
    """Fits temperature and conformal thresholds on a run's validation predictions and measures them on test.

    Nothing is predicted anew and no score of ``metrics.json`` changes. What is found is ``calibration.json`` of the
    run, which the report and `predict_files` read. `run_experiment` and `run_ensemble` do this at their end. Weights of
    an ensemble that were fitted on the same validation images (`validation_weights`; equal ones mostly) make it look a
    little more confident there than it is.

    Args:
        run: the run, or its directory.
        alpha: the share of images of a class whose conformal set may miss it; the stated coverage is ``1 - alpha``.
        count: how images of a group count, as for `conformal.fit_thresholds`.
        bins: bins of confidence.
        seed: of the resamples; None for the run's own.
        resamples: of the intervals; None for the run's own.

    Raises:
        EvaluationError: the run has no validation or no test predictions, `alpha` is not between 0 and 1, or `count` is
            unknown.
        RunError: there is no such run, it was not predicted yet, or another process is writing to it.

    Example:
        >>> found = calibrate_run("models/cnn", alpha=0.1)  # doctest: +SKIP
        >>> found.temperature.value, found.conformal.coverage.value  # doctest: +SKIP
        (1.21, 0.91)
    """
    run = Run.of(run)
    config = run.config
    found = measure_calibration(
        validation_predictions(run),
        _of_split(run.predictions, "test", run),
        config["classes"],
        alpha=alpha,
        count=count,
        bins=bins,
        seed=config.get("seed", 0) if seed is None else seed,
        resamples=config.get("resamples", 1000) if resamples is None else resamples,
    )
    with writing_to(run.path):
        run.write_calibration(found.to_dict())
    return found


def calibrate_where_possible(run: Run) -> None:
    """Calibrates a run (`calibrate_run`) that has predictions of both validation and test images, and no other."""
    if set(run.predictions["split"]) >= {"validation", "test"}:
        calibrate_run(run)


def validation_predictions(run: Run) -> pd.DataFrame:
    """Returns the predictions that a run has kept of its validation images.

    Raises:
        EvaluationError: it has none, as k-fold runs and ensembles of runs that were split in different ways.
    """
    return _of_split(run.predictions, "validation", run)


def _of_split(predictions: pd.DataFrame, split: str, run: Run) -> pd.DataFrame:
    rows = predictions[predictions["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise EvaluationError(
            f"{run.path}: has no {split} predictions, so it cannot be calibrated; of k-fold runs, and of ensembles of "
            "runs that were split in different ways, calibrate the members"
        )
    return rows


def measure_calibration(
    validation: pd.DataFrame,
    test: pd.DataFrame,
    classes: Sequence[str],
    *,
    alpha: float = 0.1,
    count: str = SHARE,
    bins: int = BINS,
    seed: int = 0,
    resamples: int = 1000,
) -> Calibration:
    """Fits on one predictions table and measures on another; the work of `calibrate_run`.

    Args:
        validation: predictions that everything is fitted on.
        test: predictions that everything is measured on.
        classes: class names in order.
        alpha: as for `calibrate_run`.
        count: as for `calibrate_run`.
        bins: as for `calibrate_run`.
        seed: of the resamples.
        resamples: of the intervals.

    Raises:
        EvaluationError: a table has no row, labels or columns do not fit the classes, `alpha` is not between 0 and 1,
            or `count` is unknown.

    Example:
        >>> rows = pd.DataFrame({"label": ["tumor", "no_tumor"] * 10, "group": [f"g{number}" for number in range(20)]})
        >>> rows = rows.assign(predicted="tumor", p_no_tumor=0.4, p_tumor=0.6)
        >>> found = measure_calibration(rows, rows, ("no_tumor", "tumor"))
        >>> found.conformal.coverage.value, round(found.scores["after"].confidence.value, 2)
        (1.0, 0.51)
    """
    classes, drawn = tuple(classes), {"resamples": resamples, "seed": seed}
    fitted = fit_temperature(validation, classes)
    thresholds = fit_thresholds(validation, classes, alpha=alpha, count=count)
    scaled = {
        name: scale_predictions(table, classes, fitted.value)
        for name, table in (("test", test), ("validation", validation))
    }
    versions = {BEFORE: test, AFTER: scaled["test"]}
    return Calibration(
        classes=classes,
        bins=bins,
        resampling=Resampling(resamples, seed),
        sizes={
            name: {"images": len(table), "groups": int(group_numbers(table["group"]).max()) + 1}
            for name, table in (("validation", validation), ("test", test))
        },
        temperature=fitted,
        scores={name: calibration_scores(table, classes, bins=bins, **drawn) for name, table in versions.items()},
        changes=measure_changes(test, scaled["test"], classes, bins=bins, **drawn),
        reliability={name: reliability_table(table, classes, bins=bins) for name, table in versions.items()},
        selective=measure_selective(scaled["validation"], scaled["test"], classes, **drawn),
        conformal=measure_coverage(test, classes, thresholds, coverage_stated=1 - alpha, count=count),
    )
