"""Maps that do not depend on the model: what an explanation has to beat."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.images import in_image_coordinates, scaled
from braintumor_tf.explanation.subject import Subject


def random_maps(
    subject: Subject,
    images: Sequence[np.ndarray],
    targets: Sequence[int | None],
    *,
    seed: int = 0,
    grid: int = 7,
) -> list[np.ndarray]:
    """Draws a smooth random map for each image, as coarse as a feature map.

    The map depends on the pixels and the seed alone: the same image gets the same map in any batch.

    Args:
        subject: the model.
        images: each float32 of shape ``(height, width, 1 | 3)``, sizes may differ.
        targets: the index of the class asked about for each image, or None; without effect here.
        seed: of the noise.
        grid: rows and columns of the noise before it is laid over the image.

    Raises:
        ExplanationError: the grid is not positive.
    """
    if grid < 1:
        raise ExplanationError(f"a grid of {grid!r} cells is not positive; give 1 or more")
    draws = (np.random.default_rng([seed, zlib.crc32(image.tobytes())]).random((grid, grid)) for image in images)
    return [scaled(in_image_coordinates(draw, image.shape)) for draw, image in zip(draws, images)]
