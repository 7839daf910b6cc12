"""The shortcut audit in words: how far a score comes without knowing what a tumour looks like, one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from braintumor_tf.explanation.checks.masking import BACKGROUND, OUTLINE, WITHOUT_BACKGROUND, WITHOUT_BORDER
from braintumor_tf.report.wording.numbers import (
    as_score,
    baseline_score,
    baseline_title,
    model_above,
    number,
    plain,
    ranked_baselines,
    score,
    signed,
)

_DIGITS = 2

_COVERED = {WITHOUT_BORDER: "the border strip", WITHOUT_BACKGROUND: "everything but the head"}
_LEFT = {BACKGROUND: "the head blackened", OUTLINE: "the head filled with one grey"}


def shortcut_sentences(
    metrics: Mapping[str, Any], twins: int, images: int, explanations: Mapping[str, Any] | None = None
) -> list[str]:
    """Says of each shortcut how far it goes and what is left of the score beyond it.

    Args:
        metrics: as in ``metrics.json``.
        twins: test images whose group of near-duplicates also holds a training image.
        images: test images.
        explanations: as in ``explanations.json``, for a run that was checked.

    Returns:
        A sentence for each dumb baseline, best first, one on twins, and those of `covered_sentences`.

    Example:
        >>> shortcut_sentences(run.metrics, 0, 492)[0]
        'Border strip alone reaches macro-F1 0.79; the model’s 0.89 is 0.10 (0.05 to 0.15) above it: it knows more.'
    """
    found = [baseline_sentence(metrics, key) for key in ranked_baselines(metrics)]
    return [text for text in (*found, twins_sentence(metrics, twins, images), *covered_sentences(explanations)) if text]


def baseline_sentence(metrics: Mapping[str, Any], key: str) -> str:
    """Says how far one dumb baseline goes, and how far above it the model is; empty where it was not scored."""
    name = "macro_f1" if baseline_score(metrics, key, "macro_f1")["value"] is not None else "accuracy"
    reached, own = baseline_score(metrics, key, name)["value"], score(metrics, name)["value"]
    if reached is None or own is None:
        return ""
    title, measure = baseline_title(key), "macro-F1" if name == "macro_f1" else "accuracy"
    lead = model_above(metrics, key, name)
    return (
        f"{title[0].upper()}{title[1:]} reaches {measure} {number(reached, _DIGITS)}; the model’s "
        f"{number(own, _DIGITS)} is {distance(lead)} it{_meaning(lead)}."
    )


def distance(lead: Mapping[str, float | None]) -> str:
    """A difference in words, such as ``0.13 (0.09 to 0.17) above``."""
    sign = -1 if lead["value"] < 0 else 1
    ends = [None if lead[key] is None else sign * lead[key] for key in ("low", "high")[::sign]]
    within = "" if None in ends else f" ({plain(ends[0], digits=_DIGITS)} to {plain(ends[1], digits=_DIGITS)})"
    return f"{plain(sign * lead['value'], digits=_DIGITS)}{within} {'above' if sign > 0 else 'below'}"


def _meaning(lead: Mapping[str, float | None]) -> str:
    if lead["low"] is None:
        return ", and how sure that is was not kept"
    if lead["low"] > 0:
        return ": it knows more than that"
    return ": the shortcut does better" if lead["high"] < 0 else ", which may be luck"


def twins_sentence(metrics: Mapping[str, Any], twins: int, images: int) -> str:
    """Says what training twins of test images do to the accuracy."""
    if not twins:
        return f"0 of the {images:,} test images have a near-duplicate in training, so none is answered from memory."
    on_twins, rest = (score(metrics, f"{part}.accuracy")["value"] for part in ("twins", "clean"))
    if on_twins is None or rest is None:
        return (
            f"{twins:,} of {images:,} test images have a near-duplicate in training, and there is no score on others."
        )
    lead = score(metrics, "twins.above_clean")
    lead = lead if lead["value"] is not None else as_score(on_twins - rest)
    meaning = (
        ""
        if lead["low"] is None
        else ": memory carries a part of the score"
        if lead["low"] > 0
        else ": they are no easier"
        if lead["high"] < 0
        else ", which may be luck"
    )
    return (
        f"On the {twins:,} test images with a training twin accuracy is {number(on_twins, _DIGITS)}, "
        f"{distance(lead)} the {number(rest, _DIGITS)} on the {images - twins:,} without{meaning}."
    )


def covered_sentences(explanations: Mapping[str, Any] | None) -> list[str]:
    """Says what is left of the score where border, background or head are covered; empty for an unchecked run."""
    rows = {row["shown"]: row for row in (explanations or {}).get("outside", [])}
    changes = [_change(rows[key], name) for key, name in _COVERED.items() if key in rows]
    return [text for text in (*changes, *(_left(rows[key], _LEFT[key]) for key in _LEFT if key in rows)) if text]


def _change(row: Mapping[str, Any], name: str) -> str:
    change = as_score(row.get("change"))
    if change["value"] is None:
        return ""
    if change["value"] == change["low"] == change["high"] == 0:
        return f"With {name} blackened every answer is as right or wrong as before."
    meaning = "" if change["low"] is None else ", no clear change"
    if change["low"] is not None and change["high"] < 0:
        meaning = ": the model uses it"
    elif change["low"] is not None and change["low"] > 0:
        meaning = ": the model does better without"
    return f"With {name} blackened accuracy changes by {signed(change, _DIGITS)}{meaning}."


def _left(row: Mapping[str, Any], name: str) -> str:
    kept, share, constant = as_score(row["balanced_accuracy"]), as_score(row.get("share")), row["constant"]
    if kept["value"] is None:
        return ""
    within = "" if kept["low"] is None else f" ({number(kept['low'], _DIGITS)} to {number(kept['high'], _DIGITS)})"
    meaning = ""
    if share["low"] is not None:
        meaning = ": no more than that"
        if share["low"] > 0:
            meaning = f": {100 * share['value']:.0f} % of what the model is better by needs nothing inside the head"
    return (
        f"With {name} balanced accuracy is {number(kept['value'], _DIGITS)}{within}, that of a constant answer "
        f"{number(constant, _DIGITS)}{meaning}."
    )
