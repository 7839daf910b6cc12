"""Answering only confident predictions: thresholds chosen on validation images, what they are worth on test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.calibration.calibration_error import truth_and_probabilities
from braintumor_tf.evaluation.calibration.risk_coverage import area_score, coverage_at_risk, risk_coverage_curve
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers
from braintumor_tf.evaluation.scores.proportions import proportion_scores
from braintumor_tf.types import Score

RISKS = (0.01, 0.02, 0.05, 0.1)
"""Errors among answered images for which a threshold is chosen."""

_POINTS = 200


@dataclass(frozen=True)
class AnsweredAtRisk:
    """What a threshold on the confidence is worth.

    Attributes:
        risk_wanted: the error among answered images that the threshold was chosen for, on validation images.
        threshold: images of at least this confidence are answered; None where no threshold does it.
        coverage: the share of test images that are answered.
        risk: the error among them.
    """

    risk_wanted: float
    threshold: float | None
    coverage: Score
    risk: Score


@dataclass(frozen=True, eq=False)
class SelectiveScores:
    """The error of a model that answers only where it is confident.

    Attributes:
        risk: the error of all images.
        area: under the curve of risk over coverage.
        curve: rows of `risk_coverage_curve`, thinned out.
        at_risk: for each of `RISKS`.
    """

    risk: Score
    area: Score
    curve: pd.DataFrame
    at_risk: tuple[AnsweredAtRisk, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the scores as ``calibration.json`` holds them."""
        return {
            "risk": self.risk.to_dict(),
            "area": self.area.to_dict(),
            "curve": self.curve.to_dict("records"),
            "at_risk": [asdict(each) for each in self.at_risk],
        }


def measure_selective(
    validation: pd.DataFrame, test: pd.DataFrame, classes: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> SelectiveScores:
    """Chooses thresholds on the confidence on one predictions table and measures them on another.

    Args:
        validation: predictions that the thresholds are chosen on.
        test: predictions that everything is measured on.
        classes: class names in order.
        resamples: of the interval of the area.
        seed: of the resamples.

    Raises:
        EvaluationError: a table has no row, or labels or columns do not fit the classes.
    """
    chosen_confidence, chosen_wrong, _ = _confidence_and_errors(validation, classes)
    confidence, wrong, groups = _confidence_and_errors(test, classes)
    everything, rows = np.ones(len(test), bool), []
    for risk in RISKS:
        threshold = coverage_at_risk(chosen_wrong, chosen_confidence, risk)[1]
        answered = confidence >= threshold
        found = proportion_scores({"coverage": (answered, everything), "risk": (wrong, answered)}, groups)
        rows.append(AnsweredAtRisk(risk, threshold if np.isfinite(threshold) else None, **found))
    curve = risk_coverage_curve(wrong, confidence)
    kept = np.unique(np.linspace(0, len(curve) - 1, min(_POINTS, len(curve))).round().astype(int))
    return SelectiveScores(
        proportion_scores({"risk": (wrong, everything)}, groups)["risk"],
        area_score(wrong, confidence, groups, resamples=resamples, seed=seed),
        curve.iloc[kept],
        tuple(rows),
    )


def _confidence_and_errors(table: pd.DataFrame, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the confidence of each image, whether it is named wrongly, and the number of its group."""
    truth, probabilities = truth_and_probabilities(table, classes)
    return probabilities.max(axis=1), probabilities.argmax(axis=1) != truth, group_numbers(table["group"])
