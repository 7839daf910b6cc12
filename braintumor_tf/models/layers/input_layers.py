"""The input contract: images 0 to 255, grey or RGB, any size; arrays are checked, the rest is layers of the model."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from braintumor_tf.datasets.reading import LUMA
from braintumor_tf.errors import ImageInputError


@keras.saving.register_keras_serializable(package="braintumor_tf")
class SelectChannels(keras.layers.Layer):
    """Turns grey or RGB images into the number of channels that the model learns from.

    RGB becomes grey by `LUMA`; grey becomes RGB by repeating it. The number of channels that comes in may be unknown
    until an image arrives.

    Args:
        channels: 1 or 3.
    """

    def __init__(self, channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        if channels not in (1, 3):
            raise ImageInputError(f"a model of {channels} channels is not known; choose 1 (grey) or 3 (RGB)")
        self.channels = channels

    def call(self, images: Any) -> Any:
        """Returns images of shape ``(batch, height, width, self.channels)``."""
        given = images.shape[-1]
        if given is not None and given not in (1, 3):
            raise ImageInputError(f"images of shape {tuple(images.shape)}: the last axis must be 1 or 3 channels")
        if given == self.channels:
            return images
        # Three copies cut to three channels are RGB again, and three times grey: one expression for either input.
        rgb = images if given == 3 else ops.concatenate([images, images, images], axis=-1)[..., :3]
        weights = np.array(LUMA, "float32")[:, None] if self.channels == 1 else np.eye(3, dtype="float32")
        return ops.matmul(rgb, ops.cast(weights, rgb.dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape that leaves the layer."""
        return (*input_shape[:-1], self.channels)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "channels": self.channels}


@keras.saving.register_keras_serializable(package="braintumor_tf")
class FitSize(keras.layers.Layer):
    """Resizes images to the model's size, bilinear with antialiasing as `read_image` does; the right size just passes.

    Args:
        height: rows that leave the layer.
        width: columns that leave the layer.
        crop: what files are cut down to before they come here (`image_fitting.read_for`); the layer does not
            cut, but keeps it in the saved model.
    """

    def __init__(self, height: int, width: int, crop: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.height = height
        self.width = width
        self.crop = crop

    def call(self, images: Any) -> Any:
        """Returns images of shape ``(batch, self.height, self.width, channels)``."""
        size = (self.height, self.width)
        if tuple(images.shape[1:3]) == size:
            return images
        return ops.image.resize(images, size, interpolation="bilinear", antialias=True, data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape that leaves the layer."""
        return (input_shape[0], self.height, self.width, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "height": self.height, "width": self.width, "crop": self.crop}


def image_input(image_size: tuple[int, int], *, channels: int, crop: str | None = None) -> tuple[Any, Any]:
    """Opens a model: an input of any size and either sort of channels, and the layers that make it fit.

    Args:
        image_size: ``(height, width)`` that the model learns from.
        channels: 1 or 3 channels that the model learns from.
        crop: what images are cut down to before they come here, or None.

    Returns:
        The input tensor, shape ``(batch, any, any, any)``, and the fitted one, ``(batch, height, width, channels)``,
        float32 in 0..255 whatever the precision of the layers after it: bfloat16 has no room for fractions there.
    """
    images = keras.layers.Input(shape=(None, None, None), name="image")
    fitted = SelectChannels(channels, dtype="float32", name="channels")(images)
    return images, FitSize(*image_size, crop=crop, dtype="float32", name="size")(fitted)
