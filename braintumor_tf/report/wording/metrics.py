"""What ``metrics.json`` holds: reading it score by score, and how scores and baselines are called for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.evaluation.scores.judgement import Judgement, judge, unpaired_difference
from braintumor_tf.report.wording.numbers import as_score
from braintumor_tf.types import Score

BASELINE_TITLES = {
    "nearest_neighbour": "nearest neighbour on thumbnails",
    "pca_logistic_regression": "PCA + logistic regression",
    "border": "border strip alone",
    "metadata": "file metadata alone",
}
"""The shortcut baselines and their names for people."""

BASELINE_NOTES = {
    "nearest_neighbour": "takes the label of the most similar training picture, 32 × 32 pixels",
    "pca_logistic_regression": "a linear model of 64 × 64 pixels",
    "border": "sees a strip along the sides, where there is no brain",
    "metadata": "sees width, height, size and type of the file, not the picture",
}
"""What each shortcut baseline goes by."""

SCORES = {
    "accuracy": ("Accuracy", "share of test images whose predicted class is right"),
    "balanced_accuracy": ("Balanced accuracy", "mean over the classes of the share found"),
    "macro_precision": ("Macro precision", "mean over the classes: how often a named class is right"),
    "macro_recall": ("Macro recall", "mean over the classes: how much of a class is found"),
    "macro_f1": ("Macro-F1", "mean over the classes of F1, which weighs precision and recall alike"),
    "roc_auc": ("ROC-AUC", "how well the probabilities rank a class before the rest (0.5 is guessing)"),
    "average_precision": ("Average precision", "area under the precision-recall curve, mean over the classes"),
}
"""The scores of the whole test set: title, and one line that says what it is."""

CLASS_SCORES = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
    "average_precision": "Avg. precision",
}

NEAR_DUPLICATES = {
    "clean": "without a near-duplicate in training",
    "twins": "with a near-duplicate in training",
}
"""The two parts of the test images that accuracy is given for, by their keys in ``metrics.json``."""


def score(metrics: Mapping[str, Any], name: str) -> Score:
    """Returns one score of a metrics dictionary.

    Args:
        metrics: as in ``metrics.json``.
        name: keys joined by dots, such as ``"twins.accuracy"``.

    Returns:
        The score; its values are None where there is no such score or it is not a finite number.

    Example:
        >>> score({"clean": {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}}, "clean.accuracy").low
        0.4
    """
    found: Any = metrics
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return as_score(found)


def headline(metrics: Mapping[str, Any], baseline: str | None = None) -> str:
    """Returns the score that a run, or one of its baselines, is judged by: macro-F1, or accuracy where it has none."""
    found = score(metrics, "macro_f1") if baseline is None else baseline_score(metrics, baseline, "macro_f1")
    return "accuracy" if found.value is None else "macro_f1"


def baseline_score(metrics: Mapping[str, Any], key: str, name: str) -> Score:
    """Returns one score of a baseline: accuracy is the baseline's own value, the others are named inside it."""
    found = (metrics.get("baselines") or {}).get(key) or {}
    if name == "accuracy" and not (isinstance(found, Mapping) and "accuracy" in found):
        return as_score(found)
    return as_score(found.get(name) if isinstance(found, Mapping) else None)


def model_above(metrics: Mapping[str, Any], key: str, name: str) -> Score:
    """Returns what the model has more of a score than a baseline; the interval is paired.

    Runs of version 0.1 may have no paired interval; theirs is that of `unpaired_difference`.
    """
    found = (metrics.get("baselines") or {}).get(key)
    kept = found.get("model_above") if isinstance(found, Mapping) else None
    if kept:
        return as_score(kept.get(name))
    return unpaired_difference(score(metrics, name), baseline_score(metrics, key, name))


def baseline_judgement(metrics: Mapping[str, Any], key: str, name: str) -> Judgement:
    """Judges a score of the model against that of a baseline."""
    return judge(model_above(metrics, key, name))


def ranked_baselines(metrics: Mapping[str, Any], name: str = "macro_f1") -> list[str]:
    """Returns the names of the baselines, best first by `name` (by accuracy where that is missing)."""

    def worth(key: str) -> float:
        value = baseline_score(metrics, key, name).value
        value = baseline_score(metrics, key, "accuracy").value if value is None else value
        return -1.0 if value is None else value

    return sorted(metrics.get("baselines") or {}, key=worth, reverse=True)


def baseline_title(key: str) -> str:
    """Returns the name of a baseline for people."""
    return BASELINE_TITLES.get(key, key.replace("_", " "))


def score_title(name: str) -> str:
    """Returns the name of a score for people, as it stands inside a sentence or beside an axis.

    Example:
        >>> score_title("macro_f1"), score_title("roc_auc")
        ('macro-F1', 'ROC-AUC')
    """
    title = SCORES.get(name, (name.replace("_", " "),))[0]
    return title if title.isupper() else f"{title[0].lower()}{title[1:]}"


def score_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """Puts the model, its scores with and without near-duplicates in training, and the baselines into one tidy table.

    Args:
        metrics: as in ``metrics.json``.

    Returns:
        A DataFrame with columns `name`, `kind` (``model``, ``clean``, ``twins`` or ``baseline``), `score` (accuracy or
        macro-F1), `value`, `low`, `high`; baselines best first; rows without a value are left out.
    """
    names = ("accuracy", "macro_f1")
    rows = [("this model", "model", name, score(metrics, name)) for name in names]
    for kind, title in NEAR_DUPLICATES.items():
        rows += [(f"… {title}", kind, name, score(metrics, f"{kind}.{name}")) for name in names]
    for key in ranked_baselines(metrics):
        rows += [(baseline_title(key), "baseline", name, baseline_score(metrics, key, name)) for name in names]
    table = pd.DataFrame(
        [{"name": n, "kind": k, "score": s, **found.to_dict()} for n, k, s, found in rows if found.value is not None]
    )
    return table.reindex(columns=["name", "kind", "score", "value", "low", "high"])
