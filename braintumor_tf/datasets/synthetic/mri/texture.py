"""Smooth random fields in space: cortical folds, tissue texture, the outline of a tumour.

One periodic volume of each kind is made once per process, from a fixed seed; a patient looks at it through a random
shift and permutation of the axes, which is far cheaper than a volume per patient and just as varied.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from braintumor_tf.datasets.synthetic.geometry import Points

VOXELS = 80
"""Edge of a noise volume in voxels."""

VOXEL_MM = 2.0
"""Edge of a voxel of the fold volume in millimetres; other fields stretch it."""

FOLD_WAVELENGTH_MM = 20.0
"""Distance from one cortical fold to the one after next."""


@dataclass(frozen=True)
class Texture:
    """One patient's view of the shared noise volumes.

    Attributes:
        shift: three offsets in voxels.
        order: a permutation of the axes.
    """

    shift: tuple[float, float, float]
    order: tuple[int, int, int]

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Texture:
        """Draws a view at random."""
        return cls(tuple(rng.uniform(0, VOXELS, 3).tolist()), tuple(rng.permutation(3).tolist()))

    def folds(self, points: Points) -> np.ndarray:
        """Returns the distance to the nearest sheet of a random folded surface, float32 in millimetres, at least 0."""
        return np.abs(self._look_up(fold_volume(), points, VOXEL_MM, 2))

    def noise(self, points: Points, grain_mm: float) -> np.ndarray:
        """Returns smooth noise of mean 0 and standard deviation 1 whose bumps are about `grain_mm` wide, float32."""
        coarser = int(np.clip(grain_mm / 2.5 / points.spacing, 1, 8))
        return self._look_up(noise_volume(), points, grain_mm / 4, coarser)

    def _look_up(self, volume: np.ndarray, points: Points, voxel_mm: float, coarser: int) -> np.ndarray:
        """Samples a volume, on a grid `coarser` times as wide where the field is smooth enough to be interpolated."""
        rows, columns = points.shape
        small = (max(2, round(columns / coarser)), max(2, round(rows / coarser)))
        axes = [cv2.resize(axis, small, interpolation=cv2.INTER_AREA) for axis in (points.x, points.y, points.z)]
        places = np.stack([axes[axis] * np.float32(1 / voxel_mm) for axis in self.order])
        places += np.asarray(self.shift, np.float32)[:, None, None]
        field = ndimage.map_coordinates(volume, places, order=1, mode="grid-wrap", prefilter=False)
        return cv2.resize(field, (columns, rows), interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Fields:
    """The noise of one slice, each grain computed once, when it is first asked for; float32 of the slice's shape."""

    texture: Texture
    points: Points

    @functools.cached_property
    def fine(self) -> np.ndarray:
        """Bumps of 5 mm."""
        return self.texture.noise(self.points, 5.0)

    @functools.cached_property
    def medium(self) -> np.ndarray:
        """Bumps of 10 mm."""
        return self.texture.noise(self.points, 10.0)

    @functools.cached_property
    def coarse(self) -> np.ndarray:
        """Bumps of 18 mm."""
        return self.texture.noise(self.points, 18.0)


@functools.lru_cache(maxsize=1)
def fold_volume() -> np.ndarray:
    """Returns the signed distance to the zero level of band-passed noise, float32 ``(80, 80, 80)``, in millimetres."""
    radius = _frequency_radius() / VOXEL_MM
    band = np.exp(-0.5 * ((radius - 1 / FOLD_WAVELENGTH_MM) / 0.010) ** 2)
    field = _filtered(np.random.default_rng(20), band)
    slope = np.sqrt(sum((np.roll(field, -1, a) - np.roll(field, 1, a)) ** 2 for a in range(3))) / (2 * VOXEL_MM)
    distance = field / np.sqrt(slope**2 + (0.35 * slope.mean()) ** 2)
    return np.clip(distance, -12, 12).astype(np.float32)


@functools.lru_cache(maxsize=1)
def noise_volume() -> np.ndarray:
    """Returns smooth periodic noise, float32 ``(80, 80, 80)``: mean 0, standard deviation 1, bumps 4 voxels wide."""
    return _filtered(np.random.default_rng(21), np.exp(-0.5 * (_frequency_radius() / 0.11) ** 2)).astype(np.float32)


def _frequency_radius() -> np.ndarray:
    axis = np.fft.fftfreq(VOXELS)
    return np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)


def _filtered(rng: np.random.Generator, gain: np.ndarray) -> np.ndarray:
    field = np.fft.ifftn(np.fft.fftn(rng.standard_normal((VOXELS,) * 3)) * gain).real
    return (field - field.mean()) / field.std()
