"""Geometry and brightness of one image, equal to Keras's for the same parameters, in one warp by OpenCV.

Images here are float32 of shape (height, width) or (height, width, channels).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike

FILL_MODES = {
    "constant": cv2.BORDER_REPLICATE,  # filled in afterwards
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_REPLICATE,  # done by coordinates, where anything lies outside
}
"""Keras's fill modes, each with the border of OpenCV that a warp is given."""

_EPSILON = 1e-9
_PADDING = 64  # pixels; beyond, copying a padded source costs more than it saves


def affine_matrices(
    height: int,
    width: int,
    *,
    theta: ArrayLike,
    tx: ArrayLike,
    ty: ArrayLike,
    shear: ArrayLike,
    zx: ArrayLike,
    zy: ArrayLike,
    flip_horizontal: ArrayLike,
    flip_vertical: ArrayLike,
) -> np.ndarray:
    """Composes rotation, shift, shear, zoom and flips into one matrix for each of n images, as Keras composes them.

    A matrix takes a point (column, row, 1) of the result to the point (column, row) of the source. It repeats two
    habits of Keras. First, `tx`, which Keras draws from ``height_shift_range``, moves along columns and `ty` along
    rows. Second, the turning point is ``(height / 2, width / 2)`` as (column, row), off the centre where the image is
    not square.

    Source: ``apply_affine_transform`` in Keras's ``legacy/preprocessing/image.py``.

    Args:
        height: of the images, in pixels.
        width: of the images, in pixels.
        theta: n rotations in degrees.
        tx: n shifts in pixels.
        ty: n shifts in pixels.
        shear: n shears in degrees.
        zx: n zooms along columns; below 1 magnifies.
        zy: n zooms along rows.
        flip_horizontal: n booleans; columns are reversed after all else.
        flip_vertical: n booleans; rows are reversed after all else.

    Returns:
        float64 of shape (n, 2, 3).
    """
    theta, shear = np.deg2rad(np.asarray(theta, float)), np.deg2rad(np.asarray(shear, float))
    zx, zy = np.asarray(zx, float), np.asarray(zy, float)
    cos, sin = np.cos(theta), np.sin(theta)
    matrices = np.zeros((len(theta), 3, 3))
    matrices[:, 0, 0] = cos * zx
    matrices[:, 0, 1] = -np.sin(shear + theta) * zy
    matrices[:, 1, 0] = sin * zx
    matrices[:, 1, 1] = np.cos(shear + theta) * zy
    matrices[:, 2, 2] = 1
    center = np.array([height / 2 - 0.5, width / 2 - 0.5])
    shift = np.stack([cos * tx - sin * ty, sin * tx + cos * ty], axis=1)
    matrices[:, :2, 2] = shift + center - matrices[:, :2, :2] @ center
    flips = np.zeros_like(matrices)
    flips[:, 0, 0], flips[:, 0, 2] = np.where(flip_horizontal, -1, 1), np.where(flip_horizontal, width - 1, 0)
    flips[:, 1, 1], flips[:, 1, 2] = np.where(flip_vertical, -1, 1), np.where(flip_vertical, height - 1, 0)
    flips[:, 2, 2] = 1
    return (matrices @ flips)[:, :2]


def warp(
    image: np.ndarray,
    matrix: np.ndarray,
    *,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Resamples an image by a matrix of `affine_matrices`.

    Args:
        image: float32, (height, width) or (height, width, channels).
        matrix: shape (2, 3).
        fill_mode: a key of `FILL_MODES`, with SciPy's meaning (``constant`` does not blend the border with `cval`;
            ``wrap`` has the period size - 1).
        cval: the value outside, for ``constant``.
        order: 0 nearest neighbour, 1 bilinear (both by OpenCV), 2 to 5 splines (by SciPy, slower).
        out: float32 of the image's shape that may be used for the result; None makes one.

    Returns:
        float32 of the same shape. Where the matrix only flips, the values are the image's own.

    Example:
        >>> image = np.arange(12, dtype=np.float32).reshape(3, 4)
        >>> one_column_on = np.array([[1.0, 0, 1], [0, 1, 0]])  # each pixel comes from the column after its own
        >>> warp(image, one_column_on)[0].tolist()
        [1.0, 2.0, 3.0, 3.0]
    """
    if order > 1:
        return _spline(image, matrix, fill_mode, cval, order)
    height, width = image.shape[:2]
    if image.ndim == 3 and image.shape[2] not in (1, 2, 3, 4):  # OpenCV's borders know at most four channels
        planes = np.moveaxis(image, 2, 0)
        warped = [warp(plane, matrix, fill_mode=fill_mode, cval=cval, order=order) for plane in planes]
        return np.stack(warped, axis=2)
    image = np.ascontiguousarray(image)
    overshoot = _overshoot(matrix, height, width)
    if fill_mode == "wrap" and overshoot > _EPSILON:
        return _warp_wrapped(image, matrix, order).reshape(image.shape)
    border = FILL_MODES[fill_mode]
    source, matrix_of_source = image, matrix
    if 0.5 < overshoot < min(_PADDING, height, width):  # a padded source spares OpenCV its slow way outside
        pad = math.ceil(overshoot) + 1
        source = cv2.copyMakeBorder(image, pad, pad, pad, pad, border)
        matrix_of_source = matrix + np.array([[0, 0, pad], [0, 0, pad]])
    flags = (cv2.INTER_LINEAR if order else cv2.INTER_NEAREST) | cv2.WARP_INVERSE_MAP
    result = cv2.warpAffine(source, matrix_of_source, (width, height), dst=out, flags=flags, borderMode=border)
    if fill_mode == "constant" and overshoot > _EPSILON:
        result[_outside(matrix, height, width)] = cval
    return result.reshape(image.shape)


def flip(image: np.ndarray, horizontal: bool, vertical: bool) -> np.ndarray:
    """Reverses columns and rows of an image as asked; returns the image itself where neither is asked."""
    if not (horizontal or vertical):
        return image
    return image[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def shift_channels(image: np.ndarray, intensity: float) -> np.ndarray:
    """Adds a number to all values and limits the result to the image's own lowest and highest value."""
    low, high = float(image.min()), float(image.max())
    return np.clip(image + np.float32(intensity), low, high)


