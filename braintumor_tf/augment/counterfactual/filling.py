"""Filling a region of a head with healthy tissue of the same picture: from its other side, or from elsewhere in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from braintumor_tf.augment.counterfactual.blending import GRAIN, band_width, blend, ramp
from braintumor_tf.augment.counterfactual.heads import inner_head, scale_to, smaller
from braintumor_tf.datasets.head_crop import head_mask

SEARCH_SIDE = 96
"""The longer side to which a picture is made smaller for the search for similar tissue."""

AXIS_SIDE = 64
"""The longer side to which a picture is made smaller for the search for the axis."""

ANGLES = (-15, 15)
"""Range of the tilt of a head's mirror axis, in degrees."""

SYMMETRIC = 0.6
"""Correlation of a head with its mirror image from which it is taken for symmetric: an axial or a coronal slice."""

_MORE_RIM = 0.1
"""Share of a region by which tissue from elsewhere may hold more of skull, scalp and background than the region."""

OTHER_SIDE = 0.5
"""By what the difference around the region counts less for tissue of the other side, which is the right anatomy."""


@dataclass(frozen=True)
class MirrorAxis:
    """The line that a head is mirrored at.

    Attributes:
        matrix: shape ``(2, 3)``, which point (x, y) of the picture lies mirrored at (x, y), in pixels.
        correlation: of the head with its mirror image, -1..1.
    """

    matrix: np.ndarray
    correlation: float

    def mirrored(self, image: np.ndarray) -> np.ndarray:
        """Returns a picture mirrored at the line, of the same shape and dtype; beyond the border the border goes on."""
        flags = (cv2.INTER_NEAREST if image.dtype == np.uint8 else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, self.matrix, image.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def mirror_axis(image: np.ndarray, *, ignored: np.ndarray | None = None) -> MirrorAxis:
    """Finds the line at which a head is most like its mirror image.

    Lines through the neighbourhood of the head's middle are tried, upright ones and those tilted by up to 15 degrees.

    Args:
        image: 0..255, shape ``(height, width)``.
        ignored: bool, of the same shape: what does not count, nor what it is mirrored to, such as a lesion.

    Example:
        >>> image = np.zeros((60, 80), np.float32)
        >>> image[10:50, 20:70] = np.abs(np.arange(-24.5, 25)) * 4 + 40
        >>> axis = mirror_axis(image)
        >>> axis.correlation > 0.99, bool(abs(axis.matrix[0, 2] - 89) < 3)
        (True, True)
    """
    scale = scale_to(image.shape, AXIS_SIDE)
    small = smaller(image, scale)
    head = head_mask(small)
    kept = head if ignored is None else head & (smaller(ignored.astype(np.float32), scale) < 0.1)
    kept = kept if kept.sum() > 9 else head
    rows, columns = np.nonzero(head)
    middle = np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2])
    spread = 0.08 * (columns.max() - columns.min() + 1)
    best = (-2.0, 0.0, 0.0)
    steps, angles = np.linspace(-spread, spread, 9), np.arange(ANGLES[0], ANGLES[1] + 1, 5.0)
    for _ in range(3):
        tried = [(angle, step) for angle in angles for step in steps]
        best = max([best, *((_symmetry(small, kept, _mirror(middle, *each)), *each) for each in tried)])
        angles = best[1] + np.linspace(-1, 1, 3) * (angles[1] - angles[0]) / 2
        steps = best[2] + np.linspace(-1, 1, 3) * (steps[1] - steps[0]) / 2
    matrix = _mirror((middle + 0.5) / scale - 0.5, best[1], best[2] / scale)
    return MirrorAxis(matrix, best[0])


def fill_region(
    image: np.ndarray, region: np.ndarray, *, avoided: np.ndarray | None = None
) -> tuple[np.ndarray, str] | None:
    """Replaces a region by healthy tissue of the same picture.

    Of two sources the one whose surroundings fit better is taken: the other side of a symmetric head, where the region
    does not reach across the axis; or tissue from elsewhere in the head.

    Args:
        image: uint8, shape ``(height, width)``.
        region: bool, of the same shape, not empty.
        avoided: bool, of the same shape: where no tissue is taken from, beside the region itself.

    Returns:
        The picture, uint8, and where the tissue is from: ``mirrored`` or ``elsewhere``. None where the head has no
        room for so large a region beside what is avoided.

    Example:
        >>> image = np.full((64, 64), 10, np.uint8)
        >>> image[8:56, 8:56] = 120
        >>> spot = np.zeros((64, 64), bool)
        >>> spot[20:30, 14:24] = True
        >>> filled, source = fill_region(np.where(spot, 250, image).astype(np.uint8), spot)
        >>> bool(np.abs(filled.astype(int) - image).max() < 12)
        True
    """
    target = image.astype(np.float32)
    around = ramp(region, band_width(region)) > 0
    forbidden = region if avoided is None else region | avoided
    found = [_elsewhere(target, region, around, forbidden)]
    axis = mirror_axis(image, ignored=forbidden)
    if axis.correlation >= SYMMETRIC and not (axis.mirrored(forbidden.astype(np.uint8)).astype(bool) & region).any():
        source, difference = _settled(target, axis.mirrored(target), around & ~region, band_width(region))
        found.append((source, OTHER_SIDE * difference, "mirrored"))
    fitting = [each for each in found if each is not None]
    if not fitting:
        return None
    source, _, name = min(fitting, key=lambda each: each[1])
    return np.rint(blend(target, source, region)).astype(np.uint8), name


