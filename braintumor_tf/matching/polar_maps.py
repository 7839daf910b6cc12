"""Polar maps of the head: what a picture looks like around a centre, so that turning it is a shift."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np

from braintumor_tf.datasets.descriptions import PICTURE_SIZE

RADII, ANGLES, HARMONICS = 20, 48, 13
"""Rings and angles of a polar map, and the harmonics over the angle that are kept, the constant one included."""

CROPS = (0.0, 0.04, 0.08)
"""Shares of the frame that are cut from each side before the head is measured, one variant each."""

VARIANTS = len(CROPS) + 1
"""The variants of a picture: the head inside each of `CROPS`, and last the whole frame around its own centre."""

GRID = 32
"""Height and width of the small detail pictures that the first alignment looks at."""

FRAME_SHARE = 0.7
"""Size of a head that the detail of a whole frame is made for, as a share of the frame."""

LARGEST_ASPECT = 2.0
"""Longer over shorter side that is restored at most; beyond it the small picture stays squashed."""

_CORNER = 6
_HEAD_LEVEL, _LEAST_LEVEL, _LEAST_HEAD = 0.12, 2.0, 0.05
_CLOSING = np.ones((5, 5), np.uint8)
_ANGLE = np.arange(ANGLES) * (2 * np.pi / ANGLES)
_RADIUS = (np.arange(RADII)[:, None] + 1) / RADII
_ACROSS = (_RADIUS * np.cos(_ANGLE)).astype(np.float32)
_DOWN = (_RADIUS * np.sin(_ANGLE)).astype(np.float32)
_RING_WEIGHT = np.sqrt(np.arange(1, RADII + 1, dtype=np.float32))[:, None]


class PolarMaps(NamedTuple):
    """What is measured of `n` pictures.

    Attributes:
        circles: float32 of shape ``(n, VARIANTS, 3)``: centre (x, y, from the middle of the picture) and radius, in
            pixels of the picture in its own aspect ratio.
        spectra: complex64 of shape ``(n, VARIANTS, RADII, HARMONICS)``: the polar maps' Fourier transforms over the
            angle, scaled so that a map correlates with itself at 1.
        details: float16 of shape ``(n, GRID, GRID)``: the whole frame's detail, squashed.
        shapes: int64 of shape ``(n, 2)``: height and width of the picture in its own aspect ratio.
    """

    circles: np.ndarray
    spectra: np.ndarray
    details: np.ndarray
    shapes: np.ndarray


def measure(pictures: np.ndarray, sizes: np.ndarray, *, workers: int = 2) -> PolarMaps:
    """Measures the head and makes the polar maps of small pictures.

    Args:
        pictures: uint8 of shape ``(n, 96, 96)``, squashed.
        sizes: shape ``(n, 2)``: height and width in pixels of the images that they were made of.
        workers: threads.
    """
    shapes = picture_shapes(sizes)
    with ThreadPoolExecutor(workers) as pool:
        chunks = np.array_split(np.arange(len(pictures)), max(1, min(len(pictures), 4 * workers)))
        parts = list(pool.map(lambda rows: _measure_some(pictures[rows], shapes[rows]), chunks))
    return PolarMaps(*(np.concatenate(column) for column in zip(*parts)), shapes)


def picture_shapes(sizes: np.ndarray) -> np.ndarray:
    """Returns height and width of small pictures in their own aspect ratio and with the area of 96 x 96 pixels.

    Args:
        sizes: shape ``(n, 2)``, height and width of the images.

    Example:
        >>> picture_shapes(np.array([[512, 512], [200, 300], [100, 900]])).tolist()
        [[96, 96], [78, 118], [68, 136]]
    """
    aspect = np.asarray(sizes, float)[:, 0] / np.asarray(sizes, float)[:, 1]
    root = np.sqrt(np.clip(aspect, 1 / LARGEST_ASPECT, LARGEST_ASPECT))
    return np.stack([np.rint(PICTURE_SIZE * root), np.rint(PICTURE_SIZE / root)], axis=1).astype(int)


def restored(picture: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Returns a squashed small picture in its own aspect ratio and lightly smoothed, float32 of the shape given."""
    height, width = map(int, shape)
    picture = picture if picture.shape == (height, width) else cv2.resize(picture, (width, height))
    return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1.0)


def detail(picture: np.ndarray, radius: float) -> np.ndarray:
    """Returns a picture less its blur, divided by the local contrast: brightness and gamma leave it as it is.

    Inverted grey levels give exactly the negative.

    Args:
        picture: float32, 0..255.
        radius: of the head in pixels; the blurs are 0.6 and 0.7 of it wide.
    """
    side, wide = 2 * round(radius * 0.3) + 1, 2 * round(radius * 0.35) + 1
    fine = picture - cv2.blur(picture, (side, side))
    power = cv2.blur(fine * fine, (wide, wide))
    return fine / (cv2.sqrt(cv2.max(power, 0)) + 3)


