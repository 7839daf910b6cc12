"""The report's section on whether explanations can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from braintumor_tf.explanation.checks.trust import as_table
from braintumor_tf.report.pages.embedding import keep_figure
from braintumor_tf.report.plots.explanation import trust as trust_plots
from braintumor_tf.report.sections.trust_sentences import map_sentences


def trust_section(explanations: Mapping[str, Any] | None, folder: Path) -> dict[str, Any] | None:
    """Puts together what the page shows of the checks of heat maps in ``explanations.json``, and saves its figures.

    Whether a score needs the head at all is the shortcut audit's (`shortcut_section`).

    Args:
        explanations: as `explain.check_explanations` returns them; None for a run that was not checked.
        folder: where the figures are saved as PNG.

    Returns:
        ``sentences``, and ``figures`` as the template takes them; None where there is nothing to say.
    """
    sentences = map_sentences(explanations) if explanations else []
    return {"sentences": sentences, "figures": _figures(explanations, folder)} if sentences else None


def _figures(explanations: Mapping[str, Any], folder: Path) -> list[dict[str, str]]:
    drawn = (
        ("randomisation", trust_plots.randomisation_curve, "weight_randomisation",
         "Similarity of maps while weights are randomised", "A map that stays as it was shows nothing learned."),
        ("localisation", trust_plots.localisation_scores, "localisation", "Scores of maps against lesion masks",
         "Grey: maps that know nothing of the model."),
        ("masking", trust_plots.masking_drops, "masking", "Drop of probability when a part is covered", ""),
    )  # fmt: skip
    figures = []
    for key, plot, name, alt, caption in drawn:
        if explanations.get(key) and any(row.get("images", 1) for row in explanations[key]):
            figures.append(keep_figure(plot(as_table(explanations[key])), folder / f"{name}.png", alt, caption))
    return figures
