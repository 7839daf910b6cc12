"""Images of any size, mode and number for explaining, read a few at a time, and maps in their coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from braintumor_tf.datasets.formats import eight_bit
from braintumor_tf.datasets.reading import crop_box, read_image, to_array
from braintumor_tf.errors import ExplanationError, ImageInputError
from braintumor_tf.models.image_fitting import check_images

OneImage = np.ndarray | str | Path | Image.Image
Images = OneImage | Sequence[OneImage]
"""Images for explaining, as `GivenImages` takes them."""


class GivenImages:
    """What a caller gave to be explained, as float32 images in 0..255; files are read when their turn comes.

    They are whole pictures; where the model takes a part of them, `read` returns that part, and `laid_over` brings what
    was found there back to the whole.

    Args:
        images: an array ``(images, height, width)`` or ``(images, height, width, 1 | 3)``, one image
            ``(height, width)`` or ``(height, width, 1 | 3)``, a path, a Pillow image, or a sequence of single
            images and paths whose sizes and channels may differ. An array of three axes is one image if its last axis
            is 1 or 3.
        grey: whether files are read as grey images.
        crop: what the model's images are cut down to, or None.

    Raises:
        ExplanationError: there is no image.
        ImageInputError: an array does not fit the input contract of every model (`check_images`).
    """

    def __init__(self, images: Images, *, grey: bool, crop: str | None = None):
        self._grey = grey
        self._crop = crop
        self._places: dict[int, tuple[tuple[int, int], tuple[slice, slice]]] = {}
        self._checked = False
        if isinstance(images, (str, Path, Image.Image)):
            images = [images]
        if isinstance(images, np.ndarray) and images.dtype.kind not in "OUS":  # else a sequence of images or paths
            images = _with_four_axes(images)
            check_images(images)
            self._checked = True
        self._images = images if isinstance(images, np.ndarray) else list(images)
        if not len(self._images):
            raise ExplanationError("there is no image to explain; give at least one")

    def __len__(self) -> int:
        return len(self._images)

    def read(self, start: int, count: int) -> list[np.ndarray]:
        """Returns up to `count` images from `start` on, each float32 of shape ``(height, width, 1 | 3)``."""
        last = min(start + count, len(self))
        return [self._cut(number, self._read_one(number)) for number in range(start, last)]

    def laid_over(self, number: int, heat: np.ndarray) -> np.ndarray:
        """Returns a map of what `read` returned of an image as one of the whole image, 0 in the rest of it."""
        if number not in self._places:
            return heat
        shape, place = self._places[number]
        whole = np.zeros(shape, heat.dtype)
        whole[place] = heat
        return whole

    def _cut(self, number: int, pixels: np.ndarray) -> np.ndarray:
        if self._crop is None:
            return pixels
        picture = np.rint(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).astype(np.uint8)
        left, upper, right, lower = crop_box(Image.fromarray(picture), self._crop)
        place = slice(upper, lower), slice(left, right)
        self._places[number] = pixels.shape[:2], place
        return pixels[place]

    def _read_one(self, number: int) -> np.ndarray:
        image = self._images[number]
        if isinstance(image, (str, Path)):
            pixels = read_image(image, grey=self._grey)
            return pixels.reshape(*pixels.shape[:2], -1).astype(np.float32)
        if isinstance(image, Image.Image):
            image = to_array(eight_bit(image), grey=self._grey)
        pixels = np.asarray(image)
        if not self._checked:
            if pixels.ndim not in (2, 3) or pixels.dtype == object:
                raise ImageInputError(
                    f"image {number} has shape {pixels.shape}; give (height, width) or (height, width, 1 or 3)"
                )
            pixels = pixels[..., None] if pixels.ndim == 2 else pixels
            try:
                check_images(pixels[None])
            except ImageInputError as error:
                raise ImageInputError(f"image {number}: {error}") from None
        return pixels.astype(np.float32)


def in_image_coordinates(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Lays a coarse map over the image that it belongs to.

    Models here squash an image to their own size (`FitSize` keeps no aspect ratio and adds no border), so each axis of
    the map is stretched by itself: cell ``i`` of ``n`` covers the rows from ``i / n`` to ``(i + 1) / n`` of the image's
    height. Values between the middles of cells are interpolated linearly.

    Networks that pad even sides on one side only (MobileNetV2, EfficientNet) see a cell a little right of and below its
    middle. As in every other implementation, that is not corrected.

    Args:
        coarse: shape ``(rows, columns)``.
        shape: of the image, ``(height, width, ...)``.

    Returns:
        float32 of shape ``(height, width)``.

    Example:
        >>> in_image_coordinates(np.array([[0.0, 1.0]]), (1, 4)).tolist()
        [[0.0, 0.25, 0.75, 1.0]]
    """
    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(coarse.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))


def scaled(heat: np.ndarray, *, floor: float = 0.0) -> np.ndarray:
    """Divides a map by its highest value, so that it ranges up to 1; a map without a value above `floor` becomes 0.

    Args:
        heat: shape ``(height, width)``; negative values count as 0.
        floor: the highest value that is only rounding.

    Raises:
        ExplanationError: the map holds NaN or infinity.

    Example:
        >>> scaled(np.array([[-1.0, 2.0, 4.0]])).tolist()
        [[0.0, 0.5, 1.0]]
    """
    highest = float(heat.max())
    if not np.isfinite(heat).all():
        raise ExplanationError("the explanation holds NaN or infinity; check the model's weights and its prediction")
    if highest <= max(floor, 0.0):
        return np.zeros(heat.shape, np.float32)
    return (np.maximum(heat, 0.0) / highest).astype(np.float32)


def _with_four_axes(images: np.ndarray) -> np.ndarray:
    if images.ndim == 2:
        return images[None, ..., None]
    if images.ndim == 3:
        return images[None] if images.shape[-1] in (1, 3) else images[..., None]
    return images
