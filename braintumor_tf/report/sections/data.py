"""The report's section on data: images of each split and class, their sizes, and files that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.identity.people import own_patients, persons
from braintumor_tf.leakage.merging import merge_sentences
from braintumor_tf.report.plots.style import SPLITS, split_name
from braintumor_tf.report.wording.numbers import counted, percent


def split_table(manifest: pd.DataFrame) -> dict[str, Any]:
    """Returns images of each class, groups and, where any are known, patients in each split, with totals."""
    manifest = manifest.assign(person=persons(manifest))
    known = bool((manifest["person"] != "").any())
    counts = pd.crosstab(manifest["split"], manifest["label"])
    splits = [name for name in SPLITS if name in counts.index] + sorted(set(counts.index) - set(SPLITS))
    parts = [(split_name(name), manifest[manifest["split"] == name]) for name in splits]
    rows = []
    for title, part in [*parts, ("all", manifest)]:
        groups = part["group"].astype(str)
        images = [int((part["label"] == label).sum()) for label in counts.columns]
        numbers = [*images, len(part), groups[groups != ""].nunique()]
        numbers += [part.loc[part["person"] != "", "person"].nunique()] if known else []
        rows.append({"split": title, "numbers": [f"{count:,}" for count in numbers]})
    columns = [*map(str, counts.columns), "images", "groups", *(["known patients"] if known else [])]
    return {"columns": columns, "rows": rows}


def people_summary(manifest: pd.DataFrame) -> str:
    """Says for how many images the patient is known, who says so, and what that leaves open.

    Example:
        >>> people_summary(pd.DataFrame({"patient": ["7", "7", ""], "source": "mine"}))
        'The patient is known for 2 of 3 images: 1 patient, named by the data set. Images without a known patient may
        still share one.'
    """
    people, own = persons(manifest), own_patients(manifest)
    known = people != ""
    if not known.any():
        return "No patient is known: images of one patient may stand in several splits."
    named, found = known & (own != ""), known & (own == "")
    if not found.any():
        how = "named by the data set"
    elif not named.any():
        how = f"found by way of published pictures ({_origins(manifest[found])})"
    else:
        how = (
            f"for {int(named.sum()):,} images named by the data set, for {int(found.sum()):,} found by way of "
            f"published pictures ({_origins(manifest[found])})"
        )
    text = f"The patient is known for {int(known.sum()):,} of {counted(len(manifest), 'image')}: "
    text += f"{counted(people[known].nunique(), 'patient')}, {how}."
    return text if known.all() else f"{text} Images without a known patient may still share one."


def _origins(rows: pd.DataFrame) -> str:
    return ", ".join(sorted(set(rows["origin"]) - {""}))


def source_sentences(manifest: pd.DataFrame, config: Mapping[str, Any]) -> list[str]:
    """Says what each source brings, where there are several, and what was found when they were merged.

    Args:
        manifest: the table of images with the splits that were used.
        config: the run's settings.

    Example:
        >>> rows = pd.DataFrame({"source": ["sartaj", "sartaj", "masoud"], "split": ["train", "test", "test"]})
        >>> source_sentences(rows, {})
        ['2 sources: masoud with 1 image (1 test), sartaj with 2 images (1 train, 1 test).']
    """
    counts = pd.crosstab(manifest["source"].astype(str), manifest["split"])
    if len(counts) < 2:
        return []
    splits = [name for name in SPLITS if name in counts] + sorted(set(counts) - set(SPLITS))
    named = []
    for source, row in counts.iterrows():
        parts = ", ".join(f"{row[name]:,} {split_name(name)}" for name in splits if row[name])
        named.append(f"{source} with {counted(int(row.sum()), 'image')} ({parts})")
    found = config.get("merge")
    return [f"{len(counts)} sources: {', '.join(named)}.", *(merge_sentences(found)[1:] if found else [])]


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
