"""Do explanations point at the lesion? Scores of methods against masks, beside maps that do not depend on the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.head_crop import head_mask
from braintumor_tf.datasets.reading import read_image
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, mean_scores
from braintumor_tf.explanation.checks.map_scores import (
    TOLERANCE,
    Maps,
    area_share,
    energy_inside,
    pointing_by_chance,
    pointing_game,
)
from braintumor_tf.explanation.checks.masks import Mask, read_mask, with_masks
from braintumor_tf.explanation.checks.results import CheckResult, CheckRow
from braintumor_tf.explanation.methods import methods_for
from braintumor_tf.progress import progress_bar
from braintumor_tf.types import Score

if TYPE_CHECKING:
    from braintumor_tf.explanation.subject import Model, Subject

RANDOM, UNIFORM, HEAD = "random", "uniform", "head"
REFERENCES = (RANDOM, UNIFORM, HEAD)
"""Maps that do not depend on the model: smooth noise, the same everywhere, and the same all over the head."""

_CHUNK = 32


@dataclass(frozen=True, kw_only=True)
class LocalisationRow(CheckRow):
    """How well the maps of one method point at the lesion; intervals are 95 % over groups.

    Attributes:
        method: a name of `METHODS`, the name of a row that was asked for, or one of `REFERENCES`.
        reference: whether it is one of `REFERENCES`.
        pointing: share of the maps whose peak lies on the lesion (`pointing_game`), 0 to 1.
        energy: mean share of the map that lies on the lesion (`energy_inside`), 0 to 1.
        energy_gain: what the energy is above that of the random map of the same image.
        energy_beyond_head: what the energy is above that of the head alone.
        pointing_by_chance: what `pointing` is where the peak is drawn at random.
        area_share: mean share of the picture that is lesion.
        empty: maps that are 0 all over.
        images: images with a mask.
        groups: groups of those images.
    """

    method: str
    reference: bool
    pointing: Score
    energy: Score
    energy_gain: Score
    energy_beyond_head: Score
    pointing_by_chance: float
    area_share: float
    empty: int
    images: int
    groups: int


def localisation_check(
    model: Model,
    manifest: pd.DataFrame,
    *,
    masks: Sequence[Mask | None] | None = None,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    tolerance: float = TOLERANCE,
    batch_size: int = 16,
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> CheckResult[LocalisationRow]:
    """Scores explanation methods against lesion masks, beside the maps of `REFERENCES`.

    Each method is asked about the class that the label says. Images are read, explained and scored a few at a time.

    Args:
        model: as for `explain`.
        manifest: the images; those without a mask are left out.
        masks: files or arrays, one for each row of the manifest, None for an image without; None finds those of
            synthetic images (`find_masks`).
        methods: names of `METHODS`, or a name for each row of the table with the arguments of `explain` that make its
            maps, such as ``{"block 3": {"method": "grad_cam", "layer": "block_3_relu_2"}}``; None for all methods that
            fit the model.
        tolerance: of the pointing game.
        batch_size: as for `explain`.
        seed: of the random maps and the resamples.
        resamples: of the intervals.
        show_progress: whether to show bars.

    Returns:
        One row a method, references last.

    Raises:
        ExplanationError: no image has a mask, a method is unknown or does not fit, a mask does not fit its image.

    Example:
        >>> found = localisation_check("models/cnn", run.manifest, methods=["grad_cam"])  # doctest: +SKIP
        >>> print(found["grad_cam"].energy)  # doctest: +SKIP
        0.02 (0.01-0.03)
    """
    from braintumor_tf.explanation.subject import Subject  # imports Keras

    subject = Subject(model)
    rows, masks = with_masks(manifest, masks)
    chosen = methods_for(subject.kind) if methods is None else methods
    asked = dict(chosen) if isinstance(chosen, Mapping) else {name: {"method": name} for name in chosen}
    asked = {name: settings for name, settings in asked.items() if name not in REFERENCES}
    asked |= {name: {"method": name} for name in REFERENCES}
    asked[RANDOM] = {"method": RANDOM, "seed": seed}
    measured = {
        name: _measure(_maps_of(subject, settings, batch_size), rows, masks, tolerance, name, show_progress)
        for name, settings in asked.items()
    }
    return _result(measured, group_numbers(rows["group"]), resamples=resamples, seed=seed)


def _maps_of(subject: Subject, settings: Mapping[str, Any], batch_size: int) -> Callable[[pd.DataFrame], Maps]:
    from braintumor_tf.explanation.heat_maps import explain

    model = subject.predictor if subject.network is None else subject.network

    def maps(rows: pd.DataFrame) -> Maps:
        paths = rows["path"].tolist()
        if settings["method"] == HEAD:
            return [head_mask(read_image(path)).astype(np.float32) for path in paths]
        if settings["method"] == UNIFORM:
            return [np.ones(read_image(path).shape, np.float32) for path in paths]
        return explain(model, paths, **{"target": rows["label"].tolist(), "batch_size": batch_size, **settings})

    return maps


def _measure(
    maps_of: Callable[[pd.DataFrame], Maps],
    rows: pd.DataFrame,
    masks: list[Mask],
    tolerance: float,
    name: str,
    show_progress: bool,
) -> dict[str, np.ndarray]:
    parts = []
    for start in progress_bar(range(0, len(rows), _CHUNK), f"Locating ({name})", show=show_progress):
        maps = maps_of(rows.iloc[start : start + _CHUNK])
        known = [read_mask(mask, heat.shape) for mask, heat in zip(masks[start : start + _CHUNK], maps)]
        parts.append(
            {
                "pointing": pointing_game(maps, known, tolerance=tolerance),
                "energy": energy_inside(maps, known),
                "pointing_by_chance": pointing_by_chance(known, tolerance=tolerance),
                "area_share": area_share(known),
                "empty": np.array([float(heat.max() <= 0) for heat in maps]),
            }
        )
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _result(
    measured: dict[str, dict[str, np.ndarray]], groups: np.ndarray, *, resamples: int, seed: int
) -> CheckResult[LocalisationRow]:
    rows = []
    for name, found in measured.items():
        columns = {
            "pointing": found["pointing"],
            "energy": found["energy"],
            "energy_gain": found["energy"] - measured[RANDOM]["energy"],
            "energy_beyond_head": found["energy"] - measured[HEAD]["energy"],
        }
        row = LocalisationRow(
            method=name,
            reference=name in REFERENCES,
            **mean_scores(columns, groups, resamples=resamples, seed=seed),
            pointing_by_chance=float(found["pointing_by_chance"].mean()),
            area_share=float(found["area_share"].mean()),
            empty=int(found["empty"].sum()),
            images=len(groups),
            groups=int(groups.max()) + 1,
        )
        rows.append(row)
    return CheckResult(tuple(rows))
