"""The report's section on scores: the headline numbers, and a row for each score, for each class and for tumours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.report.wording.metrics import CLASS_SCORES, SCORES, score
from braintumor_tf.report.wording.numbers import as_score, cell, counted, interval, number

HEADLINES = {"macro_f1": "Macro-F1", "accuracy": "Accuracy"}
"""The scores that stand large above the table of the others."""


def score_tiles(metrics: Mapping[str, Any], images: int) -> list[dict[str, str]]:
    """Returns the boxes of the headline scores, and of what they were measured on."""
    tiles = []
    for key, title in HEADLINES.items():
        within = interval(score(metrics, key))
        note = f"95 % {within}" if within else "no interval"
        tiles.append({"name": title, "value": number(score(metrics, key).value), "note": note})
    groups = metrics.get("groups")
    note = "" if groups is None else f"from {counted(groups, 'group')}"
    return [*tiles, {"name": "Test images", "value": f"{images:,}", "note": note}]


def score_rows(metrics: Mapping[str, Any], *, without: Collection[str] = ()) -> list[dict[str, Any]]:
    """Returns a row for each score of the whole test set that the run has, but those named in `without`."""
    rows = [
        {"title": title, "note": note, **cell(score(metrics, name))}
        for name, (title, note) in SCORES.items()
        if name not in without
    ]
    return [row for row in rows if row["value"] != "–"]


def class_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns a row for each class: support and its scores in the order of `CLASS_SCORES`."""
    classes = metrics.get("classes") or {}
    order = [name for name in metrics.get("classes_order") or classes if name in classes]
    return [
        {
            "label": name,
            "support": int(as_score(classes[name].get("support")).value or 0),
            "scores": [cell(classes[name].get(key)) for key in CLASS_SCORES],
        }
        for name in order
    ]


def tumour_counts(metrics: Mapping[str, Any], tested: pd.DataFrame) -> dict[str, Any] | None:
    """Returns what is found of any tumour: sensitivity, specificity, missed tumours and false alarms.

    None stands for a run without the class of images without a tumour.
    """
    if all(score(metrics, f"tumour_{name}").value is None for name in ("sensitivity", "specificity")):
        return None
    tumour, alarm = tested["label"] != NO_TUMOR, tested["predicted"] != NO_TUMOR
    missed, alarms = metrics.get("missed_tumours"), metrics.get("false_alarms")
    return {
        "tumours": int(tumour.sum()),
        "healthy": int((~tumour).sum()),
        "missed": int((tumour & ~alarm).sum()) if missed is None else int(missed),
        "false_alarms": int((~tumour & alarm).sum()) if alarms is None else int(alarms),
        "sensitivity": cell(score(metrics, "tumour_sensitivity")),
        "specificity": cell(score(metrics, "tumour_specificity")),
    }
