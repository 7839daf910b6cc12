"""Blending one picture into a region of another so that neither grey level nor grain tells where it was."""

from __future__ import annotations

import cv2
import numpy as np

GRAIN = 1.5
"""Standard deviation, in pixels, of the blur whose remainder is taken for grain: noise, texture and fine edges."""

_LEAST_BAND = 3.0
_SPREAD_SIDE = 48
_GRAIN_RATIOS = (0.5, 2.0)


def ramp(region: np.ndarray, width: float) -> np.ndarray:
    """Returns the weight of what is blended into a region: 1 in it, 0 from `width` pixels outside on, smooth between.

    Args:
        region: bool, shape ``(height, width)``.
        width: of the band in which the weight falls, in pixels.

    Returns:
        float32 in 0..1, of the region's shape.

    Example:
        >>> ramp(np.eye(1, 5, dtype=bool), 2.0).tolist()
        [[1.0, 0.5, 0.0, 0.0, 0.0]]
    """
    if region.all():
        return np.ones(region.shape, np.float32)
    distance = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    left = np.clip(1.0 - distance / width, 0.0, 1.0)
    return (left * left * (3.0 - 2.0 * left)).astype(np.float32)


def band_width(region: np.ndarray) -> float:
    """Returns how wide the band around a region is in which one picture turns into the other, in pixels."""
    return max(_LEAST_BAND, 0.15 * float(np.sqrt(region.sum())))


def blend(target: np.ndarray, source: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Blends a picture into a region of another.

    The smooth part of the source is shifted by what it differs from the target around the region, continued inwards
    (as in the Poisson equation, but of the smooth part, so that noise on the edge draws no streaks). Its grain is
    brought to the strength that the target's has there. Grain is mixed such that its strength stays the same in the
    band: mixing two noises by w and 1 - w would leave less of both, which a network sees as a smooth ring.

    Source: Burt and Adelson, "A multiresolution spline with application to image mosaics", ACM Transactions on
    Graphics 2 (1983), with two bands; Pérez, Gangnet and Blake, "Poisson image editing", SIGGRAPH 2003.

    Args:
        target: float32, shape ``(height, width)``, in 0..255.
        source: of the same shape; what lies in the region and the band around it is used.
        region: bool, of the same shape.

    Returns:
        float32, of the target's shape, in 0..255; exactly the target from `band_width` pixels outside the region on.

    Example:
        >>> target, region = np.full((40, 40), 90, np.float32), np.zeros((40, 40), bool)
        >>> region[15:25, 15:25] = True
        >>> bool(np.allclose(blend(target, np.full((40, 40), 200, np.float32), region), 90, atol=0.5))
        True
    """
    width = band_width(region)
    window = _window(region, 2 * width + 4 * GRAIN)
    weight = ramp(region[window], width)
    band = (weight > 0) & ~region[window]
    band = band if band.any() else weight > 0
    near, far = target[window], source[window]
    smooth, base = _smooth_outside(near, region[window]), cv2.GaussianBlur(far, (0, 0), GRAIN)
    grain, foreign = near - smooth, far - base
    difference = smooth - _smooth_outside(far, region[window])
    base = base + spread(difference, band, reach=width)
    foreign = foreign * grain_ratio(grain, foreign, band)
    mixed = weight * base + (1.0 - weight) * smooth
    fine = (weight * foreign + (1.0 - weight) * grain) / np.sqrt(weight**2 + (1.0 - weight) ** 2)
    result = np.array(target, np.float32)
    result[window] = np.where(weight > 0, np.clip(mixed + fine, 0.0, 255.0), near)
    return result


def _smooth_outside(image: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Blurs a picture such that nothing of a region spills over its edge: a bright lesion would leave a halo."""
    outside = (~region).astype(np.float32)
    share = cv2.GaussianBlur(outside, (0, 0), GRAIN)
    return cv2.GaussianBlur(image * outside, (0, 0), GRAIN) / np.maximum(share, 1e-3)


def _window(region: np.ndarray, margin: float) -> tuple[slice, slice]:
    """Returns the rows and columns that hold a region and a margin around it, in pixels."""
    rows, columns, more = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0)), int(np.ceil(margin))
    return slice(max(0, rows[0] - more), rows[-1] + more + 1), slice(max(0, columns[0] - more), columns[-1] + more + 1)


def spread(values: np.ndarray, known: np.ndarray, *, reach: float) -> np.ndarray:
    """Continues values smoothly from where they are known over the whole picture (normalised convolution).

    Near a known pixel its neighbours count, far from all of them ever more of them.

    Args:
        values: float32, shape ``(height, width)``.
        known: bool, of the same shape, True somewhere.
        reach: the smallest radius that is averaged over, in pixels.

    Returns:
        float32, of the same shape.
    """
    scale = min(1.0, _SPREAD_SIDE / max(values.shape))
    size = (max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale)))
    weight = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    known_values = np.where(known, values, 0).astype(np.float32)
    small = cv2.resize(known_values, size, interpolation=cv2.INTER_AREA)
    found, missing = np.zeros_like(small), np.ones_like(small)
    sigma = max(1.0, scale * reach)
    while sigma < 2 * max(size):
        share = cv2.GaussianBlur(weight, (0, 0), sigma)
        trust = missing * np.clip(share / 0.1, 0.0, 1.0)
        found += trust * cv2.GaussianBlur(small, (0, 0), sigma) / np.maximum(share, 1e-6)
        missing = missing - trust
        sigma *= 2
    found += missing * float(values[known].mean())
    return cv2.resize(found, values.shape[::-1], interpolation=cv2.INTER_LINEAR)


def grain_ratio(wanted: np.ndarray, given: np.ndarray, where: np.ndarray) -> float:
    """Returns by what the grain of one picture is multiplied to be as strong as another's, 0.5 to 2.

    Strength is the median of the absolute value, so that an edge in the band does not count for noise.

    Args:
        wanted: grain of the target, of any shape.
        given: grain of the source, of the same shape.
        where: bool, the pixels that are compared.
    """
    ratio = (float(np.median(np.abs(wanted[where]))) + 0.25) / (float(np.median(np.abs(given[where]))) + 0.25)
    return float(np.clip(ratio, *_GRAIN_RATIOS))
