"""Predictions of a k-fold run: each image by the model of the fold that had not seen it, pooled into one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.prediction.predict import predict_manifest
from braintumor_tf.runs import Run


def has_folds(config: Mapping[str, Any]) -> bool:
    """Returns whether a configuration is that of a k-fold run as a whole, not of one of its folds.

    Example:
        >>> has_folds({"folds": 5}), has_folds({"folds": 5, "fold": 0}), has_folds({})
        (True, False, False)
    """
    return "folds" in config and "fold" not in config


def folds_of(run: Run) -> list[Run]:
    """Returns the runs of the folds of a k-fold run, in order."""
    return [Run.of(run.path / f"fold_{fold}") for fold in range(run.config["folds"])]


def predict_folds(run: Run, *, views: int | None = None, show_progress: bool = True) -> pd.DataFrame:
    """Predicts every image of a k-fold run anew by the model of the fold that had not seen it.

    Args:
        run: a finished k-fold run.
        views: as for `predict_manifest`.
        show_progress: whether to show bars.

    Returns:
        The pooled predictions, as in the run's ``predictions.csv``.
    """
    tables = [
        predict_manifest(fold, fold.manifest, splits=("test",), views=views, show_progress=show_progress)
        for fold in folds_of(run)
    ]
    return pool_predictions(tables, run.manifest)


def pool_predictions(tables: Sequence[pd.DataFrame], manifest: pd.DataFrame) -> pd.DataFrame:
    """Puts the test predictions of all folds together.

    Args:
        tables: the predictions of each fold, in order.
        manifest: the images of all folds; where it has splits, only those of ``test`` are asked for.

    Returns:
        One row an image in the manifest's order, with the further column `fold`.

    Raises:
        EvaluationError: an image is in the test set of no fold or of several.

    Example:
        >>> rows = pd.DataFrame({"path": ["a.png", "b.png"]})
        >>> second, first = (rows[rows["path"] == path].assign(split="test") for path in ("b.png", "a.png"))
        >>> pool_predictions([second, first], rows)["fold"].tolist()
        [1, 0]
    """
    manifest = manifest[manifest["split"] == "test"] if "split" in manifest else manifest
    tests = [table[table["split"] == "test"].assign(fold=fold) for fold, table in enumerate(tables)]
    pooled = pd.concat(tests, ignore_index=True)
    if sorted(pooled["path"]) != sorted(manifest["path"]):
        counts = pooled["path"].value_counts().reindex(manifest["path"].unique(), fill_value=0)
        wrong = counts[counts != 1]
        found = f"{wrong.index[0]} is tested {wrong.iloc[0]} times" if len(wrong) else "there are images of other data"
        raise EvaluationError(f"the folds do not test every image once: {found}; run all folds of the same split")
    place = {path: number for number, path in enumerate(manifest["path"])}
    return pooled.sort_values("path", key=lambda paths: paths.map(place), kind="stable", ignore_index=True)
