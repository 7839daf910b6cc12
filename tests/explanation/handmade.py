"""Networks and predictors whose explanations can be worked out by hand."""

from __future__ import annotations

import keras
import numpy as np

from braintumor_tf.models.layers import ClassProbabilities
from braintumor_tf.models.layers.input_layers import image_input

CLASSES = ("dark", "bright")
KERNEL = np.array([[-1.0, 3.0], [2.0, 0.5]], "float32")
"""Rows: the feature of bright pixels and that of dark ones; columns: the classes."""


def pixel_network(size: tuple[int, int] = (8, 8), sharpness: float = 1.0, skip: bool = False) -> keras.Model:
    """Returns a network with two features at each pixel, ``p`` and ``1 - p``, pooled and classified by `KERNEL`.

    Args:
        size: ``(height, width)``.
        sharpness: multiplies the kernel; a large one saturates the softmax.
        skip: whether a second convolution, times 2, is added to the features around it.
    """
    images, x = image_input(size, channels=1)
    x = keras.layers.Rescaling(1 / 255, name="scale")(x)
    x = keras.layers.Conv2D(2, 1, name="features")(x)
    if skip:
        twice = keras.layers.Conv2D(2, 1, use_bias=False, name="twice")(x)
        x = keras.layers.Add(name="sum")([x, twice])
    x = keras.layers.GlobalAveragePooling2D(name="average_pooling")(x)
    model = keras.Model(images, ClassProbabilities(CLASSES, name="probabilities")(x), name="handmade")
    model.get_layer("features").set_weights([np.array([[[[1.0, -1.0]]]]), np.array([0.0, 1.0])])
    model.get_layer("probabilities").set_weights([sharpness * KERNEL, np.zeros(2)])
    if skip:
        model.get_layer("twice").set_weights([2 * np.eye(2)[None, None]])
    return model


class WindowReader:
    """A predictor without layers: the probability of ``bright`` is the mean brightness of one window of the image.

    Args:
        window: rows and columns that it reads, as slices.
    """

    classes = CLASSES
    channels = 1
    crop = None
    image_size = (8, 8)

    def __init__(self, window: tuple[slice, slice]):
        self.window = window
        self.batches: list[int] = []

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities of images of shape ``(images, height, width, channels)``."""
        self.batches.append(len(images))
        bright = images[(slice(None), *self.window)].mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, bright], axis=1)
