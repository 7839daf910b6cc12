"""Reading the scores of a run: one tidy table, and how a number is written for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

BASELINES = {
    "nearest_neighbour": "nearest neighbour on thumbnails",
    "pca_logistic_regression": "PCA + logistic regression",
    "border": "border strip alone",
    "metadata": "file metadata alone",
}
"""The dumb baselines and their names for people."""

SEES = {
    "nearest_neighbour": "takes the label of the most similar training picture, 32 × 32 pixels",
    "pca_logistic_regression": "a linear model of 64 × 64 pixels",
    "border": "sees a strip along the sides, where there is no brain",
    "metadata": "sees width, height, size and type of the file, not the picture",
}
"""What each dumb baseline goes by."""

SCORES = {
    "accuracy": ("Accuracy", "share of test images that are labelled rightly"),
    "balanced_accuracy": ("Balanced accuracy", "mean over the classes of the share found"),
    "macro_precision": ("Macro precision", "mean over the classes: how often a named class is right"),
    "macro_recall": ("Macro recall", "mean over the classes: how much of a class is found"),
    "macro_f1": ("Macro-F1", "mean over the classes of F1, which weighs precision and recall alike"),
    "roc_auc": ("ROC-AUC", "how well the probabilities rank a class before the rest (0.5 is chance)"),
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


def score(metrics: Mapping[str, Any], name: str) -> dict[str, float | None]:
    """Returns one score of a metrics dictionary.

    Args:
        metrics: as in ``metrics.json``.
        name: keys joined by dots, such as ``"twins.accuracy"``.

    Returns:
        ``value``, ``low`` and ``high``; None where there is no such score or it is not a finite number.
    """
    found: Any = metrics
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return as_score(found)


def as_score(found: Any) -> dict[str, float | None]:
    """Returns a score as `value`, `low` and `high`, from a score or from a bare number."""
    if not isinstance(found, Mapping):
        found = {"value": found}
    return {key: _finite(found.get(key)) for key in ("value", "low", "high")}


def score_table(metrics: Mapping[str, Any], names: tuple[str, ...] = ("accuracy", "macro_f1")) -> pd.DataFrame:
    """Puts the model, its scores on twins and on the rest, and the baselines into one tidy table.

    Args:
        metrics: as in ``metrics.json``.
        names: the scores to take.

    Returns:
        A DataFrame with columns `name`, `kind` (``model``, ``clean``, ``twins`` or ``baseline``), `score`, `value`,
        `low`, `high`; baselines best first; rows without a value are left out.
    """
    rows = [("this model", "model", name, score(metrics, name)) for name in names]
    for kind, title in (("clean", "… on images without a twin"), ("twins", "… on images with a training twin")):
        rows += [(title, kind, name, score(metrics, f"{kind}.{name}")) for name in names]
    for key in ranked_baselines(metrics):
        for name in names:
            rows.append((baseline_title(key), "baseline", name, baseline_score(metrics, key, name)))
    table = pd.DataFrame([{"name": n, "kind": k, "score": s, **v} for n, k, s, v in rows if v["value"] is not None])
    return table.reindex(columns=["name", "kind", "score", "value", "low", "high"])


def baseline_score(metrics: Mapping[str, Any], key: str, name: str) -> dict[str, float | None]:
    """Returns one score of a baseline: accuracy is the baseline's own value, the others are named inside it."""
    found = (metrics.get("baselines") or {}).get(key) or {}
    if name == "accuracy" and not (isinstance(found, Mapping) and "accuracy" in found):
        return as_score(found)
    return as_score(found.get(name) if isinstance(found, Mapping) else None)


def model_above(metrics: Mapping[str, Any], key: str, name: str) -> dict[str, float | None]:
    """Returns what the model has more of a score than a baseline; the interval is paired.

    Runs that were scored before `evaluation.evaluate` kept it have the difference without an interval.
    """
    found = (metrics.get("baselines") or {}).get(key)
    kept = found.get("model_above") if isinstance(found, Mapping) else None
    if kept:
        return as_score(kept.get(name))
    own, theirs = score(metrics, name)["value"], baseline_score(metrics, key, name)["value"]
    return as_score(None if own is None or theirs is None else own - theirs)


def ranked_baselines(metrics: Mapping[str, Any], name: str = "macro_f1") -> list[str]:
    """Returns the names of the baselines, best first by `name` (by accuracy where that is missing)."""

    def worth(key: str) -> float:
        value = baseline_score(metrics, key, name)["value"]
        value = baseline_score(metrics, key, "accuracy")["value"] if value is None else value
        return -1.0 if value is None else value

    return sorted(metrics.get("baselines") or {}, key=worth, reverse=True)


def baseline_title(key: str) -> str:
    """The name of a baseline for people."""
    return BASELINES.get(key, key.replace("_", " "))


def number(value: float | None, digits: int = 3) -> str:
    """Writes a score: three decimals, or an en dash where there is none; what is not exactly 0 or 1 never looks so."""
    value = _finite(value)
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 1.0 and value < 1.0:
        return f"{1 - 10**-digits:.{digits}f}"
    if float(text) == 0.0 and value > 0.0:
        return f"{10**-digits:.{digits}f}"
    return text


def interval(found: Mapping[str, float | None], digits: int = 3) -> str:
    """Writes the 95 % interval of a score as ``0.881–0.940``; empty where it has none."""
    if found.get("low") is None or found.get("high") is None:
        return ""
    return f"{number(found['low'], digits)}–{number(found['high'], digits)}"


def plain(value: float | None, sign: str = "", digits: int = 3) -> str:
    """Writes a number with its decimals, and with its sign for ``sign="+"``; an en dash where there is none."""
    if value is None:
        return "–"
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}".replace("-", "−")


def signed(found: Mapping[str, float | None], digits: int = 3) -> str:
    """Writes a difference with its sign and interval, such as ``+0.13 (+0.09 to +0.17)``."""
    return f"{plain(found['value'], '+', digits)}{signed_interval(found, ' ({})', digits)}"


def signed_interval(found: Mapping[str, float | None], form: str = "{}", digits: int = 3) -> str:
    """Writes the interval of a difference in `form`; empty where it has none."""
    if found["low"] is None or found["high"] is None:
        return ""
    return form.format(f"{plain(found['low'], '+', digits)} to {plain(found['high'], '+', digits)}")


def percent(part: float, whole: float) -> str:
    """Writes a share in whole per cent, ``under 1 %`` and ``over 99 %`` at the ends; empty where `whole` is 0."""
    if not whole:
        return ""
    share = 100 * part / whole
    if 0 < share < 1:
        return "under 1 %"
    if 99 < share < 100:
        return "over 99 %"
    return f"{share:.0f} %"


def _finite(value: Any) -> float | None:
    if value is None or isinstance(value, (str, bool)):
        return None
    value = float(value)
    return value if math.isfinite(value) else None
