"""What the checks of explanations come to, in plain sentences; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from braintumor_tf.report.wording.numbers import as_score, number, plain, signed

NOTICEABLE = 0.1
"""A part of the score at least as large that comes from outside the head is a reason to doubt it."""

UNCHANGED = 0.9
"""Maps of a random network that correlate as much with the trained network's show nothing that was learned."""

_ALONE = {"background alone": "the head blackened", "outline alone": "the head filled with one grey"}
_MASKED = {"lesion": "the lesion", "elsewhere": "as much of the head elsewhere", "border": "the border strip"}


def trust_sentences(explanations: Mapping[str, Any]) -> list[str]:
    """Says what each check found that was made.

    Args:
        explanations: as `explain.check_explanations` returns them.
    """
    return [*_outside_sentences(explanations), *map_sentences(explanations)]


def map_sentences(explanations: Mapping[str, Any]) -> list[str]:
    """Says what the checks of heat maps found: the sentences of `trust_sentences` but the one on covered heads."""
    return [
        *_randomisation_sentences(explanations),
        *_localisation_sentences(explanations),
        *_masking_sentences(explanations),
    ]


def outside_warning(explanations: Mapping[str, Any] | None) -> str:
    """Returns the reason to doubt a run whose score comes noticeably from outside the head; empty for none."""
    for row in (explanations or {}).get("outside", []):
        share = as_score(row.get("share"))
        if row["shown"] in _ALONE and (share["low"] or 0) > 0 and (share["value"] or 0) >= NOTICEABLE:
            return (
                f"With {_ALONE[row['shown']]} the model still has a balanced accuracy of "
                f"{_text(row['balanced_accuracy'])}, {number(row['constant'], 2)} being a constant answer: "
                f"{100 * share['value']:.0f} % of what it is better by needs nothing inside the head."
            )
    return ""


def masking_warning(explanations: Mapping[str, Any] | None) -> str:
    """Returns the reason to doubt a run whose answers do not depend on the lesion; empty for none."""
    rows = {row["masked"]: row for row in (explanations or {}).get("masking", [])}
    beyond = as_score(rows.get("lesion", {}).get("beyond_elsewhere"))
    if beyond["value"] is None or (beyond["low"] if beyond["low"] is not None else beyond["value"]) > 0:
        return ""
    return (
        "Covering the lesion costs the true class no more probability than covering as much of the head elsewhere "
        f"({signed(beyond)}): the answers may not rest on the lesion."
    )


def _outside_sentences(explanations: Mapping[str, Any]) -> list[str]:
    rows = {row["shown"]: row for row in explanations["outside"]}
    found = [f"{name} {_text(rows[name]['balanced_accuracy'])}" for name in ("whole image", *_ALONE) if name in rows]
    constant = number(explanations["outside"][0]["constant"], 2)
    return [f"Balanced accuracy: {', '.join(found)}; a constant answer has {constant}."]


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
        f"{_text(steps[-1]['spearman'])} with those of the trained network"
    )
    if other is None:
        return [f"{text}."]
    return [f"{text}; those of two different images have {_text(other['spearman'])}: {_change(steps[-1], other)}."]


def _change(random: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Says how far maps have gone from the trained network's; `other` is how far apart unrelated maps are."""
    left, unrelated = random["spearman"], other["spearman"]
    lowest = left["value"] if left["low"] is None else left["low"]
    highest = unrelated["value"] if unrelated["high"] is None else unrelated["high"]
    if left["value"] <= unrelated["value"] or lowest <= highest:
        return "they change"
    if left["value"] >= UNCHANGED:
        return "they hardly change"
    return "they change, but not altogether: a part of them shows the image and nothing that was learned"


def _localisation_sentences(explanations: Mapping[str, Any]) -> list[str]:
    sentences = []
    for row in explanations.get("localisation") or []:
        if row["reference"]:
            continue
        gain, energy = as_score(row["energy_gain"]), as_score(row["energy"])
        verdict = "no better than a random map"
        if gain["low"] is not None and gain["low"] > 0 and energy["low"] > row["area_share"]:
            verdict = f"more than a random map{_beside_the_head(row)}"
        elif gain["high"] is not None and gain["high"] < 0:
            verdict = "less than a random map"
        sentences.append(
            f"{row['method']}: {_text(row['energy'])} of the map lies on the lesion, whose share of the picture is "
            f"{number(row['area_share'], 3)}: {verdict}."
        )
    return sentences


def _beside_the_head(row: Mapping[str, Any]) -> str:
    """Says whether a map that beats a random one does more than find the head; lesions lie nowhere else."""
    beyond = as_score(row.get("energy_beyond_head"))
    if beyond["low"] is None:
        return ""
    if beyond["low"] > 0:
        return ", and more than a map of the head alone"
    return ", but no more than a map of the head alone: it may find no more than the head"


def _masking_sentences(explanations: Mapping[str, Any]) -> list[str]:
    rows = {row["masked"]: row for row in explanations.get("masking") or []}
    found = [f"{name} {signed(rows[key]['drop'])}" for key, name in _MASKED.items() if key in rows]
    return [f"Probability that the true class loses when a part is covered: {'; '.join(found)}."] if found else []


def _text(found: Mapping[str, float | None]) -> str:
    value = plain(found["value"])
    return f"{value} ({plain(found['low'])} to {plain(found['high'])})" if found["low"] is not None else value