def _mirror(middle: np.ndarray, angle: float, shift: float) -> np.ndarray:
    """Returns the matrix that mirrors at a line through `middle` + (`shift`, 0), tilted by `angle` degrees."""
    tilt = np.deg2rad(2 * angle)
    turn = np.array([[-np.cos(tilt), -np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    through = middle + np.array([shift, 0.0])
    return np.column_stack([turn, through - turn @ through])


def _symmetry(image: np.ndarray, kept: np.ndarray, matrix: np.ndarray) -> float:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    both = np.dstack([image, kept.astype(np.float32)])
    other = cv2.warpAffine(both, matrix, image.shape[::-1], flags=flags)
    where = kept & (other[..., 1] > 0.5)
    if where.sum() < 0.5 * kept.sum():
        return -1.0
    first, second = image[where], other[..., 0][where]
    first, second = first - first.mean(), second - second.mean()
    return float((first @ second) / (np.sqrt((first @ first) * (second @ second)) + 1e-6))


def _settled(target: np.ndarray, source: np.ndarray, band: np.ndarray, reach: float) -> tuple[np.ndarray, float]:
    """Shifts a source by a few pixels to where it fits the band best; returns it and what is left, in grey levels."""
    limit = int(np.ceil(reach))
    smooth, other = (cv2.GaussianBlur(image, (0, 0), GRAIN) for image in (target, source))
    rows, columns = np.nonzero(band)
    best = (np.inf, 0, 0)
    step, some = max(1, limit // 2), slice(None, None, max(1, len(rows) // 2000))
    rows, columns = rows[some], columns[some]
    for down in range(-limit, limit + 1, step):
        for right in range(-limit, limit + 1, step):
            moved = other[(rows + down).clip(0, other.shape[0] - 1), (columns + right).clip(0, other.shape[1] - 1)]
            difference = smooth[rows, columns] - moved
            best = min(best, (float(np.std(difference)) + 0.3 * abs(float(difference.mean())), down, right))
    return _moved(source, best[1], best[2]), best[0]


def _moved(image: np.ndarray, down: float, right: float) -> np.ndarray:
    matrix = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, image.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _elsewhere(
    target: np.ndarray, region: np.ndarray, around: np.ndarray, forbidden: np.ndarray
) -> tuple[np.ndarray, float, str] | None:
    """Finds tissue whose surroundings are like those of the region.

    No forbidden pixel is in it, and hardly more skull, scalp and background than where it goes.

    Returns:
        The picture moved such that the tissue lies on the region, what its surroundings differ by, in grey levels, and
        ``elsewhere``; None where the head has no room for it.
    """
    scale = scale_to(target.shape, SEARCH_SIDE)
    small, blocked = smaller(target, scale), smaller(forbidden, scale)
    rim = (~inner_head(head_mask(small))).astype(np.float32)
    inner, outer = (smaller(mask, scale) > 0.5 for mask in (region, around))
    if not outer.any():
        return None
    rows, columns = np.flatnonzero(outer.any(1)), np.flatnonzero(outer.any(0))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shape = outer[window].astype(np.float32)
    band = (outer & ~inner)[window].astype(np.float32)
    error = cv2.matchTemplate(small, np.ascontiguousarray(small[window]), cv2.TM_SQDIFF, mask=band)
    room = float((rim[window] * shape).sum() + _MORE_RIM * shape.sum())
    allowed = cv2.matchTemplate(blocked, shape, cv2.TM_CCORR) < 0.5
    allowed &= cv2.matchTemplate(rim, shape, cv2.TM_CCORR) <= room
    if not allowed.any() or not band.any():
        return None
    place = np.unravel_index(np.where(allowed, error, np.inf).argmin(), error.shape)
    moved = _moved(target, round((place[0] - rows[0]) / scale), round((place[1] - columns[0]) / scale))
    return *_settled(target, moved, around & ~region, max(1.0, 1.0 / scale)), "elsewhere"
