"""The tables of a report, as plain rows of text for a template; every number comes from the files of the run."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.report.plots.style import SPLITS, split_name
from braintumor_tf.report.wording.numbers import (
    CLASS_SCORES,
    SCORES,
    SEES,
    as_score,
    baseline_score,
    baseline_title,
    interval,
    model_above,
    number,
    percent,
    plain,
    ranked_baselines,
    score,
    signed_interval,
)

Cell = dict[str, str]


def cell(found: Mapping[str, float | None]) -> Cell:
    """A score as text: `value` and `interval`."""
    return {"value": number(found["value"]), "interval": interval(found)}


def difference_cell(found: Mapping[str, float | None]) -> Cell:
    """A difference of two scores as text, with its sign: `value` and `interval`."""
    return {"value": plain(found["value"], "+"), "interval": signed_interval(found)}


def score_rows(metrics: Mapping[str, Any], without: Collection[str] = ()) -> list[dict[str, Any]]:
    """One row for each score of the whole test set that the run has, but those named in `without`."""
    rows = [
        {"title": title, "note": note, **cell(score(metrics, name))}
        for name, (title, note) in SCORES.items()
        if name not in without
    ]
    return [row for row in rows if row["value"] != "–"]


def baseline_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The model first, then the dumb baselines, best first: accuracy, macro-F1, and the model's lead in the latter."""
    model = {
        "title": "This model",
        "note": "",
        "model": True,
        "accuracy": cell(score(metrics, "accuracy")),
        "macro_f1": cell(score(metrics, "macro_f1")),
        "above": {"value": "", "interval": ""},
    }
    baselines = [
        {
            "title": baseline_title(key),
            "note": SEES.get(key, ""),
            "model": False,
            "accuracy": cell(baseline_score(metrics, key, "accuracy")),
            "macro_f1": cell(baseline_score(metrics, key, "macro_f1")),
            "above": difference_cell(model_above(metrics, key, "macro_f1")),
        }
        for key in ranked_baselines(metrics)
    ]
    return [model, *baselines] if baselines else []


def class_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each class: support and its scores in the order of `CLASS_SCORES`."""
    classes = metrics.get("classes") or {}
    order = [name for name in metrics.get("classes_order") or classes if name in classes]
    return [
        {
            "label": name,
            "support": int(as_score(classes[name].get("support"))["value"] or 0),
            "scores": [cell(as_score(classes[name].get(key))) for key in CLASS_SCORES],
        }
        for name in order
    ]


def twin_rows(metrics: Mapping[str, Any], twins: pd.Series) -> list[dict[str, Any]]:
    """Accuracy on test images with and without a training twin, with their number and share."""
    groups = (("without a training twin", "clean", ~twins), ("with a training twin", "twins", twins))
    return [
        {
            "title": title,
            "images": f"{int(rows.sum()):,}",
            "share": percent(int(rows.sum()), len(twins)),
            **cell(score(metrics, f"{key}.accuracy")),
        }
        for title, key, rows in groups
    ]


def tumour_counts(metrics: Mapping[str, Any], tested: pd.DataFrame) -> dict[str, Any] | None:
    """Any tumour against none: sensitivity, specificity, missed tumours and false alarms; None without that class."""
    if score(metrics, "tumour_sensitivity")["value"] is None and score(metrics, "tumour_specificity")["value"] is None:
        return None
    tumour, alarm = tested["label"] != NO_TUMOR, tested["predicted"] != NO_TUMOR
    missed = metrics.get("missed_tumours")
    alarms = metrics.get("false_alarms")
    return {
        "tumours": int(tumour.sum()),
        "healthy": int((~tumour).sum()),
        "missed": int((tumour & ~alarm).sum()) if missed is None else int(missed),
        "false_alarms": int((~tumour & alarm).sum()) if alarms is None else int(alarms),
        "sensitivity": cell(score(metrics, "tumour_sensitivity")),
        "specificity": cell(score(metrics, "tumour_specificity")),
    }


def split_table(manifest: pd.DataFrame) -> dict[str, Any]:
    """Images of each class and number of groups in each split, with totals."""
    counts = pd.crosstab(manifest["split"], manifest["label"])
    splits = [name for name in SPLITS if name in counts.index] + sorted(set(counts.index) - set(SPLITS))
    rows = []
    for name in splits:
        groups = manifest.loc[manifest["split"] == name, "group"].astype(str)
        numbers = [
            f"{count:,}" for count in (*counts.loc[name], counts.loc[name].sum(), groups[groups != ""].nunique())
        ]
        rows.append({"split": split_name(name), "numbers": numbers})
    named = manifest["group"].astype(str)
    total = [*counts.sum(), len(manifest), named[named != ""].nunique()]
    rows.append({"split": "all", "numbers": [f"{count:,}" for count in total]})
    return {"columns": [*map(str, counts.columns), "images", "groups"], "rows": rows}


def size_summary(manifest: pd.DataFrame) -> str:
    """One sentence on the sizes of the images."""
    if manifest.empty:
        return ""
    sizes = manifest.groupby(["width", "height"]).size().sort_values(ascending=False)
    (width, height), common = sizes.index[0], int(sizes.iloc[0])
    return (
        f"Widths run from {manifest['width'].min():,} to {manifest['width'].max():,} pixels and heights from "
        f"{manifest['height'].min():,} to {manifest['height'].max():,}; {len(sizes):,} different sizes, the commonest "
        f"{width} × {height} ({percent(common, len(manifest))} of the images)."
    )


def unreadable_rows(found: Any) -> list[dict[str, str]]:
    """Unreadable files as rows of `path` and `reason`, from what a configuration or an audit holds of them."""
    rows = found if isinstance(found, (list, tuple)) else []
    return [
        {"path": str(row.get("path", "")), "reason": str(row.get("reason", ""))}
        if isinstance(row, Mapping)
        else {"path": str(row), "reason": ""}
        for row in rows
    ]


def flat_settings(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A configuration as pairs of dotted name and value, in its own order; unreadable files have their own table."""
    rows: list[tuple[str, str]] = []
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name == "unreadable":
            continue
        if isinstance(value, Mapping) and value:
            rows += flat_settings(value, f"{name}.")
        else:
            rows.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)))
    return rows
