"""The report's section on whether explanations can be believed: what the checks of heat maps found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from braintumor_tf.explanation.checks.results import as_table
from braintumor_tf.report.plots.explanation.checks import localisation_scores, masking_drops, randomisation_curve
from braintumor_tf.report.sections.covered_parts import outside_sentence
from braintumor_tf.report.sections.embedding import keep_figure
from braintumor_tf.report.wording.numbers import as_score, number, plain_text, score_text, signed

UNCHANGED = 0.9
"""Maps of a random network that correlate as much with the trained network's show nothing that was learned."""

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
    if beyond.value is None or (beyond.value if beyond.low is None else beyond.low) > 0:
        return ""
    return (
        "Covering the lesion costs the true class no more probability than covering as much of the head elsewhere "
        f"({signed(beyond)}): the answers may not rest on the lesion."
    )


def _figures(explanations: Mapping[str, Any], folder: Path) -> list[dict[str, str]]:
    drawn = (
        ("randomisation", randomisation_curve, "weight_randomisation",
         "Similarity of maps while weights are randomised", "A map that stays as it was shows nothing learned."),
        ("localisation", localisation_scores, "localisation", "Scores of maps against lesion masks",
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
    sentences = []
    for row in explanations.get("localisation") or []:
        if row["reference"]:
            continue
        gain, energy = as_score(row["energy_gain"]), as_score(row["energy"])
        verdict = "no better than a random map"
        if gain.low is not None and gain.low > 0 and energy.low > row["area_share"]:
            verdict = f"more than a random map{_beside_the_head(row)}"
        elif gain.high is not None and gain.high < 0:
            verdict = "less than a random map"
        sentences.append(
            f"{row['method']}: {score_text(row['energy'])} of the map lies on the lesion, whose share of the picture "
            f"is {number(row['area_share'], 3)}: {verdict}."
        )
    return sentences


def _beside_the_head(row: Mapping[str, Any]) -> str:
    """Says whether a map that beats a random one does more than find the head; lesions lie nowhere else."""
    beyond = as_score(row.get("energy_beyond_head"))
    if beyond.low is None:
        return ""
    if beyond.low > 0:
        return ", and more than a map of the head alone"
    return ", but no more than a map of the head alone: it may find no more than the head"


def _masking_sentences(explanations: Mapping[str, Any]) -> list[str]:
    rows = {row["masked"]: row for row in explanations.get("masking") or []}
    found = [f"{name} {signed(rows[key]['drop'])}" for key, name in _MASKED.items() if key in rows]
    return [f"Probability that the true class loses when a part is covered: {'; '.join(found)}."] if found else []
