"""Scores of maps against masks of the lesion, and what a map scores that does not depend on the model.

Maps and masks come as arrays or sequences of single ones, whose sizes may differ from image to image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.checks.masks import grow

TOLERANCE = 0.03
"""How far beside the lesion a map's peak may lie, as a share of the longer side: 15 pixels of 500, as in the paper."""

Maps = np.ndarray | Sequence[np.ndarray]
Masks = np.ndarray | Sequence[np.ndarray]


def pointing_game(maps: Maps, masks: Masks, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """Returns for each map whether its highest value lies on the lesion (pointing game, Zhang et al., 2016).

    Where several pixels share the highest value, the share of them that lies on the lesion counts; so a map that is the
    same everywhere scores what guessing a pixel does (`pointing_by_chance`).

    Args:
        maps: finite and not negative, each of shape ``(height, width)``.
        masks: of the lesions, each of its map's shape, 0 outside; no mask is empty.
        tolerance: how far beside the lesion still counts, as a share of the longer side.

    Returns:
        float64 from 0 to 1, shape ``(images,)``.

    Raises:
        ExplanationError: numbers or shapes do not fit, a mask is empty, or a map is not finite or negative.

    Example:
        >>> mask = np.arange(100).reshape(10, 10) < 25
        >>> pointing_game([mask.astype(float)], [mask])
        array([1.])
    """
    return np.array([grow(mask, tolerance)[heat == heat.max()].mean() for heat, mask in _pairs(maps, masks)])


def energy_inside(maps: Maps, masks: Masks) -> np.ndarray:
    """Returns for each map which share of its sum lies on the lesion (energy-based pointing game, Wang et al., 2020).

    A map that is 0 all over counts as one that is the same everywhere.

    Args:
        maps: finite and not negative, each of shape ``(height, width)``.
        masks: of the lesions, each of its map's shape, 0 outside; no mask is empty.

    Returns:
        float64 from 0 to 1, shape ``(images,)``.

    Raises:
        ExplanationError: as `pointing_game`.

    Example:
        >>> mask = np.arange(100).reshape(10, 10) < 25
        >>> energy_inside(np.ones((1, 10, 10)), [mask])
        array([0.25])
    """
    return np.array([_energy(heat, mask) for heat, mask in _pairs(maps, masks)])


def _energy(heat: np.ndarray, mask: np.ndarray) -> float:
    total = heat.sum(dtype=np.float64)
    return float(heat[mask].sum(dtype=np.float64) / total) if total > 0 else float(mask.mean())


def area_share(masks: Masks) -> np.ndarray:
    """Returns the share of each picture that is lesion: the energy inside that a map without knowledge has on average.

    Returns:
        float64 from 0 to 1, shape ``(images,)``.
    """
    return np.array([float(np.mean(np.asarray(mask) != 0)) for mask in masks])


def pointing_by_chance(masks: Masks, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """Returns how probable it is that a pixel drawn at random is a hit: the grown lesion's share of each picture."""
    return np.array([float(grow(np.asarray(mask) != 0, tolerance).mean()) for mask in masks])


def _pairs(maps: Maps, masks: Masks) -> list[tuple[np.ndarray, np.ndarray]]:
    if len(maps) != len(masks):
        raise ExplanationError(f"{len(maps)} maps and {len(masks)} masks; give one mask a map")
    pairs = [(np.asarray(heat), np.asarray(mask) != 0) for heat, mask in zip(maps, masks)]
    for number, (heat, mask) in enumerate(pairs):
        if heat.ndim != 2 or heat.shape != mask.shape:
            raise ExplanationError(f"map {number} has shape {heat.shape}, its mask {mask.shape}; both (height, width)")
        if not mask.any():
            raise ExplanationError(f"mask {number} is empty; leave out images with an empty mask")
        if not np.isfinite(heat).all() or heat.min() < 0:
            raise ExplanationError(f"map {number} holds negative values, NaN or infinity; give values from 0")
    return pairs
