"""Where the lesions of images are known to lie: masks of synthetic images, and boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from braintumor_tf.datasets.reading import read_image
from braintumor_tf.datasets.synthetic.ground_truth import FILE_NAME, read_ground_truth
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity.lesions.boxes import LesionBox, boxes_of

Mask = str | Path | np.ndarray | LesionBox
"""An image file in which the part is bright, an array ``(height, width)``, bool or 0 for outside, or a box."""


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
        DatasetError: a box of the manifest cannot be read.

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


def read_mask(mask: Mask, shape: tuple[int, ...]) -> np.ndarray:
    """Reads a mask, takes it as it is, or fills a box.

    Args:
        mask: a file, an array, or a box.
        shape: of the whole image that it belongs to, ``(height, width, ...)``.

    Returns:
        bool, shape ``(height, width)``.

    Raises:
        DatasetError: it has another size than the image, or it is empty.
        ImageReadError: the file cannot be read.

    Example:
        >>> read_mask(np.array([[0, 7], [0, 0]]), (2, 2, 3)).tolist()
        [[False, True], [False, False]]
    """
    if isinstance(mask, LesionBox):
        return mask.mask(shape)
    pixels = read_image(mask) > 127 if isinstance(mask, (str, Path)) else np.asarray(mask) != 0
    if pixels.shape != tuple(shape[:2]):
        raise DatasetError(f"a mask of shape {pixels.shape} for an image of {tuple(shape[:2])}; give one that fits")
    if not pixels.any():
        raise DatasetError("a mask is empty; leave out images with an empty mask")
    return pixels