def brighten(image: np.ndarray, factor: float) -> np.ndarray:
    """Multiplies an image's brightness by a factor, as Pillow's ``ImageEnhance.Brightness``, which Keras uses, does.

    Values in 0..255 are cut to whole numbers before and after, as there; values beyond are first brought to 0..255, as
    there; the fourth channel (alpha) is left alone. One thing differs: an image whose values all lie in 0..1 is
    multiplied and limited to 0..1, where Keras turns it to zeros and ones.

    Args:
        image: float32.
        factor: 1 keeps the brightness, 0 is black.

    Returns:
        float32 of the same shape.
    """
    colours = np.ascontiguousarray(image[..., :3]) if image.ndim == 3 and image.shape[2] == 4 else image
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 255:
        levels = (colours - low) * np.float32(255 / (high - low))
        result = _brighten_levels(levels, factor) * np.float32((high - low) / 255) + np.float32(low)
    elif high <= 1:
        result = np.clip(colours * np.float32(factor), 0.0, 1.0)
    else:
        result = _brighten_levels(colours, factor)
    return result if colours is image else np.concatenate([result, np.trunc(image[..., 3:])], axis=2)


def _brighten_levels(image: np.ndarray, factor: float) -> np.ndarray:
    levels = np.trunc(np.clip(np.arange(256, dtype=np.float32) * np.float32(factor), 0, 255))
    return cv2.LUT(image.astype(np.uint8), levels).reshape(image.shape)


def _overshoot(matrix: np.ndarray, height: int, width: int) -> float:
    """Returns by how many pixels the source points leave the source at most; 0 or less if they do not."""
    (a, b, c), (d, e, f) = matrix.tolist()
    x, y = width - 1, height - 1
    columns, rows = (c, c + a * x, c + b * y, c + a * x + b * y), (f, f + d * x, f + e * y, f + d * x + e * y)
    return max(-min(columns), max(columns) - x, -min(rows), max(rows) - y)


def _coordinates(matrix: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    columns, rows = np.arange(width), np.arange(height)[:, None]
    x = matrix[0, 0] * columns + (matrix[0, 1] * rows + matrix[0, 2])
    y = matrix[1, 0] * columns + (matrix[1, 1] * rows + matrix[1, 2])
    return x, y


def _outside(matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    x, y = _coordinates(matrix, height, width)
    return (x < -_EPSILON) | (x > width - 1 + _EPSILON) | (y < -_EPSILON) | (y > height - 1 + _EPSILON)


def _warp_wrapped(image: np.ndarray, matrix: np.ndarray, order: int) -> np.ndarray:
    height, width = image.shape[:2]
    x, y = _coordinates(matrix, height, width)
    x, y = _wrap(x, width).astype(np.float32), _wrap(y, height).astype(np.float32)
    return cv2.remap(image, x, y, cv2.INTER_LINEAR if order else cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def _wrap(position: np.ndarray, size: int) -> np.ndarray:
    """Moves positions into 0..size - 1 as SciPy's mode ``wrap`` does, whose period is size - 1."""
    if size == 1:
        return np.zeros_like(position)
    inside = (position >= 0) & (position <= size - 1)
    return np.where(inside, position, np.mod(position, size - 1))


def _spline(image: np.ndarray, matrix: np.ndarray, fill_mode: str, cval: float, order: int) -> np.ndarray:
    from scipy import ndimage

    turned = matrix[::-1][:, [1, 0, 2]]
    planes = image[..., None] if image.ndim == 2 else image
    warped = [
        ndimage.affine_transform(
            planes[..., channel], turned[:, :2], turned[:, 2], order=order, mode=fill_mode, cval=cval
        )
        for channel in range(planes.shape[2])
    ]
    return np.stack(warped, axis=2).reshape(image.shape)
