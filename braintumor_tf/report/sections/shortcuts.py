"""The report's shortcut audit: shortcut baselines, near-duplicates in training, and parts of the picture covered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.datasets.labels import MODALITIES
from braintumor_tf.evaluation.scores.judgement import BETTER, NOT_TOLD_APART, WORSE, judge
from braintumor_tf.explanation.checks.results import as_table
from braintumor_tf.report.plots.explanation.checks import outside_scores
from braintumor_tf.report.sections.covered_parts import covered_rows, covered_sentences
from braintumor_tf.report.sections.embedding import keep_figure
from braintumor_tf.report.wording.judgements import judged, reason
from braintumor_tf.report.wording.metrics import (
    BASELINE_NOTES,
    NEAR_DUPLICATES,
    baseline_judgement,
    baseline_score,
    baseline_title,
    headline,
    model_above,
    ranked_baselines,
    score,
    score_title,
)
from braintumor_tf.report.wording.numbers import cell, counted, difference_cell, distance, number, percent
from braintumor_tf.report.wording.origins import probe_sentences
from braintumor_tf.types import Score

ONE_BASELINE = "a shortcut baseline"
UNKNOWN_NEAR_DUPLICATES = "all; which have a near-duplicate in training is not known"
_NOTHING_OF_TUMOURS = "The model has not been shown to have learned anything about tumours."
_NOTHING_OF_PICTURES = (
    "To tell these two kinds of picture apart takes no knowledge of what they show. The score says that the task is "
    "easy, and nothing about tumours."
)


def shortcut_section(
    metrics: Mapping[str, Any], near_duplicates: pd.Series, explanations: Mapping[str, Any] | None, *, folder: Path
) -> dict[str, Any]:
    """Puts together what the page shows of every shortcut that was tried, and saves its figure.

    Args:
        metrics: as in ``metrics.json``.
        near_duplicates: whether each test image has one in training (`leakage.near_duplicate_in_training`).
        explanations: as in ``explanations.json``; None for a run that was not checked.
        folder: where the figure is saved as PNG.

    Returns:
        ``sentences``; ``baselines``, ``near_duplicates`` and ``covered``, rows of text; and ``figure`` of the last, or
        None.
    """
    covered, figure = (explanations or {}).get("outside") or [], None
    if covered:
        drawn = outside_scores(as_table(covered))
        figure = keep_figure(drawn, folder / "outside_head.png", alt="Balanced accuracy with parts covered")
    return {
        "sentences": shortcut_sentences(metrics, near_duplicates, explanations),
        "baselines": baseline_rows(metrics),
        "near_duplicates": near_duplicate_rows(metrics, near_duplicates),
        "covered": covered_rows(explanations),
        "figure": figure,
    }


# === Tables ===


def baseline_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the model first, then the shortcut baselines, best first, with the model's lead in macro-F1."""
    model = {
        "title": "This model",
        "note": "",
        "model": True,
        "accuracy": cell(score(metrics, "accuracy")),
        "macro_f1": cell(score(metrics, "macro_f1")),
        "above": {"value": "", "interval": ""},
        "judgement": "",
    }
    baselines = [
        {
            "title": baseline_title(key),
            "note": BASELINE_NOTES.get(key, ""),
            "model": False,
            "accuracy": cell(baseline_score(metrics, key, "accuracy")),
            "macro_f1": cell(baseline_score(metrics, key, "macro_f1")),
            "above": difference_cell(model_above(metrics, key, "macro_f1")),
            "judgement": baseline_judgement(metrics, key, "macro_f1").outcome,
        }
        for key in ranked_baselines(metrics)
    ]
    return [model, *baselines] if baselines else []


def near_duplicate_rows(metrics: Mapping[str, Any], near_duplicates: pd.Series) -> list[dict[str, Any]]:
    """Returns the accuracy on test images without and with a near-duplicate in training, their number and share."""
    images = len(near_duplicates)
    if metrics.get("training_known") is False:
        row = {"title": UNKNOWN_NEAR_DUPLICATES, "images": f"{images:,}", "share": ""}
        return [{**row, **cell(score(metrics, "accuracy"))}]
    counts = {"clean": int((~near_duplicates).sum()), "twins": int(near_duplicates.sum())}
    return [
        {
            "title": title,
            "images": f"{counts[key]:,}",
            "share": percent(counts[key], images),
            **cell(score(metrics, f"{key}.accuracy")),
        }
        for key, title in NEAR_DUPLICATES.items()
    ]


# === Sentences ===


def shortcut_sentences(
    metrics: Mapping[str, Any], near_duplicates: pd.Series, explanations: Mapping[str, Any] | None = None
) -> list[str]:
    """Says of each shortcut how far it goes and what is left of the score beyond it.

    Args:
        metrics: as in ``metrics.json``.
        near_duplicates: whether each test image has one in training.
        explanations: as in ``explanations.json``, for a run that was checked.

    Returns:
        A sentence for each shortcut baseline, best first, one on near-duplicates, those of `probe_sentences` on the
        origin, and those of `covered_sentences`.

    Example:
        >>> above = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}
        >>> metrics = {"accuracy": {"value": 0.9}, "baselines": {"border": {"value": 0.4, "model_above": above}}}
        >>> shortcut_sentences(metrics, pd.Series([False, False]))[0].partition("; ")[2]
        'the model’s 0.90 is 0.50 (0.40 to 0.60) above it: the model is better.'
    """
    found = [baseline_sentence(metrics, key) for key in ranked_baselines(metrics)]
    leaked = near_duplicate_sentence(metrics, int(near_duplicates.sum()), len(near_duplicates))
    texts = (*found, leaked, *probe_sentences(metrics), *covered_sentences(explanations))
    return [text for text in texts if text]


