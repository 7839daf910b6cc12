"""The head in a picture, found on a small copy of it: where parts may go, and where they may come from."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import signal

from braintumor_tf.datasets.head_crop import head_mask

SIDE = 128
"""The longer side of the copy, in pixels."""

RIM = 0.1
"""How much of the head's smaller side is skull and scalp, on each side."""


def scale_to(shape: tuple[int, ...], side: int = SIDE) -> float:
    """Returns the scale, at most 1, at which the longer side of a picture has `side` pixels."""
    return min(1.0, side / max(shape))


def smaller(image: np.ndarray, scale: float) -> np.ndarray:
    """Returns a picture made smaller by averaging: float32, shape ``(height, width)``, at least 1 by 1."""
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(np.asarray(image, np.float32), size, interpolation=cv2.INTER_AREA)


def find_head(image: np.ndarray) -> np.ndarray:
    """Returns the head (`datasets.head_crop.head_mask`): bool, shape ``(height, width)``.

    Args:
        image: uint8, shape ``(height, width)``.
    """
    head = head_mask(smaller(image, scale_to(image.shape))).astype(np.uint8)
    return cv2.resize(head, image.shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)


def inner_head(head: np.ndarray) -> np.ndarray:
    """Returns a head without its rim, where skull and scalp are: `RIM` of its smaller side is taken away.

    Args:
        head: bool, shape ``(height, width)``.

    Returns:
        bool, of the same shape; the whole head where nothing would be left.
    """
    least = min(np.count_nonzero(head.any(0)), np.count_nonzero(head.any(1)))
    depth = cv2.distanceTransform(np.pad(head, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    inner = depth > RIM * least
    return inner if inner.any() else head


def elsewhere(
    region: np.ndarray, head: np.ndarray, generator: np.random.Generator, *, avoided: np.ndarray | None = None
) -> np.ndarray:
    """Moves a region to a place in a head, drawn from those where it lies in the head and does not touch `avoided`.

    Where it fits nowhere, the place is one where least of it is wrong; touching counts ten times.

    Args:
        region: bool, shape ``(height, width)``, not empty.
        head: bool, of the same shape.
        generator: draws the place.
        avoided: bool, of the same shape; None for nothing.

    Returns:
        The same shape of the same size elsewhere: bool, ``(height, width)``.
    """
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = scale_to(region.shape)
    wrong = 1.0 - smaller(head, scale)
    wrong = wrong if avoided is None else np.maximum(wrong, 10.0 * smaller(avoided, scale))
    patch = smaller(region[window], scale)[: wrong.shape[0], : wrong.shape[1]]
    cost = signal.fftconvolve(wrong, patch[::-1, ::-1], mode="valid")
    places = np.argwhere(cost <= cost.min() + 0.02 * patch.sum())
    place = np.rint(places[generator.integers(len(places))] / scale).astype(int)
    moved, whole = np.zeros_like(region), region[window]
    top, left = np.minimum(place, np.array(region.shape) - whole.shape)
    moved[top : top + whole.shape[0], left : left + whole.shape[1]] = whole
    return moved
