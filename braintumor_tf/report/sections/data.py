"""The report's section on data: images of each split and class, their sizes, and files that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.report.plots.style import SPLITS, split_name
from braintumor_tf.report.wording.numbers import percent


def split_table(manifest: pd.DataFrame) -> dict[str, Any]:
    """Returns images of each class and number of groups in each split, with totals."""
    counts = pd.crosstab(manifest["split"], manifest["label"])
    splits = [name for name in SPLITS if name in counts.index] + sorted(set(counts.index) - set(SPLITS))
    parts = [(split_name(name), manifest[manifest["split"] == name]) for name in splits]
    rows = []
    for title, part in [*parts, ("all", manifest)]:
        groups = part["group"].astype(str)
        images = [int((part["label"] == label).sum()) for label in counts.columns]
        numbers = [*images, len(part), groups[groups != ""].nunique()]
        rows.append({"split": title, "numbers": [f"{count:,}" for count in numbers]})
    return {"columns": [*map(str, counts.columns), "images", "groups"], "rows": rows}


def size_summary(manifest: pd.DataFrame) -> str:
    """Says in one sentence what sizes the images have."""
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
    """Returns unreadable files as rows of `path` and `reason`, from what a configuration or an audit holds of them."""
    rows = found if isinstance(found, (list, tuple)) else []
    return [
        {"path": str(row.get("path", "")), "reason": str(row.get("reason", ""))}
        if isinstance(row, Mapping)
        else {"path": str(row), "reason": ""}
        for row in rows
    ]
