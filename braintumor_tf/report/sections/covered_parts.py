"""What is left of a score with parts of the picture covered: the last part of the shortcut audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from braintumor_tf.evaluation.scores.judgement import BETTER, NOT_TOLD_APART, WORSE, judge
from braintumor_tf.explanation.checks.outside_head import BACKGROUND, OUTLINE, WHOLE, WITHOUT_BACKGROUND, WITHOUT_BORDER
from braintumor_tf.report.wording.judgements import reason
from braintumor_tf.report.wording.numbers import as_score, cell, difference_cell, number, score_text, signed

NOTICEABLE = 0.1
"""A part of the score at least as large that comes from outside the head is a reason to doubt it."""

_COVERED = {WITHOUT_BORDER: "the border strip", WITHOUT_BACKGROUND: "everything but the head"}
_LEFT = {BACKGROUND: "the head blackened", OUTLINE: "the head filled with one grey"}


def covered_rows(explanations: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Returns a row for each way in which the test images were covered, with the scores that were left."""
    shown = (explanations or {}).get("shown") or {}
    return [
        {
            "title": row["shown"],
            "note": shown.get(row["shown"], ""),
            "accuracy": cell(row["accuracy"]),
            "balanced_accuracy": cell(row["balanced_accuracy"]),
            "change": difference_cell(row["change"]),
        }
        for row in _rows(explanations).values()
    ]


def covered_sentences(explanations: Mapping[str, Any] | None) -> list[str]:
    """Says what is left of the score where border, background or head are covered; empty for an unchecked run."""
    rows = _rows(explanations)
    changes = [_change(rows[key], name) for key, name in _COVERED.items() if key in rows]
    return [text for text in (*changes, *(_left(rows[key], _LEFT[key]) for key in _LEFT if key in rows)) if text]


def outside_sentence(explanations: Mapping[str, Any]) -> str:
    """Says in one line what balanced accuracy is left where only the background or the outline is shown."""
    rows = _rows(explanations)
    found = [f"{name} {score_text(rows[name]['balanced_accuracy'])}" for name in (WHOLE, *_LEFT) if name in rows]
    constant = number(next(iter(rows.values()))["constant"], 2)
    return f"Balanced accuracy: {', '.join(found)}; a constant answer has {constant}."


def outside_warning(explanations: Mapping[str, Any] | None) -> str:
    """Returns the reason to doubt a run whose score comes noticeably from outside the head; empty without one."""
    for name, row in _rows(explanations).items():
        share = as_score(row.get("share"))
        if name in _LEFT and judge(share).outcome == BETTER and share.value >= NOTICEABLE:
            return (
                f"With {_LEFT[name]} the model still has a balanced accuracy of "
                f"{score_text(row['balanced_accuracy'])}; a constant answer has {number(row['constant'], 2)}. "
                f"{100 * share.value:.0f} % of what it is better by needs nothing inside the head."
            )
    return ""


def _rows(explanations: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    return {row["shown"]: row for row in (explanations or {}).get("outside") or []}


def _change(row: Mapping[str, Any], name: str) -> str:
    change = as_score(row.get("change"))
    if change.value is None:
        return ""
    if change.value == change.low == change.high == 0:
        return f"With {name} blackened every answer is as right or wrong as before."
    found = judge(change)
    meaning = {BETTER: "the model does better without", WORSE: "the model uses it"}.get(
        found.outcome, f"{NOT_TOLD_APART} from no change{reason(found)}"
    )
    return f"With {name} blackened accuracy changes by {signed(change, 2)}: {meaning}."


def _left(row: Mapping[str, Any], name: str) -> str:
    kept, share = as_score(row["balanced_accuracy"]), as_score(row.get("share"))
    if kept.value is None:
        return ""
    found = judge(share)
    meaning = {WORSE: "less than that"}.get(found.outcome, f"{NOT_TOLD_APART} from it{reason(found)}")
    if found.outcome == BETTER:
        meaning = f"{100 * share.value:.0f} % of what the model is better by needs nothing inside the head"
    return (
        f"With {name} balanced accuracy is {score_text(kept, 2)}, that of a constant answer "
        f"{number(row['constant'], 2)}: {meaning}."
    )
