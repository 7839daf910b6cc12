"""Solid shapes as signed distances, and the points of a slice at which they are evaluated.

All coordinates are millimetres in a head-fixed frame close to MNI space: x to the right, y to the front, z up, the
origin near the anterior commissure. A signed distance is negative inside a shape. The formulas are the usual ones of
implicit modelling (Inigo Quilez, "Distance functions", https://iquilezles.org/articles/distfunctions/); they are exact
for spheres and capsules and close to exact near the surface of an ellipsoid.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

Vector = tuple[float, float, float]

STRIDE = 8
"""Coarseness in pixels of the search for the part of a slice that a shape covers."""


@dataclass(frozen=True)
class Points:
    """The points of one slice: three float32 arrays of the slice's shape, in millimetres."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """The slice's shape, rows and columns."""
        return self.x.shape

    def mirrored(self) -> Points:
        """Returns the points with x replaced by its absolute value, so that one shape serves left and right."""
        return Points(np.abs(self.x), self.y, self.z)

    def window(self, low: Vector, high: Vector) -> tuple[slice, slice] | None:
        """Returns rows and columns that hold every point inside a box, or None where the slice misses the box."""
        step = STRIDE * self.spacing
        inside = True
        for (axis, lowest, highest), least, most in zip(self._coarse, low, high, strict=True):
            if lowest > most + step or highest < least - step:
                return None
            inside = inside & (axis > least - step) & (axis < most + step)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if not rows.size:
            return None
        return tuple(slice(max(0, (i[0] - 1) * STRIDE), (i[-1] + 2) * STRIDE) for i in (rows, columns))

    def cut(self, window: tuple[slice, slice]) -> Points:
        """Returns the points of a window."""
        return Points(self.x[window], self.y[window], self.z[window])

    @functools.cached_property
    def _coarse(self) -> list[tuple[np.ndarray, float, float]]:
        """Each coordinate at every eighth point, with its least and greatest value."""
        axes = [axis[::STRIDE, ::STRIDE].copy() for axis in (self.x, self.y, self.z)]
        return [(axis, float(axis.min()), float(axis.max())) for axis in axes]

    @functools.cached_property
    def spacing(self) -> float:
        """Distance between neighbouring points in millimetres, about the same everywhere."""
        last, steps = (-1, -1), float(np.hypot(*np.subtract(self.shape, 1)))
        return float(np.sqrt(sum((a[last] - a[0, 0]) ** 2 for a in (self.x, self.y, self.z)))) / max(steps, 1.0)


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid along the axes: centre and half axes in millimetres."""

    centre: Vector
    radii: Vector

    def distance(self, points: Points) -> np.ndarray:
        """Returns the approximate signed distance, float32 in millimetres."""
        scaled, steep = 0.0, 0.0
        for axis, middle, radius in zip((points.x, points.y, points.z), self.centre, self.radii, strict=True):
            part = (axis - np.float32(middle)) * np.float32(1 / radius)
            part *= part
            scaled = scaled + part
            steep = steep + part * np.float32(1 / radius**2)
        length = np.sqrt(scaled)
        return length * (length - 1) / np.sqrt(steep + np.float32(1e-9))

    def box(self) -> tuple[Vector, Vector]:
        """Returns the lowest and highest corner."""
        return tuple(np.subtract(self.centre, self.radii)), tuple(np.add(self.centre, self.radii))


@dataclass(frozen=True)
class Tube:
    """A chain of rods with round ends through ``(x, y, z, radius)`` knots, in millimetres; radii change linearly."""

    path: tuple[tuple[float, float, float, float], ...]

    def distance(self, points: Points) -> np.ndarray:
        """Returns the signed distance, float32 in millimetres."""
        return np.minimum.reduce([_rod(points, a, b) for a, b in zip(self.path[:-1], self.path[1:], strict=True)])

    def box(self) -> tuple[Vector, Vector]:
        """Returns the lowest and highest corner."""
        knots = np.asarray(self.path, float)
        centres, radii = knots[:, :3], knots[:, 3:]
        return tuple((centres - radii).min(0)), tuple((centres + radii).max(0))


def _rod(points: Points, start: tuple[float, ...], end: tuple[float, ...]) -> np.ndarray:
    axis = np.subtract(end[:3], start[:3])
    steps = (axis / (axis @ axis)).astype(np.float32)
    x, y, z = (a - np.float32(s) for a, s in zip((points.x, points.y, points.z), start[:3], strict=True))
    along = x * steps[0] + y * steps[1] + z * steps[2]
    np.clip(along, 0, 1, out=along)
    squares = 0.0
    for offset, part in zip((x, y, z), axis, strict=True):
        offset -= along * np.float32(part)
        offset *= offset
        squares = squares + offset
    along *= np.float32(start[3] - end[3])
    return np.sqrt(squares) + along - np.float32(start[3])


def smooth_union(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """Returns the union of two signed distances with a fillet of about `width` millimetres where they meet."""
    blend = np.clip(0.5 + (second - first) * np.float32(0.5 / width), 0, 1)
    return second + (first - second) * blend - np.float32(width) * blend * (1 - blend)


def smooth_cut(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """Returns the intersection of two signed distances with an edge rounded over about `width` millimetres."""
    return -smooth_union(-first, -second, width)


def coverage(distance: np.ndarray, width: float = 1.2) -> np.ndarray:
    """Returns how much of each pixel lies inside, 0 to 1, with an edge `width` millimetres wide (antialiasing)."""
    return np.clip(0.5 - distance * np.float32(1 / width), 0, 1)


def paint(image: np.ndarray, cover: np.ndarray, value: float | np.ndarray) -> None:
    """Blends `value` into `image` in place, by `cover` in 0..1."""
    image += cover * (value - image)


def stamp(
    image: np.ndarray,
    points: Points,
    shape: Ellipsoid | Tube,
    value: float | np.ndarray,
    grow: float = 0.0,
    softness: float = 1.5,
    cover: np.ndarray | float = 1.0,
) -> None:
    """Paints a shape into the image of a slice, in place, computing only the part of the slice that it can touch.

    Args:
        image: float32 brightness, changed in place.
        points: its points, mirrored where the shape stands on both sides.
        shape: what to paint.
        value: its brightness, one number or an array of the image's shape.
        grow: millimetres to add to the shape all round.
        softness: width of its edge in millimetres.
        cover: 0..1, how much of it shows, one number or an array of the image's shape.
    """
    reach = max(grow, 0.0) + softness
    low, high = shape.box()
    window = points.window(tuple(np.subtract(low, reach)), tuple(np.add(high, reach)))
    if window is None:
        return
    inside = coverage(shape.distance(points.cut(window)) - np.float32(grow), softness)
    inside *= cover[window] if isinstance(cover, np.ndarray) else np.float32(cover)
    paint(image[window], inside, value[window] if isinstance(value, np.ndarray) else value)
