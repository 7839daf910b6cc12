"""Putting a part of one head into another: scaled to it, at a place like its own, matched in grey and blended."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from braintumor_tf.augment.counterfactual.blending import band_width, blend
from braintumor_tf.augment.counterfactual.heads import find_head

SCALES = (0.85, 1.15)
"""Range of the size of what is put in, beside the ratio of the heads' sizes."""

JITTER = 0.06
"""How far from its own place in the head it comes at most, as a share of the head's sides."""

_GAINS = (0.4, 2.5)
_PLACES = 40


@dataclass(frozen=True)
class Transplant:
    """Where a part comes from and where it goes.

    Attributes:
        matrix: shape ``(2, 3)``, the point (x, y) of the donor for each of the picture, in pixels.
        region: bool, shape of the picture: what is replaced.
    """

    matrix: np.ndarray
    region: np.ndarray


def plan_transplant(
    image: np.ndarray, donor: np.ndarray, part: np.ndarray, generator: np.random.Generator
) -> Transplant | None:
    """Draws where a part of a donor's head goes in another head: its size, its side, its place.

    The place is where the part lies in its own head, or on the other side of it, but for a few per cent. It lies in the
    head as far as it did in its own.

    Args:
        image: uint8, shape ``(height, width)``.
        donor: uint8, shape ``(height, width)`` of its own.
        part: bool, of the donor's shape.
        generator: draws.

    Returns:
        None where no place of those drawn lies in the head.
    """
    head, other = find_head(image), find_head(donor)
    (middle, size), (donor_middle, donor_size) = _frame(head), _frame(other)
    rows, columns = np.nonzero(part)
    centre = np.array([columns.mean(), rows.mean()])
    inside = float(other[part].mean())
    depth = min(0.98, inside)
    for _ in range(_PLACES):
        scale = np.sqrt(np.prod(size / donor_size)) * generator.uniform(*SCALES)
        side = -1.0 if generator.random() < 0.5 else 1.0
        relative = (centre - donor_middle) / donor_size * [side, 1.0] + generator.uniform(-JITTER, JITTER, 2)
        place = middle + relative * size
        turn = np.diag([side, 1.0]) / scale
        matrix = np.column_stack([turn, centre - turn @ place])
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        region = cv2.warpAffine(part.astype(np.uint8), matrix, image.shape[::-1], flags=flags).astype(bool)
        whole = region.sum() >= 0.9 * part.sum() * scale**2
        if region.any() and whole and head[region].mean() >= depth:
            return Transplant(matrix, region)
    return None


def transplant(image: np.ndarray, donor: np.ndarray, plan: Transplant) -> np.ndarray:
    """Puts a part of a donor's head into another head.

    Grey levels are multiplied such that the tissue around the part is as bright as the tissue around its new place;
    so a lesion keeps its contrast to its surroundings.

    Args:
        image: uint8, shape ``(height, width)``.
        donor: uint8, shape ``(height, width)`` of its own.
        plan: from `plan_transplant`.

    Returns:
        uint8, of the picture's shape.
    """
    target = image.astype(np.float32)
    shrinks = float(np.sqrt(abs(np.linalg.det(plan.matrix[:, :2]))))
    pixels = donor.astype(np.float32)
    if shrinks > 1.0:
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.5 * np.sqrt(shrinks**2 - 1) + 1e-3)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    source = cv2.warpAffine(pixels, plan.matrix, image.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    around = np.ones((2 * round(band_width(plan.region)) + 1,) * 2, np.uint8)
    band = cv2.dilate(plan.region.astype(np.uint8), around).astype(bool) & ~plan.region
    gain = (float(np.median(target[band])) + 8.0) / (float(np.median(source[band])) + 8.0)
    source = np.clip(source * np.clip(gain, *_GAINS), 0.0, 255.0)
    return np.rint(blend(target, source, plan.region)).astype(np.uint8)


def _frame(head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the middle and the sides (x, y) of the box around a head."""
    rows, columns = np.flatnonzero(head.any(1)), np.flatnonzero(head.any(0))
    low, high = np.array([columns[0], rows[0]], float), np.array([columns[-1], rows[-1]], float)
    return (low + high) / 2, high - low + 1
