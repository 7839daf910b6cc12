"""Masks of an image's parts (lesion, head, border strip), and images in which a part is covered."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
from scipy import signal

from braintumor_tf.errors import ExplanationError
from braintumor_tf.identity.lesions.masks import Mask, find_masks
from braintumor_tf.leakage.baseline_models import BORDER_PIXELS

BORDER_SHARE = BORDER_PIXELS / 64
"""Width of the border strip as a share of each side; that of the shortcut baseline ``border``."""

_INPAINT_RADIUS = 3


def with_masks(manifest: pd.DataFrame, masks: Sequence[Mask | None] | None = None) -> tuple[pd.DataFrame, list[Mask]]:
    """Returns the rows of a manifest whose lesion is known, and their masks or boxes.

    Args:
        manifest: a manifest.
        masks: one for each row, None for an image without; None finds them (`find_masks`).

    Raises:
        ExplanationError: no image has a mask or a box, or there is another number of masks than of images.
    """
    masks = masks_of(manifest, masks)
    there = np.array([mask is not None for mask in masks], bool)
    if not there.any():
        raise ExplanationError(
            "no image has a lesion mask or box; give masks, a manifest with lesion_box, or a synthetic data set"
        )
    return manifest[there], [mask for mask in masks if mask is not None]


def masks_of(manifest: pd.DataFrame, masks: Sequence[Mask | None] | None = None) -> list[Mask | None]:
    """Returns the mask of each row of a manifest, those given or those found; the arguments are those of `with_masks`.

    Raises:
        ExplanationError: there is another number of masks than of images.
    """
    masks = find_masks(manifest).tolist() if masks is None else list(masks)
    if len(masks) != len(manifest):
        raise ExplanationError(
            f"{len(masks)} masks for {len(manifest)} images; give one an image, None for an image without"
        )
    return masks


def border_mask(shape: tuple[int, ...]) -> np.ndarray:
    """Returns the strip along the four sides, `BORDER_SHARE` of each wide and at least one pixel.

    Args:
        shape: of the image, ``(height, width, ...)``.

    Returns:
        bool, shape ``(height, width)``.

    Example:
        >>> border_mask((3, 4))[1].tolist()
        [True, False, False, True]
    """
    height, width = shape[:2]
    rows, columns = (max(1, round(BORDER_SHARE * side)) for side in (height, width))
    strip = np.ones((height, width), bool)
    strip[rows : height - rows, columns : width - columns] = False
    return strip


def grow(mask: np.ndarray, share: float) -> np.ndarray:
    """Returns a mask and everything within `share` of the picture's longer side from it.

    Example:
        >>> grow(np.arange(9).reshape(3, 3) == 4, 1 / 3).astype(int).tolist()
        [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    """
    if share <= 0 or mask.all():
        return mask.copy()
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= share * max(mask.shape)


def place_elsewhere(mask: np.ndarray, head: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Moves a mask to another place in the head, drawn from all those where it does not touch where it was.

    Where it fits nowhere, the place is drawn from those where least of it lies outside the head or on itself; the
    latter counts ten times.

    Args:
        mask: bool, shape ``(height, width)``, not empty.
        head: bool, of the same shape.
        generator: draws the place.

    Returns:
        The same shape of the same size elsewhere: bool, shape ``(height, width)``.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    patch = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    forbidden = np.where(mask, 10.0, np.where(head, 0.0, 1.0))
    cost = np.rint(signal.fftconvolve(forbidden, patch[::-1, ::-1].astype(float), mode="valid"))
    places = np.argwhere(cost == cost.min())
    top, left = places[generator.integers(len(places))]
    moved = np.zeros_like(mask)
    moved[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return moved


def cover(image: np.ndarray, mask: np.ndarray, *, fill: float | None = None) -> np.ndarray:
    """Covers a part of an image.

    Args:
        image: uint8, shape ``(height, width)`` or ``(height, width, 3)``.
        mask: what to cover: bool, shape ``(height, width)``.
        fill: the grey level, 0..255; None continues the surroundings into the part (inpainting, Telea, 2004), which
            leaves no edge that could be taken for a lesion.

    Returns:
        uint8, of the image's shape; the image is not changed.

    Example:
        >>> cover(np.full((1, 3), 9, np.uint8), np.array([[False, True, False]]), fill=0).tolist()
        [[9, 0, 9]]
    """
    if fill is None and not mask.all():
        return cv2.inpaint(np.ascontiguousarray(image), mask.astype(np.uint8), _INPAINT_RADIUS, cv2.INPAINT_TELEA)
    covered = image.copy()
    covered[mask] = round(0 if fill is None else fill)
    return covered
