"""Simulated slices and what is done to them, made with Pillow and SciPy alone."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from braintumor_tf.datasets import render_slice

SIDE = 160


def heads(count: int, *, first_seed: int = 0) -> list[np.ndarray]:
    """Axial and sagittal slices of as many patients, uint8 of shape (160, 160)."""
    planes = ("axial", "sagittal", "coronal")
    return [
        render_slice("glioma", planes[number % 3], seed=first_seed + number, image_size=SIDE)[0]
        for number in range(count)
    ]


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """Turned clockwise around its middle, black in the corners."""
    return ndimage.rotate(image, -degrees, reshape=False, order=1)


def cropped(image: np.ndarray, share: float) -> np.ndarray:
    cut = round(len(image) * share)
    return image[cut:-cut, cut:-cut]


def shifted(image: np.ndarray, down: int, across: int) -> np.ndarray:
    return ndimage.shift(image, (down, across), order=0)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def equalised(image: np.ndarray) -> np.ndarray:
    return np.asarray(ImageOps.equalize(Image.fromarray(image)))


def border_removed(image: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(image > 20)
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


ALTERATIONS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "mirrored": ("mirrored", lambda image: image[:, ::-1]),
    "upside down": ("mirrored and turned 180", lambda image: image[::-1]),
    "turned 90": ("turned 90", lambda image: np.rot90(image, -1)),
    "turned 180": ("turned 180", lambda image: np.rot90(image, 2)),
    "turned 270": ("turned 270", lambda image: np.rot90(image)),
    "transposed": ("mirrored and turned 270", lambda image: image.T),
    "cropped 2 %": ("as it is", lambda image: cropped(image, 0.02)),
    "cropped 5 %": ("as it is", lambda image: cropped(image, 0.05)),
    "border removed": ("as it is", border_removed),
    "padded 10 %": ("as it is", lambda image: np.pad(image, 16)),
    "shifted 5 %": ("as it is", lambda image: shifted(image, 8, 8)),
    "turned by 5": ("as it is", lambda image: turned(image, 5)),
    "turned by 15": ("as it is", lambda image: turned(image, -15)),
    "inverted": ("as it is", lambda image: 255 - image),
    "mirrored JPEG": ("mirrored", lambda image: jpeg(np.ascontiguousarray(image[:, ::-1]), 40)),
    "mirrored, half the size, darker": ("mirrored", lambda image: np.uint8(image[::2, ::-2] * 0.7)),
    "turned 90 and by 7, cropped": ("turned 90", lambda image: cropped(turned(np.rot90(image, -1), 7), 0.04)),
    "mirrored, inverted, shifted": ("mirrored", lambda image: 255 - shifted(image[:, ::-1], -6, 5)),
}
"""The pose in words that is expected, and what is done to a picture."""
