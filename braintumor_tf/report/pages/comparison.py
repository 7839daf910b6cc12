"""A comparison of runs as files: two tables, a figure, and one HTML page that opens offline."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.evaluation.comparison.compare_runs import Comparison
from braintumor_tf.evaluation.comparison.leaderboard import BASELINE, RUN, SCORES
from braintumor_tf.files import write_csv, write_text
from braintumor_tf.report.pages.embedding import embed_file, render
from braintumor_tf.report.plots.comparison import leaderboard
from braintumor_tf.report.plots.style import save_figure
from braintumor_tf.report.wording.comparison_sentences import (
    comparison_verdict,
    difference,
    not_told_apart,
    with_interval,
)
from braintumor_tf.report.wording.numbers import baseline_title, number, plain

TITLES = {
    "macro_f1": "Macro-F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "tumour_sensitivity": "Tumour sensitivity",
    "tumour_specificity": "Tumour specificity",
    "twins_accuracy": "Accuracy on twins",
    "clean_accuracy": "Accuracy on the rest",
}
"""The scores of a leaderboard and their names for people."""


def write_comparison(comparison: Comparison, folder: str | Path) -> Path:
    """Writes ``summary.csv``, ``pairs.csv``, ``leaderboard.png`` and ``comparison.html``, each atomically.

    Args:
        comparison: as `braintumor_tf.evaluation.compare` returns it.
        folder: where to; it is made if need be, and files of an earlier comparison in it are replaced.

    Returns:
        The path of the page, which is one file and loads nothing.
    """
    folder = Path(folder)
    write_csv(folder / "summary.csv", comparison.leaderboard)
    write_csv(folder / "pairs.csv", comparison.pairs)
    picture = save_figure(leaderboard(comparison.leaderboard), folder / "leaderboard.png")
    return write_text(folder / "comparison.html", render("comparison.html", **_context(comparison, picture)))


def score_columns(table: pd.DataFrame) -> list[str]:
    """Returns the scores that a leaderboard shows: those that a row has; without twins the rest is all there is."""
    there = [name for name in SCORES if table[name].notna().any()]
    return [name for name in there if name != "clean_accuracy" or "twins_accuracy" in there]


def cost_texts(row: pd.Series) -> dict[str, str]:
    """Writes the costs of a row for people; an en dash stands for what is not known."""
    forms = {
        "parameters": ("Parameters", lambda value: f"{value:,.0f}"),
        "bytes": ("On disk", lambda value: f"{value / 1e6:,.2f} MB"),
        "train_seconds": ("Training", lambda value: f"{value:,.0f} s" if value >= 10 else f"{value:.1f} s"),
        "milliseconds_per_image": ("Predicting", lambda value: f"{value:,.2f} ms an image"),
    }
    return {title: "–" if pd.isna(row[name]) else form(row[name]) for name, (title, form) in forms.items()}


def row_title(row: pd.Series) -> str:
    """The name of a leaderboard's row for people."""
    return baseline_title(row["name"]) if row["kind"] == BASELINE else row["name"]


def _context(comparison: Comparison, picture: Path) -> dict[str, Any]:
    table = comparison.leaderboard
    runs = table[table["kind"] == RUN]
    close = not_told_apart(runs)
    columns = score_columns(table)
    timed = table["milliseconds_per_image"].notna().any()
    costs = [(row_title(row), cost_texts(row)) for _, row in table[table["parameters"].notna()].iterrows()]
    return {
        "made": datetime.date.today().isoformat(),
        "title": f"{len(runs)} runs compared",
        "subtitle": f"{comparison.images:,} test images of the classes {', '.join(comparison.classes)}",
        "verdict": comparison_verdict(comparison),
        "figure": {
            "source": embed_file(picture),
            "alt": "Macro-F1 of each run and baseline with its interval",
            "caption": "Filled: the highest, and all that cannot be told from it. The band is its interval.",
        },
        "columns": [TITLES[name] for name in columns],
        "rows": [_row(table.loc[place], columns, bool(close.get(place, False))) for place in table.index],
        "pairs": [_pair(row) for _, row in comparison.pairs.iterrows()],
        "resamples": f"{comparison.resamples:,}",
        "costs": costs,
        "cost_columns": list(costs[0][1]) if costs else [],
        "timed": timed,
    }


def _row(row: pd.Series, columns: list[str], close: bool) -> dict[str, Any]:
    note = {RUN: "", BASELINE: "dumb baseline"}.get(row["kind"], f"seeds {row['seed']}; least and largest in brackets")
    scores = []
    for name in columns:
        value, _, within = with_interval(row, name).partition(" ")
        scores.append({"value": value, "interval": within.strip("()")})
    rank = "" if pd.isna(row["rank"]) else f"{row['rank']:.0f}"
    value, _, within = difference(row).partition(" ")
    lead = {"value": value, "interval": within.strip("()")}
    return {"title": row_title(row), "note": note, "rank": rank, "scores": scores, "lead": lead, "close": close}


def _pair(row: pd.Series) -> dict[str, str]:
    found = {"first": row["first"], "second": row["second"]}
    for name in ("macro_f1", "accuracy"):
        ends = [plain(row[f"{name}_{end}"], "+") for end in ("low", "high") if pd.notna(row[f"{name}_{end}"])]
        found[name] = {"value": plain(row[f"{name}_difference"], "+"), "interval": " to ".join(ends)}
    for name in ("macro_f1_p", "macro_f1_p_holm", "mcnemar_p", "mcnemar_p_holm"):
        found[name] = number(row[name])
    return found | {"only": f"{row['only_first']} : {row['only_second']}"}
