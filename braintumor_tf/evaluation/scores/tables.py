"""Tables made from scores and predictions, for people and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.scores.evaluation_table import error_kinds
from braintumor_tf.predictions_table import PREDICTED, class_numbers, classes_in, probabilities_of
from braintumor_tf.types import Score


def summary_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Returns every score of a metrics dictionary as one row (``metrics_summary.csv``).

    Args:
        metrics: as ``metrics.json`` holds them, which `SplitScores.to_dict` returns.

    Returns:
        Columns `score` (keys joined by dots, such as ``classes.glioma.recall``), `value`, `low`, `high`; empty where
        undefined. A baseline's accuracy is ``baselines.<name>.accuracy``.

    Example:
        >>> summary_table({"images": 3, "accuracy": {"value": 0.9, "low": 0.8, "high": 1.0}}).to_numpy().tolist()
        [['accuracy', 0.9, 0.8, 1.0]]
    """
    rows = [{"score": name, **Score.from_dict(found).to_dict()} for name, found in _scores(metrics, "")]
    return pd.DataFrame(rows, columns=["score", "value", "low", "high"]).astype(
        dict.fromkeys(("value", "low", "high"), float)
    )


def error_table(predictions: pd.DataFrame, *, split: str = "test") -> pd.DataFrame:
    """Returns the wrong predictions, the most confident first (``error_analysis.csv``).

    Args:
        predictions: a predictions table.
        split: which split to look at.

    Returns:
        Columns `path`, `label`, `predicted`, `error` (``missed tumour``, ``false alarm`` or ``wrong type``),
        `confidence` (the probability of the predicted class), `p_label` (that of the true one), `group`.

    Example:
        >>> rows = pd.DataFrame({"path": ["a.png"], "label": ["tumor"], "split": ["test"], "group": ["a"]})
        >>> found = error_table(rows.assign(predicted="no_tumor", p_no_tumor=0.9, p_tumor=0.1))
        >>> found[["error", "confidence"]].to_numpy().tolist()
        [['missed tumour', 0.9]]
    """
    rows = predictions[predictions["split"] == split]
    rows = rows[rows["label"] != rows[PREDICTED]]
    table = pd.DataFrame(
        {
            "path": rows["path"],
            "label": rows["label"],
            "predicted": rows[PREDICTED],
            "error": error_kinds(rows),
            "confidence": _probability(rows, PREDICTED),
            "p_label": _probability(rows, "label"),
            "group": rows["group"],
        }
    )
    return table.sort_values("confidence", ascending=False, kind="stable").reset_index(drop=True)


def _probability(rows: pd.DataFrame, column: str) -> pd.Series:
    """Returns the probability of the class that a column names in each row."""
    classes = classes_in(rows)
    found = probabilities_of(rows, classes)[np.arange(len(rows)), class_numbers(rows[column], classes)]
    return pd.Series(found, index=rows.index)


def _scores(found: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in found.items():
        if not isinstance(entry, Mapping):
            continue
        if {"value", "low", "high"} <= set(entry):
            yield f"{prefix}{name}.accuracy" if prefix == "baselines." else f"{prefix}{name}", entry
        yield from _scores(entry, f"{prefix}{name}.")
