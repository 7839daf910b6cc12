"""From the folds of a cross-validation to one table of predictions, and to the spread of the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.runs import Run

FOLD_SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "tumour_sensitivity", "tumour_specificity")
"""The scores of each fold that ``metrics.json`` repeats, with their mean and standard deviation."""


def pool(tables: Sequence[pd.DataFrame], manifest: pd.DataFrame) -> pd.DataFrame:
    """Puts the test predictions of all folds together.

    Args:
        tables: the predictions of each fold, in order.
        manifest: the images of all folds.

    Returns:
        One row an image in the manifest's order, with the further column `fold`.

    Raises:
        EvaluationError: an image is in the test set of no fold or of several.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a.png", "b.png"]})
        >>> tables = [pd.DataFrame({"path": [path], "split": "test"}) for path in ("b.png", "a.png")]
        >>> pool(tables, manifest)[["path", "fold"]].to_numpy().tolist()
        [['a.png', 1], ['b.png', 0]]
    """
    tests = [table[table["split"] == "test"].assign(fold=fold) for fold, table in enumerate(tables)]
    pooled = pd.concat(tests, ignore_index=True)
    if sorted(pooled["path"]) != sorted(manifest["path"]):
        counts = pooled["path"].value_counts().reindex(manifest["path"].unique(), fill_value=0)
        wrong = counts[counts != 1]
        found = f"{wrong.index[0]} is tested {wrong.iloc[0]} times" if len(wrong) else "there are images of other data"
        raise EvaluationError(f"the folds do not test every image once: {found}; run all folds of the same split")
    place = {path: number for number, path in enumerate(manifest["path"])}
    return pooled.sort_values("path", key=lambda paths: paths.map(place), kind="stable", ignore_index=True)


def fold_scores(runs: Sequence[Run]) -> dict[str, Any]:
    """Returns the scores of each fold, and their mean and standard deviation over the folds.

    Args:
        runs: the finished runs of the folds.

    Returns:
        ``runs``, a list with name, images, groups and the scores of `FOLD_SCORES` of each fold; ``mean`` and
        ``standard_deviation`` (of a sample, divided by the number of folds less one), None for what is not defined in
        every fold.
    """
    found = [run.metrics for run in runs]
    rows = [
        {"run": run.name, **{key: metrics[key] for key in ("images", "groups", *FOLD_SCORES)}}
        for run, metrics in zip(runs, found)
    ]
    values = {name: [row[name]["value"] for row in rows] for name in FOLD_SCORES}
    defined = {name: None not in each for name, each in values.items()}
    return {
        "runs": rows,
        "mean": {name: float(np.mean(each)) if defined[name] else None for name, each in values.items()},
        "standard_deviation": {
            name: float(np.std(each, ddof=1)) if defined[name] else None for name, each in values.items()
        },
    }


def pool_each(fitted: Sequence[Mapping[str, pd.DataFrame]], manifest: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Pools the test predictions of each shortcut baseline over the folds it was fitted in."""
    return {name: pool([tables[name] for tables in fitted], manifest) for name in fitted[0]}
