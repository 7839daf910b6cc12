"""The report's section on whether explanations can be believed: what the checks of heat maps found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from braintumor_tf.evaluation.scores.judgement import BETTER, NOT_TOLD_APART, Judgement, judge
from braintumor_tf.explanation.checks.localised_images import CENTRE, HEAD, RANDOM
from braintumor_tf.explanation.checks.results import as_table
from braintumor_tf.report.plots.explanation.checks import localisation_scores, masking_drops, randomisation_curve
from braintumor_tf.report.sections.covered_parts import outside_sentence
from braintumor_tf.report.sections.embedding import keep_figure
from braintumor_tf.report.wording.judgements import reason
from braintumor_tf.report.wording.numbers import as_score, counted, number, plain_text, score_text, signed

UNCHANGED = 0.9
"""Maps of a random network that correlate as much with the trained network's show nothing that was learned."""

_REFERENCES = {RANDOM: "a random map", HEAD: "the head alone", CENTRE: "the middle of the picture"}
_MASKED = {"lesion": "the lesion", "elsewhere": "as much of the head elsewhere", "border": "the border strip"}


def trust_section(explanations: Mapping[str, Any] | None, *, folder: Path) -> dict[str, Any] | None:
    """Puts together what the page shows of the checks of heat maps in ``explanations.json``, and saves its figures.

    Whether a score needs the head at all is the shortcut audit's (`shortcut_section`).

    Args:
        explanations: as in ``explanations.json``; None for a run that was not checked.
        folder: where the figures are saved as PNG.

    Returns:
        ``sentences``, and ``figures`` as the template takes them; None where there is nothing to say.
    """
    sentences = map_sentences(explanations) if explanations else []
    return {"sentences": sentences, "figures": _figures(explanations, folder)} if sentences else None


def trust_sentences(explanations: Mapping[str, Any]) -> list[str]:
    """Says what each check found that was made.

    Args:
        explanations: as in ``explanations.json``.
    """
    return [outside_sentence(explanations), *map_sentences(explanations)]


def map_sentences(explanations: Mapping[str, Any]) -> list[str]:
    """Says what the checks of heat maps found: the sentences of `trust_sentences` but the one on covered heads."""
    return [
        *_randomisation_sentences(explanations),
        *_localisation_sentences(explanations),
        *_masking_sentences(explanations),
    ]


def masking_warning(explanations: Mapping[str, Any] | None) -> str:
    """Returns the reason to doubt a run whose answers do not depend on the lesion; empty without one."""
    rows = {row["masked"]: row for row in (explanations or {}).get("masking", [])}
    beyond = as_score(rows.get("lesion", {}).get("beyond_elsewhere"))
    found = judge(beyond)
    if beyond.value is None or found.outcome == BETTER:
        return ""
    how = "is less than" if found.told_apart else f"is {NOT_TOLD_APART} from"
    return (
        f"The probability that covering the lesion costs the true class {how} what covering as much of the head "
        f"elsewhere costs ({signed(beyond)}{reason(found)}): the answers may not rest on the lesion."
    )


def _figures(explanations: Mapping[str, Any], folder: Path) -> list[dict[str, str]]:
    drawn = (
        ("randomisation", randomisation_curve, "weight_randomisation",
         "Similarity of maps while weights are randomised", "A map that stays as it was shows nothing learned."),
        ("localisation", localisation_scores, "localisation", "Scores of maps against lesions",
         "Grey: maps that do not depend on the model."),
        ("masking", masking_drops, "masking", "Drop of probability when a part is covered", ""),
    )  # fmt: skip
    figures = []
    for key, plot, name, alt, caption in drawn:
        if explanations.get(key) and any(row.get("images", 1) for row in explanations[key]):
            figures.append(
                keep_figure(plot(as_table(explanations[key])), folder / f"{name}.png", alt=alt, caption=caption)
            )
    return figures


def _randomisation_sentences(explanations: Mapping[str, Any]) -> list[str]:
    rows = explanations.get("randomisation") or []
    steps = [row for row in rows if row["step"] not in ("original", "another image")]
    other = next((row for row in rows if row["step"] == "another image"), None)
    if not steps:
        return []
    if not steps[-1]["images"]:
        return [
            f"The maps of {explanations['method']} are the same everywhere, so nothing can be said of them: its layer "
            "has one cell at this image size."
        ]
    text = (
        f"With all weights random, the maps of {explanations['method']} have a rank correlation of "
        f"{plain_text(steps[-1]['spearman'])} with those of the trained network"
    )
    if other is None:
        return [f"{text}."]
    return [f"{text}; those of two different images have {plain_text(other['spearman'])}: {_change(steps[-1], other)}."]


