"""Finding the head in a slice."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

LARGEST_SIDE = 2048
"""A picture with a longer side is looked at reduced, so that the time does not grow with its size."""

_REDUCED_SIDE = 1024
"""The longest side of such a picture after it is reduced by a whole number."""

_LEAST = 0.02
"""A head mask under this share of the picture is taken for a failure, and the whole picture is the head."""


def head_mask(image: np.ndarray) -> np.ndarray:
    """Finds the head in a slice: what is brighter than Otsu's threshold halved, its largest piece, holes filled.

    This is the head, not the brain: skull and scalp belong to it, and whatever writing touches them. It fails where the
    background is as bright as the head or the picture is inverted. Where next to nothing is found the whole picture is
    taken for the head, so that no information is called "outside" by mistake.

    A picture with a side over `LARGEST_SIDE` pixels is reduced to 1024 or fewer first; its mask is as coarse as that.

    Args:
        image: 0..255, shape ``(height, width)`` or ``(height, width, channels)``.

    Returns:
        bool, shape ``(height, width)``.
    """
    height, width = image.shape[:2]
    if max(height, width) <= LARGEST_SIDE:
        return _find(image)
    factor = -(-max(height, width) // _REDUCED_SIDE)
    reduced = (-(-width // factor), -(-height // factor))
    small = cv2.resize(
        image if image.dtype == np.uint8 else image.astype(np.float32), reduced, interpolation=cv2.INTER_AREA
    )
    found = _find(small).astype(np.uint8)
    return cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def head_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """Returns the smallest box around the head (`head_mask`), as Pillow's ``crop`` takes it.

    Args:
        image: 0..255, shape ``(height, width)`` or ``(height, width, channels)``.

    Returns:
        left, upper, right, lower in pixels; right and lower are the first column and row outside.
    """
    return mask_box(head_mask(image))


def mask_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Returns the smallest box around a mask that is not empty, in the form of `head_box`."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _find(image: np.ndarray) -> np.ndarray:
    """Finds the head; the time grows with the pixels and, through the closing, with the longer side."""
    grey = np.asarray(image, np.float32).reshape(*image.shape[:2], -1).mean(axis=2)
    sigma = max(grey.shape) / 150
    smooth = np.clip(cv2.GaussianBlur(grey, (0, 0), sigma), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    side = 2 * round(max(grey.shape) / 60) + 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    bright = cv2.morphologyEx((smooth > threshold / 2).astype(np.uint8), cv2.MORPH_CLOSE, ellipse)
    count, pieces, numbers, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    if count < 2:
        return np.ones(grey.shape, bool)
    largest = 1 + int(numbers[1:, cv2.CC_STAT_AREA].argmax())
    head = ndimage.binary_fill_holes(pieces == largest)
    return head if head.mean() >= _LEAST else np.ones(grey.shape, bool)
