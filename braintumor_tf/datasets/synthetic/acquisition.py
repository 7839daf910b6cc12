"""The scanner: field of view, sampling, coil shading, noise, windowing, size and JPEG compression."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

from braintumor_tf.datasets.synthetic.geometry import Points, Vector

PLANES = ("axial", "coronal", "sagittal")
"""The three planes; their images show rows from the front or the top, columns from the left or the front."""

EXTENT_MM = {
    "axial": ((-100.0, 100.0), (-127.0, 100.0)),
    "coronal": ((-96.0, 96.0), (-112.0, 96.0)),
    "sagittal": ((-127.0, 110.0), (-122.0, 96.0)),
}
"""What a tight image of each plane shows: the range across and the range up, in millimetres."""

NORMAL_AXIS = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The axis (x, y, z) along which the slices of a plane follow one another."""

MAX_RENDERED = 256
"""Longest side in pixels at which a slice is computed; larger images are interpolated from it, as scanners do."""

MIN_RENDERED = 128
"""Shortest longer side at which a slice is computed; smaller images are averages of it."""

Size = int | tuple[int, int] | None


@dataclass(frozen=True)
class Scanner:
    """How one patient was imaged; all of it is the same for every slice of the patient.

    Attributes:
        height, width: image size in pixels.
        margin: black border around the head, as a share of the field of view on each side.
        offset: displacement of the head in the image, as shares of the field of view.
        tilt: rotation of the head about x, y and z in degrees.
        flipped: whether the image is mirrored left to right.
        gain, gamma, floor: windowing: brightness, its exponent and the level of black.
        shading: strength of the coil's uneven sensitivity and its direction.
        noise: standard deviation of the noise in each channel, 1 being white.
        blur: blur in rendered pixels.
        quality: JPEG quality.
    """

    height: int
    width: int
    margin: float
    offset: tuple[float, float]
    tilt: Vector
    flipped: bool
    gain: float
    gamma: float
    floor: float
    shading: Vector
    noise: float
    blur: float
    quality: int


def sample_scanner(
    rng: np.random.Generator, *, image_size: Size = None, shortcut: float = 0.0, lean: float = 0.5
) -> Scanner:
    """Draws a scanner.

    Args:
        rng: where randomness comes from.
        image_size: None for sides of 200 to 512 pixels, not always square; an int for square images; a pair for a
            range of the longer side.
        shortcut: 0..1, how much `lean` rather than chance decides size and border.
        lean: 0..1, a number that belongs to the patient's class.
    """
    mixed = (1 - shortcut) * rng.random(2) + shortcut * lean
    low, high = (image_size, image_size) if isinstance(image_size, int) else image_size or (200, 512)
    side = round(low + (high - low) * mixed[0])
    narrow = 1.0 if isinstance(image_size, int) or rng.random() < 0.6 else rng.uniform(0.8, 0.97)
    shape = (side, round(side * narrow)) if rng.random() < 0.75 else (round(side * narrow), side)
    return Scanner(
        height=shape[0],
        width=shape[1],
        margin=0.11 * mixed[1],
        offset=tuple(rng.uniform(-0.02, 0.02, 2).tolist()),
        tilt=(rng.uniform(-7, 7), rng.uniform(-4, 4), rng.uniform(-5, 5)),
        flipped=bool(rng.random() < 0.2),
        gain=rng.uniform(0.78, 1.12),
        gamma=rng.uniform(0.85, 1.25),
        floor=rng.choice((0.0, 0.0, 0.012, 0.025)),
        shading=(rng.uniform(0.0, 0.3), rng.uniform(-1, 1), rng.uniform(-0.4, 1)),
        noise=rng.uniform(0.008, 0.028),
        blur=rng.uniform(0.3, 0.65),
        quality=int(rng.integers(62, 96)),
    )


def slice_points(scanner: Scanner, plane: str, through: Vector, position: float) -> Points:
    """Returns the points of a slice, ``position`` millimetres from `through` along the plane's normal."""
    scale = min(1.0, MAX_RENDERED / max(scanner.height, scanner.width))
    scale = max(scale, MIN_RENDERED / max(scanner.height, scanner.width))
    rows, columns = round(scanner.height * scale), round(scanner.width * scale)
    (left, right), (bottom, top) = EXTENT_MM[plane]
    spacing = max((right - left) / columns, (top - bottom) / rows) * (1 + 2 * scanner.margin)
    across = (np.arange(columns) - (columns - 1) / 2 + scanner.offset[1] * columns) * spacing + (left + right) / 2
    up = ((rows - 1) / 2 - np.arange(rows) + scanner.offset[0] * rows) * spacing + (bottom + top) / 2
    across, up = np.meshgrid(across.astype(np.float32), up.astype(np.float32))
    if plane == "sagittal":  # the face looks to the left
        flat = (np.full_like(across, through[0] + position), np.float32(left + right) - across, up)
    elif plane == "coronal":
        flat = (across, np.full_like(across, through[1] + position), up)
    else:
        flat = (across, up, np.full_like(across, through[2] + position))
    return _tilted(flat, scanner.tilt, through)


def _tilted(flat: tuple[np.ndarray, np.ndarray, np.ndarray], tilt: Vector, centre: Vector) -> Points:
    a, b, c = np.radians(tilt)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    turn = (about_z @ about_y @ about_x).astype(np.float32)
    offsets = [axis - np.float32(middle) for axis, middle in zip(flat, centre, strict=True)]
    turned = (sum(weight * offset for weight, offset in zip(row, offsets, strict=True)) for row in turn)
    return Points(*(axis + np.float32(middle) for axis, middle in zip(turned, centre, strict=True)))


def acquire(signal: np.ndarray, points: Points, scanner: Scanner, rng: np.random.Generator) -> np.ndarray:
    """Turns the brightness of tissue (float, 0..1) into the pixels of an image, uint8 ``(height, width)``."""
    strength, across, up = scanner.shading
    field = 1 + strength * (across * points.x / 90 + up * (points.y + 18) / 110)
    field *= 1 / (1 + np.exp(-(points.z + 112) / 7))  # the coil ends at the neck
    signal = ndimage.gaussian_filter(signal * np.maximum(field, 0), scanner.blur)
    noise = rng.standard_normal((2, *signal.shape), dtype=np.float32) * np.float32(scanner.noise)
    signal = np.hypot(signal + noise[0], noise[1])  # Rician, as in magnitude images
    signal = scanner.floor + scanner.gain * np.maximum(signal - scanner.noise, 0)
    pixels = resize(np.clip(signal, 0, 1) ** scanner.gamma, scanner.height, scanner.width)
    pixels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(pixels[:, ::-1]) if scanner.flipped else pixels


def acquire_mask(distance: np.ndarray, scanner: Scanner) -> np.ndarray:
    """Returns where a signed distance is negative, at the image's size: bool ``(height, width)``."""
    mask = resize(distance, scanner.height, scanner.width) < 0
    return np.ascontiguousarray(mask[:, ::-1]) if scanner.flipped else mask


def resize(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes a float32 or uint8 array: averaging when it shrinks, cubic when it grows."""
    if array.shape == (height, width):
        return array
    way = cv2.INTER_AREA if height < array.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(array), (width, height), interpolation=way)


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """Returns a grey image as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