def baseline_sentence(metrics: Mapping[str, Any], key: str) -> str:
    """Says how far one baseline goes, and how far above it the model is; empty where it was not scored."""
    name = headline(metrics, key)
    reached, own = baseline_score(metrics, key, name).value, score(metrics, name).value
    if reached is None or own is None:
        return ""
    title, lead = baseline_title(key), model_above(metrics, key, name)
    return (
        f"{title[0].upper()}{title[1:]} reaches {score_title(name)} {number(reached, 2)}; the model’s "
        f"{number(own, 2)} is {distance(lead)} it: {judged(judge(lead))}."
    )


def near_duplicate_sentence(metrics: Mapping[str, Any], near_duplicates: int, images: int) -> str:
    """Says what near-duplicates in training do to the accuracy.

    Args:
        metrics: as in ``metrics.json``.
        near_duplicates: test images that have a near-duplicate in training.
        images: test images.
    """
    what = "a near-duplicate or their patient" if metrics.get("patients") else "a near-duplicate"
    if metrics.get("training_known") is False:
        return (
            f"How many of the {images:,} test images have {what} in training is not known: the model was trained "
            "elsewhere. Its answers may come from memory."
        )
    if not near_duplicates:
        return (
            f"0 of the {images:,} test images have {what} in training: nothing suggests that answers come from memory."
        )
    with_one, rest = (score(metrics, f"{part}.accuracy").value for part in ("twins", "clean"))
    if with_one is None or rest is None:
        return (
            f"{near_duplicates:,} of {images:,} test images have {what} in training, and there is no score on others."
        )
    lead = score(metrics, "twins.above_clean")
    lead = lead if lead.value is not None else Score(with_one - rest)
    found = judge(lead)
    meaning = {BETTER: "memory carries a part of the score", WORSE: "the model does worse on them"}.get(
        found.outcome, judged(found)
    )
    return (
        f"On the {near_duplicates:,} test images with {what} in training accuracy is {number(with_one, 2)}, "
        f"{distance(lead)} the {number(rest, 2)} on the {images - near_duplicates:,} without: {meaning}."
    )


def best_baseline_sentence(metrics: Mapping[str, Any]) -> str:
    """Says what the best shortcut baseline reaches, and how the model stands to it."""
    ranked = ranked_baselines(metrics)
    if not ranked:
        return "No shortcut baseline was scored beside it."
    name = headline(metrics, ranked[0])
    title = "" if name == "macro_f1" else " accuracy"
    value = number(baseline_score(metrics, ranked[0], name).value, 2)
    found = judged(baseline_judgement(metrics, ranked[0], name))
    return f"The best shortcut baseline ({baseline_title(ranked[0])}) reaches{title} {value}: {found}."


# === Warnings ===


def baseline_warning(metrics: Mapping[str, Any]) -> str:
    """Returns the reason to doubt a run that is not better than a shortcut baseline; empty without one."""
    for name in ("macro_f1", "accuracy"):
        for key in ranked_baselines(metrics, name):
            lead, found = model_above(metrics, key, name), baseline_judgement(metrics, key, name)
            if lead.value is None or found.outcome == BETTER:
                continue
            how = f"worse than {ONE_BASELINE}" if found.told_apart else f"{NOT_TOLD_APART} from {ONE_BASELINE}"
            modality = set(metrics.get("classes_order") or ()) == set(MODALITIES)
            return (
                f"The model is {how}: {baseline_title(key)} reaches {score_title(name)} "
                f"{number(baseline_score(metrics, key, name).value, 2)}, and the model's "
                f"{number(score(metrics, name).value, 2)} is {distance(lead)} it{reason(found)}. "
                f"{_NOTHING_OF_PICTURES if modality else _NOTHING_OF_TUMOURS}"
            )
    return ""


def near_duplicate_warning(
    metrics: Mapping[str, Any], near_duplicates: int, images: int, *, what: str = "a near-duplicate"
) -> str:
    """Returns the reason to doubt a run whose test images have near-duplicates in training; empty without one.

    Args:
        metrics: as in ``metrics.json``.
        near_duplicates: test images of whose group an image is in training.
        images: test images.
        what: they share with training: with known patients a group holds more than near-duplicates.
    """
    if not near_duplicates:
        return ""
    have = "has" if near_duplicates == 1 else "have"
    text = (
        f"{near_duplicates:,} of {counted(images, 'test image')} ({percent(near_duplicates, images)}) {have} {what} "
        "in training"
    )
    with_one, clean = score(metrics, "twins.accuracy").value, score(metrics, "clean.accuracy").value
    if with_one is None:
        return f"{text}. The scores reward memory; split by groups instead."
    if clean is None:
        return f"{text}. Every test image has one, so nothing here tells what the model does with a new picture."
    return (
        f"{text}: accuracy is {number(with_one, 2)} on these and {number(clean, 2)} on the rest. Only the rest "
        "tells what the model does with a new picture."
    )
