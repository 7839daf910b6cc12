"""Noise that changes each pixel on its own: Gaussian, salt and pepper, speckle, Rician."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from braintumor_tf.augment.batch_memory import scratch
from braintumor_tf.augment.noise.base import FieldNoise, Record
from braintumor_tf.augment.noise.fields import clip, pixel_noise
from braintumor_tf.augment.random_streams import quick_stream

_DENSE = 0.3  # the share of pixels from which drawing for each pixel is quicker than drawing places


@dataclass(frozen=True)
class GaussianNoise(FieldNoise):
    """Adds independent normal numbers: ``x + sigma * n``, limited to 0..255.

    Source: ImageNet-C's ``gaussian_noise`` (Hendrycks and Dietterich, ICLR 2019).

    Attributes:
        sigma: range of the standard deviation, in grey levels of 0..255.
        per_channel: see `FieldNoise`.

    Example:
        >>> import numpy as np
        >>> from braintumor_tf.augment import GaussianNoise
        >>> image = np.full((128, 128), 128, np.uint8)
        >>> noisy = GaussianNoise(sigma=10)(image, np.random.default_rng(0))
        >>> noisy.dtype, 9 < noisy.std() < 11
        (dtype('uint8'), np.True_)
    """

    sigma: tuple[float, float] | float = (0.0, 25.0)
    strength: ClassVar[str] = "sigma"

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Adds the numbers; see `Noise.render`."""
        noise = _draw(record, image)
        return clip(cv2.scaleAdd(noise, record["sigma"], image, dst=noise))


@dataclass(frozen=True)
class SaltAndPepperNoise(FieldNoise):
    """Sets a share of the pixels to black (0) or white (255), each with probability one half.

    Source: scikit-image's ``random_noise(mode="s&p")``, which ImageNet-C uses for ``impulse_noise`` (Hendrycks and
    Dietterich, ICLR 2019).

    Attributes:
        amount: range of the share of pixels, 0..1. Each pixel is hit independently with this probability.
        per_channel: see `FieldNoise`.
    """

    amount: tuple[float, float] | float = (0.0, 0.05)
    strength: ClassVar[str] = "amount"
    highest: ClassVar[float] = 1.0

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Blackens and whitens; see `Noise.render`."""
        rng = quick_stream(record["seed"], "field")
        shared = image.ndim == 3 and record["per_channel"] is False
        pixels = image.reshape(-1, image.shape[2]) if shared else image.reshape(-1)
        places = _hits(rng, len(pixels), record["amount"])
        values = rng.integers(0, 2, len(places), dtype=np.uint8).astype(np.float32) * 255
        pixels[places] = values[:, None] if shared else values
        return image


def _hits(rng: np.random.Generator, count: int, amount: float) -> np.ndarray:
    """Draws which of `count` pixels are hit, each independently with probability `amount`.

    For small shares a Poisson number of places, mean ``-log(1 - amount) * count``, is drawn with replacement. How often
    each pixel is drawn is then independent of the others, and 0 with probability ``1 - amount`` (Poisson splitting). A
    place may be listed twice.
    """
    if amount >= _DENSE:
        return np.flatnonzero(rng.random(count, dtype=np.float32) < amount)
    return rng.integers(0, count, rng.poisson(-math.log1p(-amount) * count), dtype=np.uint32)


@dataclass(frozen=True)
class SpeckleNoise(FieldNoise):
    """Multiplies by independent normal numbers: ``x + x * sigma * n``, limited to 0..255; black stays black.

    Source: ImageNet-C's ``speckle_noise`` (Hendrycks and Dietterich, ICLR 2019).

    Attributes:
        sigma: range of the standard deviation, as a share of the pixel's value (0.2 is a fifth).
        per_channel: see `FieldNoise`.
    """

    sigma: tuple[float, float] | float = (0.0, 0.2)
    strength: ClassVar[str] = "sigma"

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Multiplies; see `Noise.render`."""
        noise = _draw(record, image)
        noise = cv2.multiply(noise, image, dst=noise, scale=record["sigma"])
        return clip(cv2.add(noise, image, dst=noise))


@dataclass(frozen=True)
class RicianNoise(FieldNoise):
    """The noise of a magnitude MR image: ``sqrt((x + sigma * n1)^2 + (sigma * n2)^2)``, limited to 0..255.

    Real and imaginary channel have independent normal noise, and the scanner shows the magnitude: the background
    becomes Rayleigh distributed with mean ``sigma * sqrt(pi / 2)``, and bright tissue gets nearly normal noise.

    Source: Gudbjartsson and Patz, "The Rician distribution of noisy MRI data", Magnetic Resonance in Medicine 34
    (1995).

    Attributes:
        sigma: range of the standard deviation in each of the two channels, in grey levels of 0..255.
        per_channel: see `FieldNoise`.
    """

    sigma: tuple[float, float] | float = (0.0, 25.0)
    strength: ClassVar[str] = "sigma"

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Takes the magnitude; see `Noise.render`."""
        rng, sigma = quick_stream(record["seed"], "field"), record["sigma"]
        own = record["per_channel"]
        real = pixel_noise(rng, image, per_channel=own, out=scratch("noise", image.shape))
        real = cv2.scaleAdd(real, sigma, image, dst=real)
        imaginary = pixel_noise(rng, image, per_channel=own, out=scratch("second noise", image.shape))
        imaginary *= np.float32(sigma)
        real *= real  # not cv2.magnitude, whose last bit depends on where in memory the arrays lie
        imaginary *= imaginary
        real += imaginary
        return clip(np.sqrt(real, out=real))


def _draw(record: Record, image: np.ndarray) -> np.ndarray:
    rng = quick_stream(record["seed"], "field")
    return pixel_noise(rng, image, per_channel=record["per_channel"], out=scratch("noise", image.shape))
