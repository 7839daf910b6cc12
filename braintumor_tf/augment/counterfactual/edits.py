"""The four edits: a lesion taken out or put in, and the two controls that leave the label as it is."""

from __future__ import annotations

import cv2
import numpy as np

from braintumor_tf.augment.counterfactual.filling import fill_region
from braintumor_tf.augment.counterfactual.heads import elsewhere, find_head, inner_head
from braintumor_tf.augment.counterfactual.transplants import plan_transplant, transplant
from braintumor_tf.identity.lesions import LesionBox

MARGIN = 1.12
"""How much larger than the lesion's box the region is that is exchanged."""

_ROUNDNESS = 3.0


def lesion_region(lesion: np.ndarray | LesionBox, shape: tuple[int, ...]) -> np.ndarray:
    """Returns what is exchanged where a lesion lies: its mask, or a rounded box, a little larger than either.

    Args:
        lesion: a mask of the picture's shape, not 0 where the lesion is, or its box.
        shape: of the picture, ``(height, width, ...)``.

    Returns:
        bool, shape ``(height, width)``, not empty.

    Example:
        >>> bool(lesion_region(LesionBox(0.5, 0.5, 0.2, 0.4), (100, 100)).sum() > 0.2 * 0.4 * 100**2)
        True
    """
    height, width = shape[:2]
    if not isinstance(lesion, LesionBox):
        mask = np.asarray(lesion) != 0
        grown = max(1, round((MARGIN - 1) * np.sqrt(mask.sum()) / 2))
        ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grown + 1, 2 * grown + 1))
        return cv2.dilate(mask.astype(np.uint8), ellipse).astype(bool)
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    down = np.abs(rows - lesion.y) / (MARGIN * lesion.height / 2)
    right = np.abs(columns - lesion.x) / (MARGIN * lesion.width / 2)
    region = down[:, None] ** _ROUNDNESS + right[None, :] ** _ROUNDNESS <= 1.0
    return region if region.any() else lesion.mask(shape)


def remove_lesion(image: np.ndarray, region: np.ndarray) -> np.ndarray | None:
    """Takes a lesion out: tissue of the other side, or of elsewhere in the head, takes its place.

    Args:
        image: uint8, shape ``(height, width)``.
        region: of the lesion (`lesion_region`).

    Returns:
        uint8, of the same shape; the same picture but for the region and a band around it. None where the head has no
        room beside so large a lesion.

    Example:
        >>> image, spot = np.full((64, 64), 120, np.uint8), np.zeros((64, 64), bool)
        >>> spot[20:30, 14:24] = True
        >>> int(remove_lesion(np.where(spot, 250, image).astype(np.uint8), spot).max()) < 130
        True
    """
    filled = fill_region(image, region)
    return None if filled is None else filled[0]


def paste_lesion(
    image: np.ndarray, donor: np.ndarray, lesion: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Puts the lesion of another head in, scaled to this head and as bright against its surroundings as there.

    Args:
        image: uint8, shape ``(height, width)``, of a head without a lesion.
        donor: uint8, shape ``(height, width)`` of its own.
        lesion: region of the donor's lesion (`lesion_region`).
        generator: draws size, side and place.

    Returns:
        The picture, uint8, and the region where the lesion is now; None where it fits nowhere.
    """
    plan = plan_transplant(image, donor, lesion, generator)
    return None if plan is None else (transplant(image, donor, plan), plan.region)


def refill_region(
    image: np.ndarray, region: np.ndarray, generator: np.random.Generator, *, lesion: bool = True
) -> tuple[np.ndarray, np.ndarray] | None:
    """Fills a healthy region as `remove_lesion` does, which changes neither lesion nor label: the control of that.

    Args:
        image: uint8, shape ``(height, width)``.
        region: the shape of what is refilled; it is moved to a place drawn from the head.
        generator: draws the place.
        lesion: whether a lesion lies in `region` as given; it then is neither touched nor copied.

    Returns:
        The picture, uint8, and what was refilled, `region` moved; None where the head has no room for that.
    """
    avoided = region if lesion else None
    moved = elsewhere(region, inner_head(find_head(image)), generator, avoided=avoided)
    filled = fill_region(image, moved, avoided=avoided)
    return None if filled is None else (filled[0], moved)


def paste_patch(
    image: np.ndarray, donor: np.ndarray, region: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Puts a healthy part of another head in as `paste_lesion` does a lesion: the control of that.

    Args:
        image: uint8, shape ``(height, width)``, of a head without a lesion.
        donor: uint8, shape ``(height, width)`` of its own, of a head without a lesion.
        region: bool, of the donor's shape: the part; its shape is that of a lesion somewhere.
        generator: draws size, side and place.

    Returns:
        The picture, uint8, and where the part is now; None where it fits nowhere.
    """
    return paste_lesion(image, donor, region, generator)
