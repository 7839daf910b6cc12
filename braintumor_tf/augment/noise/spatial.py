"""Degradations that mix or shade neighbouring pixels: Gaussian blur, motion blur, bias field."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np

from braintumor_tf.augment.noise.base import Noise, Record, check_range
from braintumor_tf.augment.noise.fields import clip
from braintumor_tf.errors import NoiseError

_NEGLIGIBLE = 1e-3  # weights of a motion kernel below this share of the first are left out


@dataclass(frozen=True)
class GaussianBlur(Noise):
    """Blurs with a Gaussian kernel cut off at four standard deviations; beyond the border the border pixel is repeated.

    Source: scikit-image's ``filters.gaussian(mode="nearest")``, which ImageNet-C uses for ``gaussian_blur`` (Hendrycks
    and Dietterich, ICLR 2019).

    Attributes:
        sigma: range of the standard deviation, in pixels of the image it is applied to.
    """

    sigma: tuple[float, float] | float = (0.0, 2.0)
    strength: ClassVar[str] = "sigma"

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Blurs; see `Noise.render`."""
        size = 2 * max(1, round(4 * record["sigma"])) + 1
        return clip(cv2.GaussianBlur(image, (size, size), record["sigma"], borderType=cv2.BORDER_REPLICATE))


@dataclass(frozen=True)
class MotionBlur(Noise):
    """Smears the image along a line with a half-Gaussian trail.

    The pixel itself has weight 1 and what lies ``k`` pixels behind it ``exp(-k^2 / (2 sigma^2))``, normalised to sum 1.

    Source: ImageMagick's ``-motion-blur``, which ImageNet-C uses for ``motion_blur`` (Hendrycks and Dietterich, ICLR
    2019).

    Attributes:
        sigma: range of the trail's standard deviation, in pixels.
        radius: the trail ends after ``2 * radius`` pixels.
        angle: range of the direction, in degrees; 0 is along a row.
    """

    sigma: tuple[float, float] | float = (0.0, 5.0)
    radius: int = field(default=15, kw_only=True)
    angle: tuple[float, float] | float = field(default=(-45.0, 45.0), kw_only=True)
    strength: ClassVar[str] = "sigma"

    def __post_init__(self) -> None:
        super().__post_init__()
        if int(self.radius) != self.radius or self.radius < 1:
            raise NoiseError(f"MotionBlur: radius={self.radius!r}; give a whole number of pixels from 1 up")
        object.__setattr__(self, "angle", check_range(self, "angle", -360.0, 360.0))

    def _details(self, rng: np.random.Generator, value: float) -> Record:
        return {"radius": int(self.radius), "angle": float(rng.uniform(*self.angle))}

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Smears; see `Noise.render`."""
        kernel, anchor = _trail(record["sigma"], record["radius"], record["angle"])
        return clip(cv2.filter2D(image, -1, kernel, anchor=anchor, borderType=cv2.BORDER_REPLICATE))


def _trail(sigma: float, radius: int, angle: float) -> tuple[np.ndarray, tuple[int, int]]:
    """Draws the trail into a small kernel, each point shared by four pixels; returns it and its origin."""
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    steps, weights = steps[weights > _NEGLIGIBLE], weights[weights > _NEGLIGIBLE]
    x, y = steps * math.cos(math.radians(angle)), steps * math.sin(math.radians(angle))
    left, top = math.floor(x.min()), math.floor(y.min())
    kernel = np.zeros((math.floor(y.max()) - top + 2, math.floor(x.max()) - left + 2))
    columns, rows = np.floor(x).astype(int), np.floor(y).astype(int)
    for column, row, share in (
        (columns, rows, (columns + 1 - x) * (rows + 1 - y)),
        (columns + 1, rows, (x - columns) * (rows + 1 - y)),
        (columns, rows + 1, (columns + 1 - x) * (y - rows)),
        (columns + 1, rows + 1, (x - columns) * (y - rows)),
    ):
        np.add.at(kernel, (row - top, column - left), weights * share)
    return (kernel / kernel.sum()).astype(np.float32), (-left, -top)


@dataclass(frozen=True)
class BiasField(Noise):
    """Shades the image smoothly, as an uneven coil sensitivity does: ``x * exp(p(u, v))``, limited to 0..255.

    ``p`` is a polynomial in the coordinates (each -1..1 over the image) without a constant term, whose coefficients are
    drawn uniformly from ``-coefficient..coefficient``.

    Source: Van Leemput et al., IEEE Transactions on Medical Imaging 18 (1999); TorchIO's ``RandomBiasField``, in two
    dimensions.

    Attributes:
        coefficient: range of the largest coefficient; no unit (0.5 is TorchIO's default).
        order: the polynomial's degree.
    """

    coefficient: tuple[float, float] | float = (0.0, 0.5)
    order: int = field(default=3, kw_only=True)
    strength: ClassVar[str] = "coefficient"

    def __post_init__(self) -> None:
        super().__post_init__()
        if int(self.order) != self.order or not 1 <= self.order <= 8:
            raise NoiseError(f"BiasField: order={self.order!r}; give a whole number in 1..8")

    def _details(self, rng: np.random.Generator, value: float) -> Record:
        count = (self.order + 1) * (self.order + 2) // 2 - 1
        return {"order": int(self.order), "coefficients": rng.uniform(-value, value, count).tolist()}

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Shades; see `Noise.render`."""
        basis = _monomials(image.shape[0], image.shape[1], record["order"])
        gain = np.exp(np.tensordot(np.asarray(record["coefficients"], np.float32), basis, axes=1))
        return clip(image * (gain if image.ndim == 2 else gain[..., None]))


@functools.lru_cache(maxsize=4)
def _monomials(height: int, width: int, order: int) -> np.ndarray:
    """The monomials ``u^i v^j`` with ``1 <= i + j <= order``, float32 of shape (count, height, width)."""
    v, u = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    powers = [(i, total - i) for total in range(1, order + 1) for i in range(total + 1)]
    return np.stack([u**i * v**j for i, j in powers]).astype(np.float32)
