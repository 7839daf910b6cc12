"""Calibrating a run on its validation images, and measuring on its test images what that was worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.calibration.calibration_error import (
    BINS,
    calibration_scores,
    reliability_table,
    truth_and_chances,
)
from braintumor_tf.evaluation.calibration.conformal import (
    SHARE,
    UNKNOWN,
    Threshold,
    answers,
    conformal_sets,
    fit_thresholds,
)
from braintumor_tf.evaluation.calibration.risk_coverage import area_score, coverage_at_risk, risk_coverage_curve
from braintumor_tf.evaluation.calibration.temperature import BOUNDS, Temperature, fit_temperature, scale_predictions
from braintumor_tf.evaluation.scores.group_bootstrap import CONFIDENCE, group_numbers, share_scores
from braintumor_tf.runs import Run

RISKS = (0.01, 0.02, 0.05, 0.1)
"""Errors among answered images for which a threshold is chosen."""

_POINTS = 200


def calibrate_run(
    run: Run | str | Path,
    alpha: float = 0.1,
    count: str = SHARE,
    bins: int = BINS,
    seed: int | None = None,
    resamples: int | None = None,
) -> dict[str, Any]:
    """Fits temperature and conformal thresholds on a run's validation predictions and measures them on test.

    Nothing is predicted anew and no score of ``metrics.json`` changes: what is found is ``calibration.json`` of the
    run, which the report and `predict_files` read. `run_experiment` and `run_ensemble` do this at their end. Weights
    of an ensemble that were fitted on the same validation images (`validation_weights`; equal ones mostly) make it look
    a little surer there than it is.

    Args:
        run: the run, or its directory.
        alpha: the share of images of a class whose conformal set may miss it; the stated coverage is ``1 - alpha``.
        count: how images of a group count, as for `conformal.fit_thresholds`.
        bins: bins of confidence.
        seed: of the resamples; None for the run's own.
        resamples: of the intervals; None for the run's own.

    Returns:
        As `measure_calibration`.

    Raises:
        EvaluationError: the run has no validation or no test predictions, or `alpha` or `count` is none.
        RunError: there is no such run, or it was not predicted yet.

    Example:
        >>> found = calibrate_run("models/cnn", alpha=0.1)
        >>> found["temperature"]["value"], found["conformal"]["coverage"]["value"]
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
    run.write_calibration(found)
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
    alpha: float = 0.1,
    count: str = SHARE,
    bins: int = BINS,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, Any]:
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

    Returns:
        ``temperature``; ``scores`` and ``reliability`` (rows of `reliability_table`) of the test images ``before`` and
        ``after`` it; ``selective``: ``area`` under the risk-coverage curve, its ``curve``, and ``at_risk``, thresholds
        chosen on validation; ``conformal``: thresholds, coverage, sizes of sets and abstention.
    """
    fitted = fit_temperature(validation, classes)
    thresholds = fit_thresholds(validation, classes, alpha=alpha, count=count)
    scaled = {
        name: scale_predictions(table, classes, fitted.value)
        for name, table in (("test", test), ("validation", validation))
    }
    versions = {"before": test, "after": scaled["test"]}
    return {
        "classes": list(classes),
        "bins": bins,
        "interval": {"confidence": CONFIDENCE, "resamples": resamples, "over": "groups", "seed": seed},
        **{name: _size(table) for name, table in (("validation", validation), ("test", test))},
        "temperature": _describe_temperature(fitted),
        "scores": {
            name: calibration_scores(table, classes, bins=bins, resamples=resamples, seed=seed)
            for name, table in versions.items()
        },
        "reliability": {
            name: reliability_table(table, classes, bins=bins, resamples=resamples, seed=seed).to_dict("records")
            for name, table in versions.items()
        },
        "selective": _selective(scaled["validation"], scaled["test"], classes, resamples, seed),
        "conformal": {
            "coverage_stated": 1 - alpha,
            "count": count,
            **_conformal(test, classes, thresholds, resamples, seed),
        },
    }


def _size(table: pd.DataFrame) -> dict[str, int]:
    return {"images": len(table), "groups": int(group_numbers(table["group"]).max()) + 1}


def _describe_temperature(fitted: Temperature) -> dict[str, Any]:
    return {
        "value": fitted.value,
        "at_bound": fitted.at_bound,
        "bounds": list(BOUNDS),
        "validation_log_loss": {"before": fitted.before, "after": fitted.after},
    }


def _selective(
    validation: pd.DataFrame, test: pd.DataFrame, classes: Sequence[str], resamples: int, seed: int
) -> dict[str, Any]:
    truth, chances = truth_and_chances(test, classes)
    confidence, wrong = chances.max(axis=1), chances.argmax(axis=1) != truth
    groups = group_numbers(test["group"])
    chosen_on, chosen_by = truth_and_chances(validation, classes)
    sure, mistaken = chosen_by.max(axis=1), chosen_by.argmax(axis=1) != chosen_on
    rows = []
    for risk in RISKS:
        threshold = coverage_at_risk(mistaken, sure, risk)[1]
        answered = confidence >= threshold
        everything = np.ones(len(test), bool)
        found = share_scores(
            {"coverage": (answered, everything), "risk": (wrong, answered)}, groups, resamples=resamples, seed=seed
        )
        rows.append({"risk_wanted": risk, "threshold": threshold if np.isfinite(threshold) else None, **found})
    curve = risk_coverage_curve(wrong, confidence)
    kept = np.unique(np.linspace(0, len(curve) - 1, min(_POINTS, len(curve))).round().astype(int))
    return {
        "risk": share_scores({"risk": (wrong, np.ones(len(test), bool))}, groups, resamples=resamples, seed=seed)[
            "risk"
        ],
        "area": area_score(wrong, confidence, groups, resamples=resamples, seed=seed),
        "curve": curve.iloc[kept].to_dict("records"),
        "at_risk": rows,
    }


def _conformal(
    test: pd.DataFrame, classes: Sequence[str], thresholds: Mapping[str, Threshold], resamples: int, seed: int
) -> dict[str, Any]:
    truth, chances = truth_and_chances(test, classes)
    sets = conformal_sets(chances, thresholds)
    sizes, covered = sets.sum(axis=1), sets[np.arange(len(truth)), truth]
    answer, label = answers(sets, classes), test["label"].to_numpy(object)
    answered, everything = answer != UNKNOWN, np.ones(len(test), bool)
    right = answer == label
    columns = {
        "coverage": (covered, everything),
        "set_size": (sizes, everything),
        "empty": (sizes == 0, everything),
        "answered": (answered, everything),
        "accuracy_answered": (right, answered),
        "accuracy_all": (chances.argmax(axis=1) == truth, everything),
    }
    for place, name in enumerate(classes):
        own = truth == place
        columns |= {f"{name}/coverage": (covered, own), f"{name}/set_size": (sizes, own)}
        columns |= {f"{name}/answered": (answered, own), f"{name}/accuracy_answered": (right, answered & own)}
    found = share_scores(columns, groups=group_numbers(test["group"]), resamples=resamples, seed=seed)
    missed = (label != NO_TUMOR) & (answer == NO_TUMOR)
    return {
        **{name: each for name, each in found.items() if "/" not in name},
        "missed_tumours_answered": int(missed.sum()) if NO_TUMOR in classes else None,
        "against_prediction": int((answered & (answer != test["predicted"].to_numpy(object))).sum()),
        "classes": {
            name: {
                "least_probability": thresholds[name].least_probability,
                "always": thresholds[name].always,
                "groups": thresholds[name].groups,
                "images": thresholds[name].images,
                "test_images": int((truth == place).sum()),
                **{key.split("/")[-1]: each for key, each in found.items() if key.rpartition("/")[0] == name},
                "sizes": np.bincount(sizes[truth == place], minlength=len(classes) + 1).tolist(),
            }
            for place, name in enumerate(classes)
        },
    }
