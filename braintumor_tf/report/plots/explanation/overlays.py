"""A heat map laid over an image: the colours, and images of any size as tiles of one size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from PIL import Image

from braintumor_tf.datasets.reading import open_image
from braintumor_tf.errors import ImageReadError

STRONGEST = 0.75
"""Opacity of a heat map where it is 1."""

COLOURS = matplotlib.colormaps["inferno"](np.linspace(0.3, 0.92, 256))[:, :3]
"""What a map's values from 0 to 1 look like: perceptually even, violet to yellow, without the ends that are as dark as
the background and as bright as bone."""

_BRAIN = 90 / 255
"""Grey level that the colour bar is laid over."""


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lays a heat map over an image; where the map is 0 the image shows unchanged.

    Args:
        image: uint8 of shape ``(height, width)`` or ``(height, width, 3)``.
        heat: shape ``(height, width)``, from 0 to 1; values outside are clipped.

    Returns:
        uint8 of shape ``(height, width, 3)``.

    Example:
        >>> overlay(np.full((1, 2), 100, np.uint8), np.array([[0.0, 1.0]]))[0].tolist()
        [[100, 100, 100], [208, 194, 90]]
    """
    grey = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
    return np.rint(_mix(grey / 255.0, heat) * 255).astype(np.uint8)


def colour_bar(axes: Any) -> None:
    """Adds the bar from 0 to 1 beside `axes`, its colours laid over a middle grey as they are over a brain."""
    steps = np.linspace(0, 1, 256)
    colours = _mix(np.full((1, 256, 3), _BRAIN), steps[None])[0]
    figure = (axes if isinstance(axes, Axes) else np.ravel(axes)[0]).figure
    shown = ScalarMappable(Normalize(0, 1), ListedColormap(colours))
    bar = figure.colorbar(shown, ax=axes, shrink=min(0.8, 2.6 / figure.get_figheight()), aspect=18, fraction=0.05)
    bar.set_ticks([0, 0.5, 1])
    bar.set_label("share of the strongest")
    bar.outline.set_visible(False)


def tile(image: Any, side: int, square: bool = True) -> np.ndarray | None:
    """Returns an image of any size and mode as RGB pixels whose longer side is `side`.

    Args:
        image: a path, or pixels from 0 to 255 of shape ``(height, width)`` or ``(height, width, 1 | 3)``.
        side: in pixels.
        square: whether to fill the shorter side with black.

    Returns:
        uint8 of shape ``(side, side, 3)``, or with one shorter side; None where a file cannot be read.
    """
    if isinstance(image, (str, Path)):
        try:
            picture = open_image(image)
        except ImageReadError:
            return None
    else:
        pixels = np.clip(np.rint(np.asarray(image, dtype=np.float32)), 0, 255).astype(np.uint8)
        picture = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels)
    return _fitted(np.asarray(picture.convert("RGB").resize(_size(picture.size, side), _FILTER)), side, square)


def heat_tile(heat: np.ndarray, side: int, square: bool = True) -> np.ndarray:
    """Returns a map as `tile` returns its image, float32 from 0 to 1, the filling 0."""
    picture = Image.fromarray(np.asarray(heat, dtype=np.float32))
    resized = picture.resize(_size(picture.size, side), Image.Resampling.BILINEAR)
    return _fitted(np.clip(np.asarray(resized), 0.0, 1.0), side, square)


_FILTER = Image.Resampling.BICUBIC


def _mix(colours: np.ndarray, heat: np.ndarray) -> np.ndarray:
    heat = np.clip(np.asarray(heat, dtype=np.float64), 0.0, 1.0)
    opacity = (STRONGEST * heat)[..., None]
    return (1 - opacity) * colours + opacity * COLOURS[np.rint(heat * 255).astype(int)]


def _size(size: tuple[int, int], side: int) -> tuple[int, int]:
    longest = max(size)
    return max(1, round(size[0] * side / longest)), max(1, round(size[1] * side / longest))


def _fitted(pixels: np.ndarray, side: int, square: bool) -> np.ndarray:
    if not square:
        return pixels
    whole = np.zeros((side, side, *pixels.shape[2:]), pixels.dtype)
    top, left = (side - pixels.shape[0]) // 2, (side - pixels.shape[1]) // 2
    whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return whole
