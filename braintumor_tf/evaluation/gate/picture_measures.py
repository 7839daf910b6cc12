"""What can be said of a picture without any network: its grey levels, its border, its head, its grain."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from braintumor_tf.datasets.head_crop import head_mask, mask_box

MEASURES = {
    "colour": "colour",
    "contrast": "contrast",
    "smoothness": "the likeness of neighbouring pixels",
    "border": "the brightness of the border",
    "head": "the area of the head",
    "dark": "the dark area",
    "median": "the median grey level",
    "core": "the contrast inside the head",
    "rim": "the brightness of the head's rim",
    "aspect": "the head's width against its height",
}
"""The measures in order, with what each is called in a sentence."""

LONGEST = 128
"""Pictures are brought down to so many pixels along their longer side, so that each costs the same."""

SHAPE_SIZE = 16
"""Side in pixels of the small picture of the head that is compared."""

_BORDER = 0.04
_CORE, _RIM = 0.35, 0.15  # of the largest depth below the head's outline


class PictureMeasures(NamedTuple):
    """What a gate knows of a picture without any network.

    Attributes:
        size: height and width in pixels.
        values: float64 of shape ``(10,)``, in the order of `MEASURES`; finite.
        shape: how grey is laid out inside the head's box, whatever the brightness and the contrast: float32 of shape
            ``(256,)``, 16 x 16 pixels of mean 0 and length 1; zeros where all are alike.
    """

    size: tuple[int, int]
    values: np.ndarray
    shape: np.ndarray


def measure_picture(picture: np.ndarray) -> PictureMeasures:
    """Measures a picture; its head is looked for once.

    The values are: mean distance of a pixel's largest from its smallest channel; standard deviation of grey;
    correlation of neighbouring pixels; mean of a border strip of 4 % against the 95th percentile; share of the head's
    mask (`braintumor_tf.datasets.head_mask`); share of pixels under a tenth of the brightest; median; standard
    deviation against mean in the core of the head (logarithm), where a CT slice has next to none; mean of the head's
    rim against that of its core (logarithm); width against height of the head's box (logarithm).

    Args:
        picture: uint8 of shape ``(height, width)`` or ``(height, width, 3)``, any size from 1 x 1.

    Example:
        >>> black = measure_picture(np.zeros((64, 64), np.uint8))
        >>> float(black.values[list(MEASURES).index("contrast")])
        0.0
        >>> ramp = measure_picture(np.tile(np.arange(64, dtype=np.uint8), (64, 1)))
        >>> ramp.size, float(np.linalg.norm(ramp.shape).round(4))
        ((64, 64), 1.0)
    """
    small, colour = _small(picture)
    mask = head_mask(small)
    box = mask_box(mask)
    return PictureMeasures(np.shape(picture)[:2], _values(small, colour, mask, box), _shape(small, box))


def _values(small: np.ndarray, colour: float, mask: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    grey = small.astype(float)
    border, core, rim = _border(grey.shape), *_core_and_rim(mask)
    inside = grey[core] if core.any() else grey.ravel()
    edge = grey[rim] if rim.any() else inside
    left, top, right, bottom = box
    return np.array([
        colour,
        grey.std() / 255,
        _neighbours_alike(grey - grey.mean()),
        grey[border].mean() / (np.percentile(grey, 95) + 1),
        mask.mean(),
        (grey < 0.1 * max(1.0, np.percentile(grey, 99))).mean(),
        np.median(grey) / 255,
        np.log(inside.std() / (inside.mean() + 1) + 0.01),
        np.log(edge.mean() / (inside.mean() + 1) + 0.05),
        np.log((right - left) / (bottom - top)),
    ])  # fmt: skip


def _shape(small: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    size = (SHAPE_SIZE, SHAPE_SIZE)
    shape = cv2.resize(small[top:bottom, left:right], size, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    shape -= shape.mean()
    return shape / max(float(np.linalg.norm(shape)), 1e-6)


def _small(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture in grey, its longer side at most `LONGEST`, and how coloured it is."""
    picture = np.asarray(picture)
    scale = LONGEST / max(picture.shape[:2])
    if scale < 1:
        size = tuple(max(1, round(scale * side)) for side in picture.shape[1::-1])
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if picture.ndim == 2:
        return picture, 0.0
    colour = (picture.max(axis=2).astype(float) - picture.min(axis=2)).mean() / 255
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), float(colour)


def _neighbours_alike(centred: np.ndarray) -> float:
    """The correlation of pixels with their right and lower neighbours; 1 where all pixels are alike."""
    variance = (centred**2).mean()
    if variance < 1e-6:
        return 1.0
    pairs = [centred[:, 1:] * centred[:, :-1], centred[1:] * centred[:-1]]
    return float(np.mean([pair.mean() for pair in pairs if pair.size] or [variance]) / variance)


def _border(shape: tuple[int, int]) -> np.ndarray:
    width = max(1, round(_BORDER * min(shape)))
    border = np.ones(shape, bool)
    border[width:-width, width:-width] = False
    return border


def _core_and_rim(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inner and the outermost part of a mask, by the distance from what is outside it."""
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return depth > _CORE * depth.max(), (depth > 0) & (depth < _RIM * depth.max())
