"""Batches with more than the class as target: where the lesion is, moved as the image is, and the group of the loss."""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np
import pandas as pd

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.augment.transform_draws import IDENTITY
from braintumor_tf.datasets.labels import NO_TUMOR
from braintumor_tf.datasets.reading import crop_box, open_image
from braintumor_tf.identity.lesions import LesionBox, Mask, find_masks, read_mask

LABEL, LESION, KNOWN, GROUP = "label", "lesion", "known", "group"
"""The targets of a batch: one-hot classes, the lesion's share of each cell, whether it is known, the group's number."""

_NO_GEOMETRY = ("channel_shift_intensity", "brightness", "noise")


class TargetBatches(keras.utils.PyDataset):
    """The batches of an iterator, with a dictionary of targets (`LABEL` and so on) in the place of the classes.

    Args:
        inputs: batches with one-hot labels: the iterator's own, or those of kept features.
        batches: the iterator of `braintumor_tf.augment` that they come from, whose epoch is set by others.
        masks: of each image's lesion, uint8 of the iterator's image size, in its numbering; None where there is no
            lesion or where nothing is known of it.
        known: bool for each image, whether its lesion, or that it has none, is known.
        groups: the group of each image, counted from 0.
        cells: rows and columns of the grid that the lesion is asked for on.
    """

    def __init__(
        self,
        inputs: Any,
        batches: Any,
        *,
        masks: list[np.ndarray | None],
        known: np.ndarray,
        groups: np.ndarray,
        cells: tuple[int, int],
    ):
        super().__init__()
        self.inputs, self.batches = inputs, batches
        self.masks, self.known, self.groups, self.cells = masks, known, groups, cells
        plain = ("fill_mode", "cval")
        generator = batches.image_data_generator
        self._mover = ImageDataGenerator(**{name: getattr(generator, name) for name in plain})

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        size, epoch = self.batches.batch_size, self.batches.epoch
        numbers = self.batches.order(epoch)[size * index : size * (index + 1)]
        inputs, labels, *weights = self.inputs[index]
        targets = {
            LABEL: labels,
            LESION: np.stack([self._cells(int(number), epoch) for number in numbers]),
            KNOWN: self.known[numbers].astype("float32"),
            GROUP: self.groups[numbers].astype("int32"),
        }
        return (inputs, targets, *weights)

    def _cells(self, number: int, epoch: int) -> np.ndarray:
        """Returns which share of each cell of the moved image is lesion, float32 of shape `cells`."""
        mask = self.masks[number]
        if mask is None:
            return np.zeros(self.cells, "float32")
        moves = {**self.batches.parameters(number, epoch), **{name: IDENTITY[name] for name in _NO_GEOMETRY}}
        moved = self._mover.apply_transform(mask.astype("float32")[..., None], moves)[..., 0]
        return cv2.resize(moved, self.cells[::-1], interpolation=cv2.INTER_AREA)


def lesion_masks(rows: pd.DataFrame, *, size: tuple[int, int], crop: str | None) -> list[np.ndarray | None]:
    """Returns the masks of images' lesions as the network sees them: cut and resized as the images are.

    Args:
        rows: of a manifest.
        size: ``(height, width)`` of the network's images.
        crop: what images are cut down to, as for `braintumor_tf.datasets.read_image`.

    Returns:
        uint8, 0 or 1, shape `size`, or None where no lesion is known.

    Raises:
        ImageReadError: an image whose lesion is known cannot be read.
    """
    return [
        None if mask is None else _mask(path, mask, size, crop) for path, mask in zip(rows["path"], find_masks(rows))
    ]


def _mask(path: str, mask: Mask, size: tuple[int, int], crop: str | None) -> np.ndarray:
    if isinstance(mask, LesionBox) and crop is None:
        return mask.mask(size).astype(np.uint8)
    image = open_image(path)
    left, upper, right, lower = crop_box(image, crop)
    pixels = read_mask(mask, (image.height, image.width))[upper:lower, left:right].astype(np.float32)
    return (cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)


def lesions_known(rows: pd.DataFrame, masks: list[np.ndarray | None]) -> np.ndarray:
    """Returns for each image whether it is known where its lesion is, or that it has none.

    Example:
        >>> lesions_known(pd.DataFrame({"label": ["glioma", "no_tumor"]}), [None, None]).tolist()
        [False, True]
    """
    return np.array([mask is not None for mask in masks], bool) | (rows["label"] == NO_TUMOR).to_numpy()
