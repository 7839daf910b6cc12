"""The tables of a model card: scores, baselines, classes, noise, calibration, explanations; all as rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.report.sections.calibration import calibration_content
from braintumor_tf.report.sections.covered_parts import covered_rows, covered_sentences
from braintumor_tf.report.sections.robustness import robustness_content
from braintumor_tf.report.sections.scores import class_rows, score_rows, tumour_counts
from braintumor_tf.report.sections.shortcuts import baseline_rows, near_duplicate_rows, shortcut_sentences
from braintumor_tf.report.sections.trust import map_sentences
from braintumor_tf.report.wording.metrics import CLASS_SCORES
from braintumor_tf.runs import Run


def card_scores(
    run: Run, metrics: Mapping[str, Any], tested: pd.DataFrame, near_duplicates: pd.Series, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Puts together every number that the card gives of how well the model does.

    Args:
        run: the run; its ``calibration.json``, ``explanations.json`` and ``robustness.json`` are read where they are.
        metrics: as in ``metrics.json``.
        tested: its scored predictions.
        near_duplicates: whether each of them has one in training.
        config: the run's settings.

    Returns:
        ``scores``, ``baselines``, ``near_duplicates``, ``shortcuts`` (sentences), ``classes``, ``class_columns``,
        ``confusion``, ``tumour``; and ``noise``, ``calibration`` and ``explanations``, each None where the run has no
        such file.
    """
    return {
        "scores": score_rows(metrics),
        "baselines": baseline_rows(metrics),
        "near_duplicates": near_duplicate_rows(metrics, near_duplicates),
        "shortcuts": shortcut_sentences(metrics, near_duplicates),
        "classes": class_rows(metrics),
        "class_columns": list(CLASS_SCORES.values()),
        "confusion": _confusion(metrics),
        "tumour": tumour_counts(metrics, tested),
        "noise": robustness_content(run.robustness, config),
        "calibration": calibration_content(run.calibration),
        "explanations": _explanations(run.explanations),
    }


def _confusion(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    matrix = metrics.get("confusion_matrix") or {}
    if not matrix.get("labels"):
        return None
    rows = [{"label": label, "counts": counts} for label, counts in zip(matrix["labels"], matrix["counts"])]
    return {"labels": list(matrix["labels"]), "rows": rows}


def _explanations(explanations: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is left of the score with parts covered, and what the checks of heat maps found; None without."""
    if not explanations:
        return None
    sentences = [*covered_sentences(explanations), *map_sentences(explanations)]
    return {"covered": covered_rows(explanations), "sentences": sentences}
