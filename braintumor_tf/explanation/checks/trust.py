"""Can an explanation be believed, and does a score come from the head? All checks of a run, kept in its directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.errors import ExplanationError
from braintumor_tf.evaluation.prediction.predict import load_run_model
from braintumor_tf.explanation.checks.localisation import localisation_table
from braintumor_tf.explanation.checks.masking import SHOWN, masking_check, outside_check
from braintumor_tf.explanation.checks.masks import find_masks
from braintumor_tf.runs import Run

_ENDS = ("_low", "_high")


def check_explanations(
    run: Run | str | Path,
    masks: Sequence[Any] | None = None,
    methods: Sequence[str] | None = None,
    split: str = "test",
    images: int = 32,
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> dict[str, Any]:
    """Runs every check that a run's data allow, and writes ``explanations.json`` into it; a report then shows them.

    Always: how much of the score is left when the head, or everything else, is covered (`outside_check`). For networks:
    whether the map changes when weights are randomised (`randomisation_check`). Where lesions are known: whether
    explanations point at them (`localisation_table`), and whether covering them costs the answer (`masking_check`).

    Args:
        run: a finished run, or its directory.
        masks: files or arrays, one for each row of the run's manifest, None for an image without; None finds those of
            synthetic images (`find_masks`).
        methods: names of `METHODS` for the localisation; None for all that fit the model.
        split: which images.
        images: how many images the randomisation check takes at most, drawn at random, one a group where possible.
        seed: of the draws and the resamples.
        resamples: of the intervals.
        show_progress: whether to show bars.

    Returns:
        What was written: ``split``, ``shown`` (what each row of ``outside`` showed the model), the tables ``outside``,
        ``randomisation``, ``localisation`` and ``masking`` as lists of rows in which a score is ``{"value", "low",
        "high"}``, each empty where it does not apply, and ``method``, that of the randomisation check.

    Raises:
        ExplanationError: no image is in that split, or a method does not fit the model.
        RunError: there is no such run, or it has no model.

    Example:
        >>> found = check_explanations("models/cnn")
        >>> found["outside"][-1]["accuracy"]
        {'value': 0.31, 'low': 0.25, 'high': 0.38}
    """
    from braintumor_tf.explanation.subject import Subject  # imports Keras

    run = Run.of(run)
    model, manifest = load_run_model(run), run.manifest
    subject = Subject(model)
    masks = find_masks(manifest).tolist() if masks is None else list(masks)
    if len(masks) != len(manifest):
        raise ExplanationError(f"{len(masks)} masks for {len(manifest)} images of the run; give one an image, or None")
    chosen = (manifest["split"] == split).to_numpy()
    rows, masks = manifest[chosen], [mask for mask, inside in zip(masks, chosen) if inside]
    drawn = {"seed": seed, "resamples": resamples, "show_progress": show_progress}
    outside = outside_check(model, manifest, split, **drawn)
    found: dict[str, Any] = {"split": split, "shown": SHOWN, "outside": as_records(outside)}
    found |= {"method": None, "randomisation": [], "localisation": [], "masking": []}
    if subject.network is not None:
        found["method"], table = _randomisation(subject, rows, images, drawn)
        found["randomisation"] = as_records(table)
    if any(mask is not None for mask in masks):
        found["localisation"] = as_records(localisation_table(model, rows, masks, methods, **drawn))
        found["masking"] = as_records(masking_check(model, rows, masks, **drawn))
    run.write_explanations(found)
    return found


def _randomisation(subject: Any, rows: pd.DataFrame, images: int, drawn: dict[str, Any]) -> tuple[str, pd.DataFrame]:
    from braintumor_tf.explanation.checks.randomisation import randomisation_check
    from braintumor_tf.explanation.methods import DEFAULT_METHODS

    method = DEFAULT_METHODS[subject.kind]
    few = draw_images(rows, images, drawn["seed"])
    return method, randomisation_check(
        subject.network, few["path"].tolist(), method, groups=few["group"].tolist(), **drawn
    )


def draw_images(rows: pd.DataFrame, count: int, seed: int = 0) -> pd.DataFrame:
    """Draws up to `count` images at random: first one of each group, then the others."""
    shuffled = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    repeated = shuffled.duplicated("group") & (shuffled["group"].astype(str) != "")
    return pd.concat([shuffled[~repeated], shuffled[repeated]]).head(count)


def as_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns a table's rows as dictionaries in which `x`, `x_low` and `x_high` are one score.

    Example:
        >>> as_records(pd.DataFrame({"x": [0.5], "x_low": [0.4], "x_high": [0.6]}))
        [{'x': {'value': 0.5, 'low': 0.4, 'high': 0.6}}]
    """
    scored = [name for name in table if all(f"{name}{end}" in table for end in _ENDS)]
    ends = {f"{name}{end}" for name in scored for end in _ENDS}
    return [
        {
            name: {key: row[f"{name}{end}"] for key, end in zip(("value", "low", "high"), ("", *_ENDS))}
            if name in scored
            else value
            for name, value in row.items()
            if name not in ends
        }
        for row in table.astype(object).where(table.notna(), None).to_dict("records")
    ]


def as_table(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Returns the rows of `as_records` as the table that they were; None becomes NaN in scores."""
    flat = []
    for record in records:
        row: dict[str, Any] = {}
        for name, value in record.items():
            if isinstance(value, dict):
                row |= {f"{name}{end}": value[key] for key, end in zip(("value", "low", "high"), ("", *_ENDS))}
            else:
                row[name] = value
        flat.append({name: np.nan if value is None else value for name, value in row.items()})
    return pd.DataFrame(flat)
