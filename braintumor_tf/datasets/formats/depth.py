"""The one scaling of pixels that are not of 8 bits: from robust percentiles of the picture to 0 and 255."""

from __future__ import annotations

import math

import numpy as np

PERCENTILES = (0.5, 99.5)
"""Percentiles of a picture's pixels that become 0 and 255, as nnU-Net (Isensee et al., 2021) clips intensities."""


def to_bytes(pixels: np.ndarray, *, counted: np.ndarray | None = None) -> np.ndarray:
    """Scales pixels of any depth linearly to 8 bits: the 0.5th percentile becomes 0, the 99.5th 255.

    What lies beyond is cut off, so that a few hot or dead pixels do not decide how bright a picture is. A percentile is
    the value of a pixel (the nearest one inward), of all channels together, so that colours keep their hue. Where both
    are the same value, as in a picture that is nearly all background, the lowest and the highest value take their
    places. A flat picture becomes 0, and so does a value that is not a finite number.

    Args:
        pixels: integers or floats of any range, any shape.
        counted: bool, which pixels the percentiles are of, of the shape of `pixels` or of its first axes; None for all.

    Returns:
        uint8 of the same shape, 0..255.

    Example:
        >>> slope = np.arange(1000, dtype=np.uint16)
        >>> slope[7] = 60_000  # a hot pixel
        >>> to_bytes(slope)[[0, 7, 500, 999]].tolist()
        [0, 255, 128, 255]
    """
    finite = None
    values = pixels if counted is None else pixels[counted]
    if pixels.dtype.kind == "f":
        finite = np.isfinite(pixels)
        finite = None if finite.all() else finite
        values = values[np.isfinite(values)]
    low, high = _range(values.ravel())
    if high <= low:
        return np.zeros(pixels.shape, np.uint8)
    kept = pixels if finite is None else np.where(finite, pixels, low)
    scaled = np.clip(kept, low, high).astype(np.float64)
    low, high = float(low), float(high)
    if not math.isfinite(high - low):  # float64 from one end of its range to the other
        scaled, low, high = scaled / 2, low / 2, high / 2
    scaled -= low
    scaled /= high - low
    scaled *= 255.0
    made = np.rint(scaled, out=scaled).astype(np.uint8)
    if finite is not None:
        made[~finite] = 0
    return made


def _range(values: np.ndarray) -> tuple[np.generic | float, np.generic | float]:
    if not values.size:
        return 0.0, 0.0
    first, last = (share / 100 * (values.size - 1) for share in PERCENTILES)
    places = math.ceil(first), math.floor(last)
    if places[0] < places[1]:
        ordered = np.partition(values, places)
        if ordered[places[0]] < ordered[places[1]]:
            return ordered[places[0]], ordered[places[1]]
    return values.min(), values.max()