def frame_detail(picture: np.ndarray, *, share: float = FRAME_SHARE) -> np.ndarray:
    """Returns the detail of a whole frame, whose blur does not depend on where the head is.

    Args:
        picture: float32, 0..255.
        share: radius that takes the place of the head's, as a share of the radius of a circle with the frame's area.
    """
    return detail(picture, share * np.sqrt(picture.size / np.pi))


def head_circles(picture: np.ndarray) -> np.ndarray:
    """Returns the circle of the head inside each of `CROPS`, and that of the whole frame.

    The head is what differs from the grey level of the corners, so it is found in inverted pictures too. Its circle
    has the centroid and the area of the largest connected piece, holes filled.

    Args:
        picture: float32 of shape ``(height, width)``, 0..255.

    Returns:
        Shape ``(VARIANTS, 3)``: x, y from the middle of the picture, and radius, in pixels.
    """
    height, width = picture.shape
    ends = (slice(None, _CORNER), slice(-_CORNER, None))
    corners = np.sort(np.concatenate([picture[rows, columns].ravel() for rows in ends for columns in ends]))
    difference = np.abs(picture - corners[len(corners) // 2])
    sample = difference[::3, ::3].ravel()
    brightest = np.partition(sample, int(0.99 * len(sample)))[int(0.99 * len(sample))]
    level = max(_HEAD_LEVEL * brightest, _LEAST_LEVEL)
    mask = cv2.morphologyEx((difference > level).astype(np.uint8), cv2.MORPH_CLOSE, _CLOSING)
    frame = (0.0, 0.0, np.sqrt(picture.size / np.pi))
    found = []
    for share in CROPS:
        down, across = round(height * share), round(width * share)
        inside = np.ascontiguousarray(mask[down : height - down, across : width - across])
        pieces, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        moments = max((cv2.moments(piece) for piece in pieces), key=lambda moment: moment["m00"], default=None)
        if moments is None or moments["m00"] < _LEAST_HEAD * inside.size:
            found.append(frame)
            continue
        x, y = moments["m10"] / moments["m00"] + across, moments["m01"] / moments["m00"] + down
        found.append((x - (width - 1) / 2, y - (height - 1) / 2, np.sqrt(moments["m00"] / np.pi)))
    return np.array([*found, frame], np.float32)


def detail_spectra(details: np.ndarray, circles: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Returns the polar spectra of small details, for pictures of which no more is known.

    Args:
        details: float of shape ``(n, GRID, GRID)``, squashed, as in `PolarMaps`.
        circles: shape ``(n, 3)``: x, y from the middle and radius, in pixels of the picture in its own aspect ratio.
        shapes: shape ``(n, 2)``: height and width of that picture.

    Returns:
        complex64 of shape ``(n, RADII, HARMONICS)``.
    """
    maps = np.empty((len(details), 1, RADII, ANGLES), np.float32)
    middle = np.float32((GRID - 1) / 2)
    for row, (small, (x, y, radius), (height, width)) in enumerate(zip(details, circles, shapes)):
        place_x = (x + radius * _ACROSS) * np.float32(GRID / width) + middle
        place_y = (y + radius * _DOWN) * np.float32(GRID / height) + middle
        maps[row, 0] = cv2.remap(small.astype(np.float32), place_x, place_y, cv2.INTER_LINEAR)
    return _spectra(maps)[:, 0]


def _measure_some(pictures: np.ndarray, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    circles = np.empty((len(pictures), VARIANTS, 3), np.float32)
    maps = np.empty((len(pictures), VARIANTS, RADII, ANGLES), np.float32)
    details = np.empty((len(pictures), GRID, GRID), np.float16)
    for row, (small, shape) in enumerate(zip(pictures, shapes)):
        picture = restored(small, shape)
        circles[row] = head_circles(picture)
        whole = frame_detail(picture)
        head = detail(picture, float(circles[row, 0, 2]))
        middle_x, middle_y = (picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2
        for variant, (x, y, radius) in enumerate(circles[row]):
            source = head if variant < VARIANTS - 1 else whole
            place_x, place_y = x + middle_x + radius * _ACROSS, y + middle_y + radius * _DOWN
            maps[row, variant] = cv2.remap(source, place_x, place_y, cv2.INTER_LINEAR)
        details[row] = cv2.resize(whole, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return circles, _spectra(maps), details


def _spectra(maps: np.ndarray) -> np.ndarray:
    maps -= maps.mean(axis=(2, 3), keepdims=True)
    spectra = (np.fft.rfft(maps, axis=-1)[..., :HARMONICS] * _RING_WEIGHT).astype(np.complex64)
    power = spectra.real**2 + spectra.imag**2
    length = np.sqrt(power[..., 0].sum(-1) + 2 * power[..., 1:].sum((-2, -1)))
    return spectra / np.maximum(length, 1e-6)[..., None, None]
