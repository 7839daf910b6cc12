"""The report's section on scores: the headline numbers, and a row for each score, for each class and for tumours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.evaluation.scores.group_bootstrap import METHOD
from braintumor_tf.evaluation.scores.proportions import FEW_GROUPS, measured_coverage
from braintumor_tf.report.wording.metrics import CLASS_SCORES, SCORES, score, score_title
from braintumor_tf.report.wording.numbers import as_score, cell, counted, interval, number, score_text
from braintumor_tf.report.wording.run_texts import resamples_text

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


def interval_sentences(metrics: Mapping[str, Any]) -> list[str]:
    """Says how the intervals were made, and which of them rest on few groups and are worth what.

    Example:
        >>> found = {"interval": {"method": "effective groups"}, "few_groups": {"classes.glioma.recall": 5.0}}
        >>> interval_sentences(found)[1].startswith("Few groups: 1 interval rests on fewer than 10 groups")
        True
    """
    drawn = metrics.get("interval")
    if not isinstance(drawn, Mapping) or drawn.get("method") != METHOD:
        return [
            f"The intervals are percentile bootstraps{resamples_text(metrics)} over whole groups, made by an earlier "
            "version. With few groups or few errors they are too narrow; braintumor-tf evaluate makes new ones."
        ]
    found = [
        "Each interval is for new groups: twenty copies of one picture, or slices of one patient, count as one group. "
        "Shares of images have the exact interval of as many trials as the groups are worth; the other scores take "
        f"their variance from {int(drawn.get('resamples') or 0):,} draws of groups."
    ]
    few = {name: number for name, number in (metrics.get("few_groups") or {}).items() if number is not None}
    if few:
        least = min(few, key=few.get)
        held = 100 * measured_coverage(few[least])
        found.append(
            f"Few groups: {counted(len(few), 'interval')} {'rests' if len(few) == 1 else 'rest'} on fewer than "
            f"{FEW_GROUPS} groups (least: {_spoken(least)}, on as much as {few[least]:g} of equal size). In "
            f"simulations intervals from so few groups held the truth in at least {held:.0f} % of the test sets, "
            "however the images of a group hung together; they are wide, and that is what so few groups tell."
        )
    return found


def _spoken(name: str) -> str:
    """Names a score of `few_groups` for people."""
    *places, key = name.split(".")
    title = CLASS_SCORES.get(key) or score_title(key)
    where = {"near": "images with a near-duplicate", "clean": "images without a near-duplicate"}
    place = places[-1] if places else ""
    title = title if title[1:2].isupper() else title[0].lower() + title[1:]
    return f"{title} of {where.get(place, place)}" if place else title


def patient_section(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the scores of whole patients: a sentence, rows of scores, and rows of classes; None where none is known.

    Example:
        >>> patient_section({"patients": None}) is None
        True
    """
    found = metrics.get("patients")
    if not found:
        return None
    cases, people, unknown = (int(found[name]) for name in ("cases", "patients", "unknown"))
    twice = "" if cases == people else f" A patient with images of several labels counts for each: {cases:,} cases."
    left = "No test image’s patient is unknown." if not unknown else (
        f"{counted(unknown, 'test image')} of unknown patients {'is' if unknown == 1 else 'are'} left out."
    )  # fmt: skip
    return {
        "sentence": (
            f"{counted(people, 'patient')} with {counted(int(found['images']), 'test image')}. A patient is right if "
            f"the mean probability over the images is highest for the label.{twice} {left}"
        ),
        "rows": [
            {"title": SCORES[name][0], "image": cell(score(metrics, name)), "patient": cell(found[name])}
            for name in ("accuracy", "balanced_accuracy", "macro_f1")
        ]
        + [
            {
                "title": f"Recall of {name}, {counted(int(found['support'][name]), 'patient')}",
                "image": cell(score(metrics, f"classes.{name}.recall")),
                "patient": cell(recall),
            }
            for name, recall in found["recall"].items()
        ],
    }


def patient_sentences(metrics: Mapping[str, Any]) -> list[str]:
    """Says the scores of whole patients in one line, for the command line; nothing where no patient is known."""
    found = metrics.get("patients")
    if not found:
        return []
    scores = ", ".join(f"{score_title(name)} {score_text(found[name], 2)}" for name in ("accuracy", "macro_f1"))
    return [f"Over {counted(int(found['patients']), 'patient')}, images together: {scores}."]


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
