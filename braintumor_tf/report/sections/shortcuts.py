"""The report's shortcut audit: dumb baselines, twins, and parts of the picture covered, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.explanation.checks.trust import as_table
from braintumor_tf.report.pages.embedding import keep_figure
from braintumor_tf.report.plots.explanation import trust as trust_plots
from braintumor_tf.report.sections.shortcut_sentences import shortcut_sentences
from braintumor_tf.report.sections.tables import baseline_rows, cell, difference_cell, twin_rows
from braintumor_tf.report.wording.numbers import as_score


def shortcut_section(
    metrics: Mapping[str, Any], twins: pd.Series, explanations: Mapping[str, Any] | None, folder: Path
) -> dict[str, Any]:
    """Puts together what the page shows of every shortcut that was tried, and saves its figure.

    Args:
        metrics: as in ``metrics.json``.
        twins: whether each test image has a training twin (`selection.twin_mask`).
        explanations: as `explain.check_explanations` returns them; None for a run that was not checked.
        folder: where the figure is saved as PNG.

    Returns:
        ``sentences``; ``baselines``, ``twins`` and ``covered``, rows of text; and ``figure`` of the last, or None.
    """
    covered, figure = (explanations or {}).get("outside") or [], None
    if covered:
        drawn = trust_plots.outside_scores(as_table(covered))
        figure = keep_figure(drawn, folder / "outside_head.png", "Balanced accuracy with parts covered")
    return {
        "sentences": shortcut_sentences(metrics, int(twins.sum()), len(twins), explanations),
        "baselines": baseline_rows(metrics),
        "twins": twin_rows(metrics, twins),
        "covered": covered_rows(explanations),
        "figure": figure,
    }


def covered_rows(explanations: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """One row for each way in which the test images were covered, with the scores that were left."""
    shown = (explanations or {}).get("shown") or {}
    return [
        {
            "title": row["shown"],
            "note": shown.get(row["shown"], ""),
            "accuracy": cell(as_score(row["accuracy"])),
            "balanced_accuracy": cell(as_score(row["balanced_accuracy"])),
            "change": difference_cell(as_score(row["change"])),
        }
        for row in (explanations or {}).get("outside") or []
    ]
