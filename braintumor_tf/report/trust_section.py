"""The report's section on whether a score comes from the head and whether explanations can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from braintumor_tf.explain.trust import as_table
from braintumor_tf.report import trust_plots
from braintumor_tf.report.pages import embed_file
from braintumor_tf.report.scores import interval, number
from braintumor_tf.report.style import save_figure
from braintumor_tf.report.trust_sentences import plain, trust_sentences


def trust_section(explanations: Mapping[str, Any] | None, folder: Path) -> dict[str, Any] | None:
    """Puts together what the page shows of ``explanations.json``, and saves its figures.

    Args:
        explanations: as `explain.check_explanations` returns them; None for a run that was not checked.
        folder: where the figures are saved as PNG.

    Returns:
        ``sentences``, ``outside`` (rows of text), and ``figures`` as the template takes them; None without checks.
    """
    if not explanations or not explanations.get("outside"):
        return None
    shown = explanations.get("shown") or {}
    rows = [
        {
            "title": row["shown"],
            "note": shown.get(row["shown"], ""),
            **{key: _cell(row[key]) for key in ("accuracy", "balanced_accuracy")},
            "change": _difference(row["change"]),
        }
        for row in explanations["outside"]
    ]
    return {"sentences": trust_sentences(explanations), "outside": rows, "figures": _figures(explanations, folder)}


def _figures(explanations: Mapping[str, Any], folder: Path) -> list[dict[str, str]]:
    drawn = (
        ("outside", trust_plots.outside_scores, "outside_head", "Balanced accuracy with parts covered", ""),
        ("randomisation", trust_plots.randomisation_curve, "weight_randomisation",
         "Similarity of maps while weights are randomised", "A map that stays as it was shows nothing learned."),
        ("localisation", trust_plots.localisation_scores, "localisation", "Scores of maps against lesion masks",
         "Grey: maps that know nothing of the model."),
        ("masking", trust_plots.masking_drops, "masking", "Drop of probability when a part is covered", ""),
    )  # fmt: skip
    figures = []
    for key, plot, name, alt, caption in drawn:
        if explanations.get(key):
            path = save_figure(plot(as_table(explanations[key])), folder / f"{name}.png")
            figures.append({"source": embed_file(path), "alt": alt, "caption": caption})
    return figures


def _cell(found: Mapping[str, float | None]) -> dict[str, str]:
    return {"value": number(found["value"]), "interval": interval(found)}


def _difference(found: Mapping[str, float | None]) -> dict[str, str]:
    within = "" if found["low"] is None else f"{plain(found['low'], '+')} to {plain(found['high'], '+')}"
    return {"value": plain(found["value"], "+"), "interval": within}
