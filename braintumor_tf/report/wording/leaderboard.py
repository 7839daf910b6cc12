"""The rows of a comparison's leaderboard as text: names, scores, differences and costs."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.evaluation.comparison.leaderboard import BASELINE, JUDGEMENT, SCORES
from braintumor_tf.evaluation.scores.judgement import NOT_TOLD_APART, Judgement, judge_row
from braintumor_tf.report.wording.metrics import baseline_title
from braintumor_tf.report.wording.numbers import plain_text, score_text
from braintumor_tf.types import Score

TITLES = {
    "macro_f1": "Macro-F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "tumour_sensitivity": "Tumour sensitivity",
    "tumour_specificity": "Tumour specificity",
    "twins_accuracy": "Accuracy on near-duplicates",
    "clean_accuracy": "Accuracy on the rest",
}
"""The scores of a leaderboard and their names for people."""

_COSTS = {
    "parameters": ("Parameters", lambda value: f"{value:,.0f}"),
    "bytes": ("On disk", lambda value: f"{value / 1e6:,.2f} MB"),
    "train_seconds": ("Training", lambda value: f"{value:,.0f} s" if value >= 10 else f"{value:.1f} s"),
    "milliseconds_per_image": ("Predicting", lambda value: f"{value:,.2f} ms an image"),
}


def score_columns(table: pd.DataFrame) -> list[str]:
    """Returns the scores that a leaderboard shows.

    Those are the scores that a row has; where no test image has a near-duplicate in training, the rest is all there
    is, and stands only once.
    """
    there = [name for name in SCORES if table[name].notna().any()]
    return [name for name in there if name != "clean_accuracy" or "twins_accuracy" in there]


def row_title(row: pd.Series) -> str:
    """Returns the name of a row for people."""
    return baseline_title(row["name"]) if row["kind"] == BASELINE else row["name"]


def row_score(row: pd.Series, name: str) -> Score:
    """Returns a score, difference or anything else of a row that has columns ``<name>``, ``_low`` and ``_high``."""
    return Score(*(None if pd.isna(value) else float(value) for value in row[[name, f"{name}_low", f"{name}_high"]]))


def row_score_text(row: pd.Series, name: str, digits: int = 3) -> str:
    """Writes a score of a row with its interval, such as ``0.912 (0.871–0.940)``."""
    return score_text(row_score(row, name), digits)


def difference(row: pd.Series) -> str:
    """Writes what the leader has more than a run or a baseline, with its paired interval where there is one."""
    return plain_text(row_score(row, "lead"), "+")


def not_told_apart(runs: pd.DataFrame) -> pd.Series:
    """Returns for each run of a leaderboard whether it is the leader or not told apart from it."""
    leads = pd.Series(range(len(runs)), index=runs.index) == 0
    return leads | (runs[JUDGEMENT] == NOT_TOLD_APART)


def lead_judgement(row: pd.Series) -> Judgement:
    """Returns what the leader's lead over the run or baseline of a row comes to, and what that rests on."""
    return judge_row(row, "lead")


def cost_texts(row: pd.Series) -> dict[str, str]:
    """Writes the costs of a row for people; an en dash stands for what is not known."""
    return {title: "–" if pd.isna(row[name]) else form(row[name]) for name, (title, form) in _COSTS.items()}
