"""The tables of a model card: scores, baselines, classes, noise, calibration, explanations; all as rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.report.plots.robustness import noise_name
from braintumor_tf.report.sections.calibration import SCORES as CALIBRATION_SCORES
from braintumor_tf.report.sections.calibration import calibration_sentences
from braintumor_tf.report.sections.robustness import robustness_sentences
from braintumor_tf.report.sections.shortcut_sentences import covered_sentences, shortcut_sentences
from braintumor_tf.report.sections.shortcuts import covered_rows
from braintumor_tf.report.sections.tables import baseline_rows, cell, class_rows, score_rows, tumour_counts, twin_rows
from braintumor_tf.report.sections.trust_sentences import map_sentences
from braintumor_tf.report.wording.numbers import CLASS_SCORES, as_score
from braintumor_tf.runs import Run


def card_scores(
    run: Run, metrics: Mapping[str, Any], tested: pd.DataFrame, twins: pd.Series, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Puts together every number that the card gives of how well the model does.

    Args:
        run: the run; its ``calibration.json``, ``explanations.json`` and ``robustness.json`` are read where they are.
        metrics: as in ``metrics.json``.
        tested: its scored predictions.
        twins: whether each of them has a training twin.
        config: the run's settings.

    Returns:
        ``scores``, ``baselines``, ``twins``, ``shortcuts`` (sentences), ``classes``, ``class_columns``, ``confusion``,
        ``tumour``; and ``noise``, ``calibration`` and ``explanations``, None where the run has no such file.
    """
    explanations = run.explanations
    return {
        "scores": score_rows(metrics),
        "baselines": baseline_rows(metrics),
        "twins": twin_rows(metrics, twins),
        "shortcuts": shortcut_sentences(metrics, int(twins.sum()), len(twins)),
        "classes": class_rows(metrics),
        "class_columns": list(CLASS_SCORES.values()),
        "confusion": _confusion(metrics),
        "tumour": tumour_counts(metrics, tested),
        "noise": noise_part(run.robustness, config),
        "calibration": calibration_part(run.calibration),
        "explanations": explanations_part(explanations),
    }


def _confusion(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    matrix = metrics.get("confusion_matrix") or {}
    if not matrix.get("labels"):
        return None
    rows = [{"label": label, "counts": counts} for label, counts in zip(matrix["labels"], matrix["counts"])]
    return {"labels": list(matrix["labels"]), "rows": rows}


def noise_part(robustness: Mapping[str, Any] | None, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Macro-F1 under each noise and severity, with the mean loss against clean images; None without."""
    if not robustness:
        return None
    scores = {(row["noise"], row["severity"]): row for row in robustness["table"] if row["metric"] == "macro_f1"}
    severities = sorted({severity for _, severity in scores if severity})
    return {
        "sentences": robustness_sentences(robustness, config),
        "clean": cell(as_score(scores["clean", 0])),
        "severities": severities,
        "rows": [
            {
                "title": noise_name(name),
                "scores": [cell(as_score(scores.get((name, severity)))) for severity in severities],
                "loss": cell(as_score(lost)),
            }
            for name, lost in robustness["mean_losses"].items()
        ],
    }


def calibration_part(calibration: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Calibration errors before and after the temperature, and conformal sets of each class; None without."""
    if not calibration:
        return None
    scores, conformal = calibration["scores"], calibration["conformal"]
    return {
        "sentences": calibration_sentences(calibration),
        "stated": f"{100 * conformal['coverage_stated']:g} %",
        "scores": [
            {"title": title, **{when: cell(as_score(scores[when][name])) for when in ("before", "after")}}
            for name, (title, _) in CALIBRATION_SCORES.items()
        ],
        "classes": [
            {
                "label": name,
                "groups": f"{each['groups']:,}",
                **{key: cell(as_score(each[key])) for key in ("coverage", "set_size", "answered", "accuracy_answered")},
            }
            for name, each in conformal["classes"].items()
        ],
    }


def explanations_part(explanations: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is left of the score with parts covered, and what the checks of heat maps found; None without."""
    if not explanations:
        return None
    sentences = [*covered_sentences(explanations), *map_sentences(explanations)]
    return {"covered": covered_rows(explanations), "sentences": sentences}
