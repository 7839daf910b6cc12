"""Tables made from scores and predictions, for people and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from braintumor_tf.evaluation.scores.evaluation_table import error_kinds


def summary_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Returns every score of a metrics dictionary as one row (``metrics_summary.csv``).

    Args:
        metrics: as `evaluate` returns them, or as read from ``metrics.json``.

    Returns:
        Columns `score` (keys joined by dots, such as ``classes.glioma.recall``), `value`, `low`, `high`; empty where
        undefined. A baseline's accuracy is ``baselines.<name>.accuracy``.
    """
    rows = [
        {"score": name, **{key: found[key] for key in ("value", "low", "high")}} for name, found in _scores(metrics, "")
    ]
    return pd.DataFrame(rows, columns=["score", "value", "low", "high"]).astype(
        dict.fromkeys(("value", "low", "high"), float)
    )


def error_table(predictions: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Returns the wrong predictions, the surest first (``error_analysis.csv``).

    Args:
        predictions: a predictions table.
        split: which split to look at.

    Returns:
        Columns `path`, `label`, `predicted`, `error` (``missed tumour``, ``false alarm`` or ``wrong type``),
        `confidence` (the probability of the predicted class), `p_label` (that of the true one), `group`.
    """
    rows = predictions[predictions["split"] == split]
    rows = rows[rows["label"] != rows["predicted"]]
    table = pd.DataFrame(
        {
            "path": rows["path"],
            "label": rows["label"],
            "predicted": rows["predicted"],
            "error": error_kinds(rows),
            "confidence": _probability(rows, "predicted"),
            "p_label": _probability(rows, "label"),
            "group": rows["group"],
        }
    )
    return table.sort_values("confidence", ascending=False, kind="stable").reset_index(drop=True)


def _probability(rows: pd.DataFrame, column: str) -> pd.Series:
    found = [row[f"p_{row[column]}"] for row in rows.to_dict("records")]
    return pd.Series(found, index=rows.index, dtype=float)


def _scores(found: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in found.items():
        if not isinstance(entry, Mapping):
            continue
        if {"value", "low", "high"} <= set(entry):
            yield f"{prefix}{name}.accuracy" if prefix == "baselines." else f"{prefix}{name}", entry
        yield from _scores(entry, f"{prefix}{name}.")
