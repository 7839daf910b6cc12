"""What the folds of a cross-validation have in common: the spread of their scores, their pooled baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.prediction.fold_predictions import pool_predictions
from braintumor_tf.runs import Run

FOLD_SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "tumour_sensitivity", "tumour_specificity")
"""The scores of each fold that ``metrics.json`` repeats, with their mean and standard deviation."""


def fold_scores(runs: Sequence[Run]) -> dict[str, Any]:
    """Returns the scores of each fold, and their mean and standard deviation over the folds.

    Args:
        runs: the finished runs of the folds.

    Returns:
        ``runs``, a list with name, origin (where one was left out), images, groups and the scores of `FOLD_SCORES` of
        each fold; ``mean`` and ``standard_deviation`` (of a sample, divided by the number of folds less one), None for
        what is not defined in every fold, and the latter for a single fold.
    """
    found = [run.metrics for run in runs]
    rows = [
        {"run": run.name, **_origin(run), **{key: metrics[key] for key in ("images", "groups", *FOLD_SCORES)}}
        for run, metrics in zip(runs, found)
    ]
    values = {name: [row[name]["value"] for row in rows] for name in FOLD_SCORES}
    defined = {name: None not in each for name, each in values.items()}
    return {
        "runs": rows,
        "mean": {name: float(np.mean(each)) if defined[name] else None for name, each in values.items()},
        "standard_deviation": {
            name: float(np.std(each, ddof=1)) if defined[name] and len(each) > 1 else None
            for name, each in values.items()
        },
    }


def _origin(run: Run) -> dict[str, str]:
    config = run.config
    return {"origin": config["origin"]} if "origin" in config else {}


def pool_each(fitted: Sequence[Mapping[str, pd.DataFrame]], manifest: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Pools the test predictions of each shortcut baseline over the folds it was fitted in."""
    return {name: pool_predictions([tables[name] for tables in fitted], manifest) for name in fitted[0]}
