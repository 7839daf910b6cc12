"""Scores of each image's maps against its lesion, for methods and for maps that do not depend on the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.head_crop import head_mask
from braintumor_tf.datasets.reading import read_image
from braintumor_tf.evaluation.prediction.predict import predict_manifest
from braintumor_tf.explanation.checks.map_scores import (
    TOLERANCE,
    Maps,
    area_share,
    energy_inside,
    pointing_by_chance,
    pointing_game,
)
from braintumor_tf.explanation.checks.masks import with_masks
from braintumor_tf.explanation.methods import methods_for
from braintumor_tf.identity.lesions import LesionBox, Mask, read_mask
from braintumor_tf.progress import progress_bar

if TYPE_CHECKING:
    from braintumor_tf.explanation.subject import Model, Subject

RANDOM, UNIFORM, HEAD, CENTRE = "random", "uniform", "head", "centre"
REFERENCES = (RANDOM, UNIFORM, HEAD, CENTRE)
"""Maps that do not depend on the model: smooth noise, the same everywhere, the same all over the head, and a bell
around the middle of the picture."""

CENTRE_WIDTH = 0.25
"""Standard deviation of the bell `CENTRE`, as a share of each side."""

_CHUNK = 32


def localise_images(
    model: Model,
    manifest: pd.DataFrame,
    *,
    masks: Sequence[Mask | None] | None = None,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    tolerance: float | None = None,
    batch_size: int = 16,
    seed: int = 0,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Scores the maps of each image whose lesion is known; `localisation_check` documents the arguments.

    Returns:
        One row for each method and image, methods in order, references last, and the same images in the same order for
        each: ``path``, ``label``, ``group``, ``method``, ``reference``, ``correct`` (whether the model predicts the
        label), ``box`` (whether the lesion is known as a box), ``pointing`` and ``energy`` (`pointing_game` and
        `energy_inside`, 0 to 1), ``pointing_by_chance`` and ``area_share`` (what a map without knowledge has),
        ``empty`` (whether the map is 0 all over).

    Raises:
        ExplanationError: as `localisation_check`.

    Example:
        >>> table = localise_images("models/cnn", run.manifest, methods=["grad_cam"])  # doctest: +SKIP
        >>> table.groupby(["method", "label"])["energy"].mean()  # doctest: +SKIP
    """
    from braintumor_tf.explanation.subject import Subject  # imports Keras

    subject = Subject(model)
    rows, masks = with_masks(manifest, masks)
    measured = {
        name: _measure(_maps_of(subject, settings, batch_size), rows, masks, tolerance, name, show_progress)
        for name, settings in _asked(subject, methods, seed).items()
    }
    predicted = predict_manifest(subject.predictor, rows, splits=None, show_progress=show_progress)["predicted"]
    images = rows[["path", "label", "group"]].reset_index(drop=True)
    images["correct"] = predicted.to_numpy() == images["label"].to_numpy()
    images["box"] = [isinstance(mask, LesionBox) for mask in masks]
    tables = [images.assign(method=name, reference=name in REFERENCES, **found) for name, found in measured.items()]
    return pd.concat(tables, ignore_index=True)


def _asked(
    subject: Subject, methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None, seed: int
) -> dict[str, Mapping[str, Any]]:
    """The arguments of `explain` by the name of the row, references last."""
    chosen = methods_for(subject.kind) if methods is None else methods
    asked = dict(chosen) if isinstance(chosen, Mapping) else {name: {"method": name} for name in chosen}
    asked = {name: settings for name, settings in asked.items() if name not in REFERENCES}
    asked |= {name: {"method": name} for name in REFERENCES}
    asked[RANDOM] = {"method": RANDOM, "seed": seed}
    return asked


def _maps_of(subject: Subject, settings: Mapping[str, Any], batch_size: int) -> Callable[[pd.DataFrame], Maps]:
    from braintumor_tf.explanation.heat_maps import explain

    model = subject.predictor

    def maps(rows: pd.DataFrame) -> Maps:
        paths = rows["path"].tolist()
        if settings["method"] in _OF_PICTURES:
            return [_OF_PICTURES[settings["method"]](read_image(path)) for path in paths]
        return explain(model, paths, **{"target": rows["label"].tolist(), "batch_size": batch_size, **settings})

    return maps


def centre_map(image: np.ndarray) -> np.ndarray:
    """Returns a bell around the middle of a picture, stretched to its sides (the centre model of Judd et al., 2012).

    Args:
        image: shape ``(height, width, ...)``; only its size matters.

    Returns:
        float32 of shape ``(height, width)``, from above 0 up to 1.

    Example:
        >>> [round(float(value), 2) for value in centre_map(np.zeros((1, 3)))[0]]
        [0.41, 1.0, 0.41]
    """
    away = [(np.arange(side) + 0.5) / side - 0.5 for side in image.shape[:2]]
    rows, columns = (np.exp(-0.5 * (one / CENTRE_WIDTH) ** 2) for one in away)
    return np.outer(rows, columns).astype(np.float32)


_OF_PICTURES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    HEAD: lambda image: head_mask(image).astype(np.float32),
    UNIFORM: lambda image: np.ones(image.shape, np.float32),
    CENTRE: centre_map,
}


def _measure(
    maps_of: Callable[[pd.DataFrame], Maps],
    rows: pd.DataFrame,
    masks: list[Mask],
    tolerance: float | None,
    name: str,
    show_progress: bool,
) -> dict[str, np.ndarray]:
    parts = []
    for start in progress_bar(range(0, len(rows), _CHUNK), f"Locating ({name})", show=show_progress):
        maps = maps_of(rows.iloc[start : start + _CHUNK])
        given = masks[start : start + _CHUNK]
        parts += [_score(heat, mask, tolerance) for heat, mask in zip(maps, given, strict=True)]
    return {key: np.array([part[key] for part in parts]) for key in parts[0]}


def _score(heat: np.ndarray, mask: Mask, tolerance: float | None) -> dict[str, float | bool]:
    """The scores of one map. A box holds more than its lesion, so its peak has to lie inside unless told otherwise."""
    if tolerance is None:
        tolerance = 0.0 if isinstance(mask, LesionBox) else TOLERANCE
    maps, known = [heat], [read_mask(mask, heat.shape)]
    return {
        "pointing": float(pointing_game(maps, known, tolerance=tolerance)[0]),
        "energy": float(energy_inside(maps, known)[0]),
        "pointing_by_chance": float(pointing_by_chance(known, tolerance=tolerance)[0]),
        "area_share": float(area_share(known)[0]),
        "empty": bool(heat.max() <= 0),
    }
