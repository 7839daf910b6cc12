"""Whether the images of a batch can fit into memory at the size that a model is asked to take."""

from __future__ import annotations

from braintumor_tf.datasets.formats.memory import shortage
from braintumor_tf.errors import ModelError
from braintumor_tf.models.registry import ModelSpec

WIDEST = {
    "build_efficientnet": 24,
    "build_efficientnet_lite": 24,
    "build_mobilenet_v2": 12,
    "build_cnn": 6,
    "build_vit": 3,
}
"""Values of the widest layer for each pixel of the image, at least, by the function that builds an architecture."""

_VALUE = 4
"""Bytes of a value (float32)."""


def least_bytes(spec: ModelSpec, sides: tuple[int, int], *, batch_size: int = 1) -> int:
    """Returns the bytes that a batch takes at least: its images, the same scaled, and the widest layer of the network.

    A training takes several times as much.

    Args:
        spec: the model.
        sides: ``(height, width)`` in pixels.
        batch_size: images at once.
    """
    widest = WIDEST.get(spec.builder.partition(":")[2], 0)
    return batch_size * sides[0] * sides[1] * _VALUE * (2 * spec.channels + widest)


def check_memory(spec: ModelSpec, sides: tuple[int, int], *, batch_size: int = 1) -> None:
    """Refuses a size at which not even one batch can fit into this machine's memory.

    Args:
        spec: the model.
        sides: ``(height, width)`` in pixels.
        batch_size: images at once.

    Raises:
        ModelError: it cannot; the text has the figures.

    Example:
        >>> from braintumor_tf.models.registry import get_spec
        >>> check_memory(get_spec("CNN"), (1_000_000, 1_000_000))
        Traceback (most recent call last):
        braintumor_tf.errors.ModelError: image size (1000000, 1000000) in batches of 1 needs at least 32,000.0 GB of ...
    """
    if lacking := shortage(least_bytes(spec, sides, batch_size=batch_size)):
        raise ModelError(
            f"image size {sides} in batches of {batch_size} {lacking}; give a smaller size (its own is "
            f"{spec.image_size}){', or a smaller batch' if batch_size > 1 else ''}"
        )
