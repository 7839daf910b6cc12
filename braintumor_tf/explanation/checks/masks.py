"""Masks of an image's parts (lesion, head, border strip), and images in which a part is covered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy import signal

from braintumor_tf.datasets.reading import read_image
from braintumor_tf.datasets.synthetic.ground_truth import FILE_NAME, read_ground_truth
from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.checks.lesion_boxes import LesionBox, boxes_of
from braintumor_tf.leakage.baseline_models import BORDER_PIXELS

Mask = str | Path | np.ndarray | LesionBox
"""An image file in which the part is bright, an array ``(height, width)``, bool or 0 for outside, or a box."""

BORDER_SHARE = BORDER_PIXELS / 64
"""Width of the border strip as a share of each side; that of the shortcut baseline ``border``."""

_INPAINT_RADIUS = 3


def find_masks(manifest: pd.DataFrame) -> pd.Series:
    """Finds where the lesions of images are known to lie: the masks of synthetic images, and the manifest's boxes.

    A mask goes before a box. There is neither where the slice shows no lesion, where nothing is known of the image, and
    where its label is known to be wrong (a planted conflict, or an origin of another class): there the lesion is not of
    the class that the label says.

    Args:
        manifest: a manifest; its column ``lesion_box``, if it has one, gives the boxes (`LesionBox`).

    Returns:
        The path of each image's mask, its `LesionBox`, or None, with the manifest's index.

    Raises:
        ExplanationError: a box of the manifest cannot be read.

    Example:
        >>> find_masks(bt.load("synthetic").manifest).notna().sum()  # doctest: +SKIP
        180
    """
    known: dict[Path, dict[str, str]] = {}
    masks = [_mask_of(Path(path), known) for path in manifest["path"]]
    found = [box if mask is None else mask for mask, box in zip(masks, boxes_of(manifest))]
    return pd.Series(found, index=manifest.index, dtype=object)


def _mask_of(path: Path, known: dict[Path, dict[str, str]]) -> str | None:
    root = next((folder for folder in path.parents if folder in known or (folder / FILE_NAME).is_file()), None)
    if root is None:
        return None
    if root not in known:
        images = read_ground_truth(root).images
        labelled = images[images["mask"].notna() & (images["label"] == images["true_label"])]
        known[root] = dict(zip(labelled["path"], labelled["mask"]))
    mask = known[root].get(path.relative_to(root).as_posix())
    return None if mask is None else str(root / mask)


def with_masks(manifest: pd.DataFrame, masks: Sequence[Mask | None] | None = None) -> tuple[pd.DataFrame, list[Mask]]:
    """Returns the rows of a manifest whose lesion is known, and their masks or boxes.

    Args:
        manifest: a manifest.
        masks: one for each row, None for an image without; None finds them (`find_masks`).

    Raises:
        ExplanationError: no image has a mask or a box, or there is another number of masks than of images.
    """
    masks = masks_of(manifest, masks)
    there = np.array([mask is not None for mask in masks], bool)
    if not there.any():
        raise ExplanationError(
            "no image has a lesion mask or box; give masks, a manifest with lesion_box, or a synthetic data set"
        )
    return manifest[there], [mask for mask in masks if mask is not None]


def masks_of(manifest: pd.DataFrame, masks: Sequence[Mask | None] | None = None) -> list[Mask | None]:
    """Returns the mask of each row of a manifest, those given or those found; the arguments are those of `with_masks`.

    Raises:
        ExplanationError: there is another number of masks than of images.
    """
    masks = find_masks(manifest).tolist() if masks is None else list(masks)
    if len(masks) != len(manifest):
        raise ExplanationError(
            f"{len(masks)} masks for {len(manifest)} images; give one an image, None for an image without"
        )
    return masks


def read_mask(mask: Mask, shape: tuple[int, ...]) -> np.ndarray:
    """Reads a mask, takes it as it is, or fills a box.

    Args:
        mask: a file, an array, or a box.
        shape: of the whole image that it belongs to, ``(height, width, ...)``.

    Returns:
        bool, shape ``(height, width)``.

    Raises:
        ExplanationError: it has another size than the image, or it is empty.
        ImageReadError: the file cannot be read.

    Example:
        >>> read_mask(np.array([[0, 7], [0, 0]]), (2, 2, 3)).tolist()
        [[False, True], [False, False]]
    """
    if isinstance(mask, LesionBox):
        return mask.mask(shape)
    pixels = read_image(mask) > 127 if isinstance(mask, (str, Path)) else np.asarray(mask) != 0
    if pixels.shape != tuple(shape[:2]):
        raise ExplanationError(f"a mask of shape {pixels.shape} for an image of {tuple(shape[:2])}; give one that fits")
    if not pixels.any():
        raise ExplanationError("a mask is empty; leave out images with an empty mask")
    return pixels


def border_mask(shape: tuple[int, ...]) -> np.ndarray:
    """Returns the strip along the four sides, `BORDER_SHARE` of each wide and at least one pixel.

    Args:
        shape: of the image, ``(height, width, ...)``.

    Returns:
        bool, shape ``(height, width)``.

    Example:
        >>> border_mask((3, 4))[1].tolist()
        [True, False, False, True]
    """
    height, width = shape[:2]
    rows, columns = (max(1, round(BORDER_SHARE * side)) for side in (height, width))
    strip = np.ones((height, width), bool)
    strip[rows : height - rows, columns : width - columns] = False
    return strip


def grow(mask: np.ndarray, share: float) -> np.ndarray:
    """Returns a mask and everything within `share` of the picture's longer side from it.

    Example:
        >>> grow(np.arange(9).reshape(3, 3) == 4, 1 / 3).astype(int).tolist()
        [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    """
    if share <= 0 or mask.all():
        return mask.copy()
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= share * max(mask.shape)


def place_elsewhere(mask: np.ndarray, head: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Moves a mask to another place in the head, drawn from all those where it does not touch where it was.

    Where it fits nowhere, the place is drawn from those where least of it lies outside the head or on itself; the
    latter counts ten times.

    Args:
        mask: bool, shape ``(height, width)``, not empty.
        head: bool, of the same shape.
        generator: draws the place.

    Returns:
        The same shape of the same size elsewhere: bool, shape ``(height, width)``.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    patch = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    forbidden = np.where(mask, 10.0, np.where(head, 0.0, 1.0))
    cost = np.rint(signal.fftconvolve(forbidden, patch[::-1, ::-1].astype(float), mode="valid"))
    places = np.argwhere(cost == cost.min())
    top, left = places[generator.integers(len(places))]
    moved = np.zeros_like(mask)
    moved[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return moved


def cover(image: np.ndarray, mask: np.ndarray, *, fill: float | None = None) -> np.ndarray:
    """Covers a part of an image.

    Args:
        image: uint8, shape ``(height, width)`` or ``(height, width, 3)``.
        mask: what to cover: bool, shape ``(height, width)``.
        fill: the grey level, 0..255; None continues the surroundings into the part (inpainting, Telea, 2004), which
            leaves no edge that could be taken for a lesion.

    Returns:
        uint8, of the image's shape; the image is not changed.

    Example:
        >>> cover(np.full((1, 3), 9, np.uint8), np.array([[False, True, False]]), fill=0).tolist()
        [[9, 0, 9]]
    """
    if fill is None and not mask.all():
        return cv2.inpaint(np.ascontiguousarray(image), mask.astype(np.uint8), _INPAINT_RADIUS, cv2.INPAINT_TELEA)
    covered = image.copy()
    covered[mask] = round(0 if fill is None else fill)
    return covered
