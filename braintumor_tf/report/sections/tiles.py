"""The small boxes of a report: numbers that head a section, and thumbnails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.report.pages.embedding import embed_thumbnail
from braintumor_tf.report.wording.numbers import number, score
from braintumor_tf.report.wording.selection import sample_rows

MAX_TILES = 48
"""Images in one grid of a page at most, so that a page with many classes stays small."""

HEADLINES = {"macro_f1": "Macro-F1", "accuracy": "Accuracy"}
"""The scores that stand large above the table of the others."""


def score_tiles(metrics: Mapping[str, Any], images: int) -> list[dict[str, str]]:
    """Returns the tiles of the headline scores, and of what they were measured on."""
    tiles = []
    for key, title in HEADLINES.items():
        found = score(metrics, key)
        within = f"95 % {number(found['low'])}–{number(found['high'])}" if found["low"] is not None else "no interval"
        tiles.append({"name": title, "value": number(found["value"]), "note": within})
    groups = metrics.get("groups")
    note = "" if groups is None else f"from {groups:,} group{'' if groups == 1 else 's'} of look-alikes"
    return [*tiles, {"name": "Test images", "value": f"{images:,}", "note": note}]


def sample_tiles(manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns thumbnails of some images of each class."""
    return [
        {"source": embed_thumbnail(row.path), "title": row.label, "note": "", "path": row.path, "wrong": False}
        for row in sample_rows(manifest, 3).head(MAX_TILES).itertuples()
    ]


def prediction_tiles(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns thumbnails of predictions that have their `confidence` (`selection.with_confidence`)."""
    return [
        {
            "source": embed_thumbnail(row.path),
            "title": f"{row.predicted} {number(row.confidence, 2)}",
            "note": "right" if row.correct else f"truly {row.label}",
            "path": row.path,
            "wrong": not row.correct,
        }
        for row in rows.head(MAX_TILES).itertuples()
    ]
