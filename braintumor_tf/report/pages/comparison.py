"""A comparison of runs as files: two tables, a figure, and one HTML page that opens offline."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.evaluation.comparison.compare_runs import Comparison
from braintumor_tf.evaluation.comparison.leaderboard import BASELINE, JUDGEMENT, RUN
from braintumor_tf.files import write_csv, write_text
from braintumor_tf.report.plots.comparison import leaderboard
from braintumor_tf.report.rendering import render
from braintumor_tf.report.sections.comparison import comparison_verdict
from braintumor_tf.report.sections.embedding import keep_figure
from braintumor_tf.report.wording.leaderboard import (
    TITLES,
    cost_texts,
    not_told_apart,
    row_score,
    row_title,
    score_columns,
)
from braintumor_tf.report.wording.numbers import cell, difference_cell, number
from braintumor_tf.types import Score


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
    figure = keep_figure(
        leaderboard(comparison.leaderboard),
        folder / "leaderboard.png",
        alt="Macro-F1 of each run and baseline with its interval",
        caption="Filled: the highest, and all that are not told apart from it. The band is its interval.",
    )
    return write_text(folder / "comparison.html", render("comparison.html", figure=figure, **_context(comparison)))


def _context(comparison: Comparison) -> dict[str, Any]:
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
        "columns": [TITLES[name] for name in columns],
        "rows": [_row(table.loc[place], columns, bool(close.get(place, False))) for place in table.index],
        "pairs": [_pair(row) for _, row in comparison.pairs.iterrows()],
        "resamples": f"{comparison.resamples:,}",
        "costs": costs,
        "cost_columns": list(costs[0][1]) if costs else [],
        "timed": timed,
    }


def _row(row: pd.Series, columns: list[str], close: bool) -> dict[str, Any]:
    note = {RUN: "", BASELINE: "shortcut baseline"}.get(
        row["kind"], f"seeds {row['seed']}; in brackets for new seeds and groups"
    )
    scores = [cell(row_score(row, name)) for name in columns]
    rank = "" if pd.isna(row["rank"]) else f"{row['rank']:.0f}"
    lead = difference_cell(row_score(row, "lead"))
    judgement = "" if pd.isna(row[JUDGEMENT]) else row[JUDGEMENT]
    found = {"title": row_title(row), "note": note, "rank": rank, "scores": scores}
    return {**found, "lead": lead, "judgement": judgement, "close": close}


def _pair(row: pd.Series) -> dict[str, str]:
    found = {"first": row["first"], "second": row["second"]}
    for name in ("macro_f1", "accuracy"):
        ends = (row[f"{name}_{part}"] for part in ("difference", "low", "high"))
        found[name] = difference_cell(Score(*(None if pd.isna(end) else end for end in ends)))
    for name in ("macro_f1_p", "macro_f1_p_holm", "mcnemar_p", "mcnemar_p_holm"):
        found[name] = number(row[name])
    found["judgement"] = row["macro_f1_judgement"]
    return found | {"only": f"{row['only_first']} : {row['only_second']}"}
