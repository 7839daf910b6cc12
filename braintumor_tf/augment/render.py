"""From the stored pixels of one image to its place in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from braintumor_tf.augment.batch_memory import scratch
from braintumor_tf.augment.noise.base import Record
from braintumor_tf.augment.noise.base import render as render_noise
from braintumor_tf.augment.transform_draws import Block, TransformRanges
from braintumor_tf.augment.warps import brighten, flip, shift_channels, warp


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """What is done to the values of an image after noise, where that is the same for a grey plane and its copies.

    Attributes:
        rescale: a factor; None or 0 for none.
        samplewise_center: whether an image's own mean is taken away.
        samplewise_std_normalization: whether an image is divided by its own standard deviation.
    """

    rescale: float | None = None
    samplewise_center: bool = False
    samplewise_std_normalization: bool = False


def load(source: np.ndarray) -> np.ndarray:
    """Returns an image as float32 to work on; a grey one in memory that the next call in the same thread uses again."""
    if source.ndim == 3:
        return source.astype(np.float32)
    image = scratch("source", source.shape)
    np.copyto(image, source, casting="unsafe")
    return image


def transform(image: np.ndarray, ranges: TransformRanges, block: Block, row: int = 0) -> np.ndarray:
    """Warps, flips, shifts the channels and changes the brightness of an image, in Keras's order.

    A grey result may lie in memory that the next call in the same thread uses again.

    Args:
        image: float32, (height, width) or (height, width, channels).
        ranges: whose fill mode, `cval` and interpolation order apply.
        block: the parameters.
        row: which of the block's.

    Example:
        >>> from braintumor_tf.augment.transform_draws import block_of_one
        >>> image = np.arange(4, dtype=np.float32).reshape(2, 2)
        >>> transform(image, TransformRanges(), block_of_one({"flip_horizontal": True}, 2, 2)).tolist()
        [[1.0, 0.0], [3.0, 2.0]]
    """
    columns = block.columns
    if block.moves[row]:
        image = warp(
            image,
            block.matrices[row],
            fill_mode=ranges.fill_mode,
            cval=ranges.cval,
            order=ranges.interpolation_order,
            out=scratch("warp", image.shape) if image.ndim == 2 else None,
        )
    else:
        horizontal, vertical = columns.get("flip_horizontal"), columns.get("flip_vertical")
        image = flip(image, horizontal is not None and horizontal[row], vertical is not None and vertical[row])
    if "channel_shift_intensity" in columns:
        image = shift_channels(image, columns["channel_shift_intensity"][row])
    if "brightness" in columns:
        image = brighten(image, columns["brightness"][row])
    return image


def add_noise(image: np.ndarray, record: Record | None, channels: int) -> np.ndarray:
    """Adds the noise of a record to an image; grey becomes colour only if the record asks for noise per channel.

    Args:
        image: float32, (height, width) for grey, or (height, width, channels); may be changed in place.
        record: the noise, None for none.
        channels: how many the image will have in the batch; of four, the last is alpha and left alone.
    """
    if record is None:
        return image
    if image.ndim == 2 and channels == 3 and record.get("per_channel") is True:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    if image.ndim == 2:
        return render_noise(np.ascontiguousarray(image), record)
    if image.shape[2] == 4:
        noisy = render_noise(np.ascontiguousarray(image[..., :3]), record)
        return np.concatenate([noisy, image[..., 3:]], axis=2)
    if image.shape[2] == 1:
        return render_noise(np.ascontiguousarray(image[..., 0]), record)[..., None]
    return render_noise(np.ascontiguousarray(image), record)


def rescale(image: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Rescales and standardises an image by itself, as Keras's ``standardize`` does.

    Args:
        image: float32, (height, width) or (height, width, channels); may be changed in place.
        scaling: what to do.
    """
    if scaling.rescale:
        image = np.multiply(image, np.float32(scaling.rescale), out=image if image.flags.c_contiguous else None)
    if scaling.samplewise_center:
        image = image - np.mean(image)
    if scaling.samplewise_std_normalization:
        image = image / (np.std(image) + 1e-6)
    return image


def write(image: np.ndarray, data_format: str, out: np.ndarray) -> None:
    """Writes an image of shape (height, width) or (height, width, channels) into its place in a batch."""
    if data_format == "channels_first":
        out[...] = image if image.ndim == 2 else np.moveaxis(image, 2, 0)
    elif image.ndim == 3:
        out[...] = image
    elif out.shape[2] == 3 and out.dtype == np.float32 and image.dtype == np.float32:
        image = np.ascontiguousarray(image)
        filled = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB, dst=out)
        if filled.ctypes.data != out.ctypes.data:
            out[...] = filled
    else:
        out[...] = image[..., None]


def expand(image: np.ndarray, data_format: str, channels: int) -> np.ndarray:
    """Returns an image as `standardize` expects it: float32 in memory of its own, with all channels, in the format."""
    if image.ndim == 2:
        image = np.repeat(image[..., None], channels, axis=2)
    return np.array(np.moveaxis(image, 2, 0) if data_format == "channels_first" else image, order="C")
