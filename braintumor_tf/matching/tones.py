"""Pictures whose histogram was equalised: how they are told, and how their background is made dark again."""

from __future__ import annotations

import numpy as np

EVEN = 0.22
"""Largest distance of the distribution of grey levels from an even one at which a picture counts as equalised."""

POWER = 3
"""Power of the grey levels, as shares of white, that takes an equalised picture back to about those of a slice."""

_BLACK = 3
_LEAST_PIXELS = 500
_LEVELS = np.arange(256) / 255


def equalised(pictures: np.ndarray) -> np.ndarray:
    """Returns the positions of the pictures whose grey levels are spread as evenly as equalising makes them.

    Args:
        pictures: uint8 of shape ``(n, height, width)``.

    Returns:
        int64. A bright head that fills its frame is among them too.

    Example:
        >>> even, dark = np.arange(1024).reshape(32, 32) // 4, np.arange(1024).reshape(32, 32) // 16
        >>> equalised(np.uint8([dark, even])).tolist()
        [1]
    """
    return np.flatnonzero(unevenness(pictures) <= EVEN)


def darkened(pictures: np.ndarray) -> np.ndarray:
    """Returns equalised pictures with about the grey levels of a slice.

    Equalising spreads grey levels evenly. Nearly half of a slice is background, so its noise then fills half of the
    scale, and neither the head nor its details stand out. A monotone map leaves what the details look like.

    Args:
        pictures: uint8 of any shape.

    Returns:
        uint8 of the same shape.

    Example:
        >>> darkened(np.uint8([0, 85, 170, 255])).tolist()
        [0, 9, 76, 255]
    """
    return np.rint(255 * _LEVELS**POWER).astype(np.uint8)[pictures]


def unevenness(pictures: np.ndarray) -> np.ndarray:
    """Returns how far grey levels are from evenly spread, black left out: the Kolmogorov-Smirnov distance, 0..1.

    Args:
        pictures: uint8 of shape ``(n, height, width)``.

    Returns:
        Shape ``(n,)``; 1 for pictures that are nearly all black.
    """
    result = np.ones(len(pictures))
    for row, picture in enumerate(pictures):
        counts = np.bincount(picture.ravel(), minlength=256)
        counts[:_BLACK] = 0
        total = counts.sum()
        if total >= _LEAST_PIXELS:
            result[row] = np.abs(np.cumsum(counts) / total - _LEVELS).max()
    return result