def _change(random: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Says how far maps have gone from the trained network's; `other` is how far apart unrelated maps are."""
    left, unrelated = as_score(random["spearman"]), as_score(other["spearman"])
    lowest = left.value if left.low is None else left.low
    highest = unrelated.value if unrelated.high is None else unrelated.high
    if left.value <= unrelated.value or lowest <= highest:
        return "they change"
    if left.value >= UNCHANGED:
        return "they hardly change"
    return "they change, but not altogether: a part of them shows the image and nothing that was learned"


def _localisation_sentences(explanations: Mapping[str, Any]) -> list[str]:
    rows = {row["method"]: row for row in explanations.get("localisation") or []}
    methods = [row for row in rows.values() if not row["reference"]]
    if not methods:
        return []
    return [_references(rows), *(_localisation(row, _place(row)) for row in methods)]


def _references(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Says on what the maps were scored, and what maps have that do not depend on the model."""
    row = next(iter(rows.values()))
    known = f"as {'boxes' if row.get('boxes') == row.get('images') else 'masks or boxes'}" if row.get("boxes") else ""
    text = (
        f"Lesions are known{' ' + known if known else ''} for {counted(row['images'], 'image')} of "
        f"{counted(row['groups'], 'group')}; they are {number(row['area_share'], 3)} of the picture"
    )
    others = [f"{_REFERENCES[name]} {score_text(rows[name]['energy'])}" for name in _REFERENCES if name in rows]
    return f"{text}. Energy there without any knowledge of the model: {', '.join(others)}."


def _localisation(row: Mapping[str, Any], place: str) -> str:
    return (
        f"{row['method']}: {score_text(row['energy'])} of the map lies {place}: {_beside_chance(row)}. Its peak lies "
        f"there in {score_text(row['pointing'])} of the images; by guessing {number(row['pointing_by_chance'], 3)}."
        f"{_right(row)}"
    )


def _place(row: Mapping[str, Any]) -> str:
    boxes = row.get("boxes") or 0
    if not boxes:
        return "on the lesion"
    return "in the lesion's box" if boxes == row["images"] else "on the lesion or in its box"


def _right(row: Mapping[str, Any]) -> str:
    """Says what the rightly predicted images have where they are not all; nothing for runs that were checked before."""
    right = row.get("correct")
    if not right or right == row["images"]:
        return ""
    return (
        f" Of the {counted(right, 'image')} that the model predicts correctly: {score_text(row['energy_correct'])} and "
        f"{score_text(row['pointing_correct'])}."
    )


def _beside_chance(row: Mapping[str, Any]) -> str:
    """Says how much of a map lies on the lesion: beside a random map, the lesion's share of the picture, the head."""
    gain, energy = judge(as_score(row["energy_gain"])), judge(as_score(row["energy"]), against=row["area_share"])
    if gain.outcome != BETTER:
        return _beside(gain, "a random map")
    if energy.outcome != BETTER:
        return f"more than a random map, but {_beside(energy, 'the share of the lesion in the picture')}"
    beyond = as_score(row.get("energy_beyond_head"))  # lesions lie nowhere but in the head
    if beyond.value is None:
        return "more than a random map"
    head = judge(beyond)
    if head.outcome == BETTER:
        return "more than a random map, and more than a map of the head alone"
    other = f"more than a random map, but {_beside(head, 'a map of the head alone')}"
    return other if head.told_apart else f"{other}: it may find no more than the head"


def _beside(found: Judgement, other: str) -> str:
    """Says that a map is less than another, or not told apart from it."""
    return f"less than {other}" if found.told_apart else f"{NOT_TOLD_APART} from {other}{reason(found)}"


def _masking_sentences(explanations: Mapping[str, Any]) -> list[str]:
    rows = {row["masked"]: row for row in explanations.get("masking") or []}
    found = [f"{name} {signed(rows[key]['drop'])}" for key, name in _MASKED.items() if key in rows]
    return [f"Probability that the true class loses when a part is covered: {'; '.join(found)}."] if found else []
