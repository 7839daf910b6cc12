"""Reading image files as a model takes them: its crop, its size, its channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from braintumor_tf.datasets.reading import open_image, to_array


def crop_of(predictor: Any) -> str | None:
    """Returns what a model's images are cut down to before they are resized; None also for models that do not say."""
    return getattr(predictor, "crop", None)


def read_for(predictor: Any, path: str | Path) -> np.ndarray:
    """Reads an image file as a model takes it.

    Args:
        predictor: an object with `image_size` and `channels`, and `crop` if it has one.
        path: the file.

    Returns:
        uint8 of shape ``(height, width, channels)``.

    Raises:
        ImageReadError: it cannot be read.
    """
    return fit_picture(predictor, open_image(path))


def fit_picture(predictor: Any, image: Image.Image | np.ndarray) -> np.ndarray:
    """Brings a picture to what a model takes, as `read_for` does to a file.

    Args:
        predictor: as for `read_for`.
        image: a Pillow image of mode ``L`` or ``RGB``, or uint8 of shape ``(height, width)`` or with three channels.

    Returns:
        uint8 of shape ``(height, width, channels)``.
    """
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    pixels = to_array(image, grey=predictor.channels == 1, size=predictor.image_size, crop=crop_of(predictor))
    return pixels.reshape(*predictor.image_size, predictor.channels)
