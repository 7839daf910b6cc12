"""Images as a model takes them: arrays are checked, files are read with its crop, its size and its channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from braintumor_tf.datasets.content_check import read_unchanged
from braintumor_tf.datasets.reading import open_image, to_array
from braintumor_tf.errors import ImageInputError
from braintumor_tf.types import Predictor


def check_images(images: np.ndarray) -> None:
    """Refuses an array that a model would answer to with nonsense.

    Args:
        images: a batch; it is accepted with four axes ``(images, height, width, channels)``, 1 or 3 channels, and
            finite pixels from 0 to 255, integer or float.

    Raises:
        ImageInputError: the axes, the channels or the range is wrong; pixels that look scaled to 0..1 or -1..1
            already are named as that.
    """
    shape = tuple(images.shape)
    if len(shape) != 4:
        hint = "; one image is images[None]" if len(shape) == 3 else ""
        raise ImageInputError(f"images of shape {shape}: give (images, height, width, channels){hint}")
    if shape[-1] not in (1, 3):
        raise ImageInputError(f"images of shape {shape}: the last axis must be 1 (grey) or 3 (RGB) channels")
    if 0 in shape:
        raise ImageInputError(f"images of shape {shape}: there is nothing in it")
    lowest, highest = float(np.min(images)), float(np.max(images))
    if not np.isfinite([lowest, highest]).all():
        raise ImageInputError("images hold NaN or infinite pixels; read them again as 0 to 255")
    if lowest < 0 or highest > 255:
        scaled = "; they look scaled already" if lowest < 0 and highest <= 1 else ""
        raise ImageInputError(f"pixels range from {lowest:g} to {highest:g}{scaled}; give 0 to 255, unscaled")
    if 0 < highest <= 1:
        raise ImageInputError(f"pixels range from {lowest:g} to {highest:g}, scaled to 0-1; give 0 to 255, unscaled")


def read_for(predictor: Predictor, path: str | Path, *, md5: str = "") -> np.ndarray:
    """Reads an image file as a model takes it.

    Args:
        predictor: the model; its `crop`, `image_size` and `channels` are read.
        path: the file.
        md5: what the manifest says of its bytes; empty for a file that no manifest knows.

    Returns:
        uint8 of shape ``(height, width, channels)``.

    Raises:
        ImageReadError: it cannot be read, or its content is not that of the manifest.
    """
    return fit_picture(predictor, open_image(path, read_unchanged(path, md5)))


def fit_picture(predictor: Predictor, image: Image.Image | np.ndarray) -> np.ndarray:
    """Brings a picture to what a model takes, as `read_for` does to a file.

    Args:
        predictor: as for `read_for`.
        image: a Pillow image of mode ``L`` or ``RGB``, or uint8 of shape ``(height, width)`` or with three channels.

    Returns:
        uint8 of shape ``(height, width, channels)``.
    """
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    pixels = to_array(image, grey=predictor.channels == 1, size=predictor.image_size, crop=predictor.crop)
    return pixels.reshape(*predictor.image_size, predictor.channels)
