"""Occlusion: how much the probability of a class drops when a part of the image is covered; no look inside the model.

Every patch is covered in the image as it was given, before the model resizes it. So the map is in the image's own
pixels, and the model is asked about an image that could be given to it.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.images import scaled
from braintumor_tf.explanation.subject import Subject

PIXELS_AT_ONCE = 2**24
"""Values that occluded copies may hold at once, beside one copy at least: 64 MiB of float32."""

ROUNDING = 1e-6
"""A drop of probability below this is rounding of float32 and not a finding."""

FILLS = ("mean", "blur")

Side = int | float | tuple[int | float, int | float]
"""Pixels, or a share of the image's side (a float up to 1), or a pair of those for height and width."""


def occlusion(
    subject: Subject,
    images: Sequence[np.ndarray],
    targets: Sequence[int | None],
    *,
    batch_size: int = 16,
    patch: Side = 0.125,
    stride: Side | None = None,
    fill: str | float = "mean",
) -> list[np.ndarray]:
    """Computes occlusion maps.

    The value of a pixel is the mean drop over all patches that cover it; where covering raises the probability it is 0.

    Args:
        subject: the model.
        images: each float32 of shape ``(height, width, 1 | 3)``, sizes may differ.
        targets: the index of the class asked about for each image, or None for the predicted one.
        batch_size: occluded copies that the model takes at once.
        patch: the patch's side: a share of the image's sides (float up to 1), pixels (int), or a pair of either for
            height and width.
        stride: the step from one patch to the next, in the same units and not above the patch; None for half a patch.
            The last patch always ends at the image's border.
        fill: what covers: ``"mean"``, the image's own mean colour; ``"blur"``, the image blurred by a Gaussian of half
            a patch; or a pixel value from 0 to 255.

    Raises:
        ExplanationError: a size or the fill is out of range.
    """
    return [
        scaled(
            drops(subject, image, target, batch_size=batch_size, patch=patch, stride=stride, fill=fill), floor=ROUNDING
        )
        for image, target in zip(images, targets)
    ]


def drops(
    subject: Subject,
    image: np.ndarray,
    target: int | None,
    *,
    batch_size: int = 16,
    patch: Side = 0.125,
    stride: Side | None = None,
    fill: str | float = "mean",
) -> np.ndarray:
    """Returns the mean drop of the target's probability at each pixel, not scaled.

    Args:
        subject: the model.
        image: float32 of shape ``(height, width, 1 | 3)``.
        target: the index of the class, or None for the predicted one.
        batch_size: as in `occlusion`, and so are the others.
        patch: see there.
        stride: see there.
        fill: see there.

    Returns:
        float64 of shape ``(height, width)``, from -1 to 1; negative where covering raises the probability.
    """
    size = image.shape[:2]
    height, width = _pixels("patch", patch, size)
    steps = (max(1, height // 2), max(1, width // 2)) if stride is None else _pixels("stride", stride, size)
    if steps[0] > height or steps[1] > width:
        raise ExplanationError(f"stride {steps} is above the patch {height, width}; pixels between would be left out")
    filler = _filler(image, (height, width), fill)
    corners = [(top, left) for top in _starts(size[0], height, steps[0]) for left in _starts(size[1], width, steps[1])]
    before = subject.probabilities([image])[0]
    index = int(before.argmax()) if target is None else target
    total, count = np.zeros(size), np.zeros(size)
    at_once = max(1, min(batch_size, PIXELS_AT_ONCE // image.size))
    for first in range(0, len(corners), at_once):
        chosen = corners[first : first + at_once]
        copies = np.repeat(image[None], len(chosen), axis=0)
        for copy, (top, left) in zip(copies, chosen):
            covered = (slice(top, top + height), slice(left, left + width))
            copy[covered] = filler[covered]
        after = subject.probabilities(copies)[:, index]
        for probability, (top, left) in zip(after, chosen):
            total[top : top + height, left : left + width] += float(before[index]) - float(probability)
            count[top : top + height, left : left + width] += 1
    return total / count


def _starts(side: int, patch: int, step: int) -> list[int]:
    return [*range(0, side - patch, step), side - patch]


def _pixels(name: str, value: Side, size: tuple[int, int]) -> tuple[int, int]:
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ExplanationError(f"{name} {value!r} has {len(pair)} sides; give one number, or (height, width)")
    return tuple(_one_side(name, one, side) for one, side in zip(pair, size))


def _one_side(name: str, value: int | float, side: int) -> int:
    if isinstance(value, numbers.Integral) and not isinstance(value, bool) and 1 <= value <= side:
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral) and 0.0 < value <= 1.0:
        return max(1, round(float(value) * side))
    raise ExplanationError(
        f"{name} {value!r} does not fit a side of {side} pixels; give 1 to {side} pixels, or a share above 0, up to 1.0"
    )


def _filler(image: np.ndarray, patch: tuple[int, int], fill: str | float) -> np.ndarray:
    """Returns the image that shows where the other is covered, of the same shape."""
    if isinstance(fill, str) and fill == "mean":
        return np.broadcast_to(image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32), image.shape)
    if isinstance(fill, str) and fill == "blur":
        return gaussian_filter(image, sigma=(patch[0] / 2, patch[1] / 2, 0), mode="nearest")
    if isinstance(fill, numbers.Real) and not isinstance(fill, bool) and 0 <= fill <= 255:
        return np.full(image.shape, fill, np.float32)
    raise ExplanationError(f"fill {fill!r} is not known; choose one of {', '.join(FILLS)}, or a value from 0 to 255")
