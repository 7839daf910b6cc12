"""Corrupting test images: which noises, from which random numbers, and at which size of the picture."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from braintumor_tf.augment.noise import SEVERITIES, Noise, describe, noise_at, replay
from braintumor_tf.augment.noise.base import has_equal_channels
from braintumor_tf.augment.random_streams import quick_stream
from braintumor_tf.datasets.content_check import read_unchanged
from braintumor_tf.datasets.reading import open_image, to_array
from braintumor_tf.errors import EvaluationError

NOISES = ("gaussian", "salt_and_pepper", "speckle", "rician", "motion_blur", "gaussian_blur", "bias_field")
"""The noises that are tested unless others are asked for: all of `braintumor_tf.augment.NOISE_PRESETS`."""

SIZE = 224
"""Side in pixels of the picture that is corrupted, the one that the severities of the presets were published for."""

CLEAN = "clean"


@dataclass(frozen=True)
class Corruption:
    """One noise at one severity.

    Attributes:
        name: of the noise, as in tables.
        severity: 1 to 5; 1 for a noise model that has a strength of its own.
        noise: the model.
    """

    name: str
    severity: int
    noise: Noise

    def record(self) -> dict[str, Any]:
        """Returns name, severity and all settings, as kept in ``robustness.json``."""
        return {"name": self.name, "severity": self.severity, "model": describe(self.noise)}


@dataclass(frozen=True)
class Picture:
    """A picture as it is before any noise.

    Attributes:
        pixels: uint8 of shape ``(height, width)``, or with three channels where these differ.
        identity: a hash of the file's content, which the noise depends on.
    """

    pixels: np.ndarray
    identity: str


def choose_corruptions(
    noises: Sequence[str | Noise] | str | Noise | None = None, *, severities: Sequence[int] = SEVERITIES
) -> list[Corruption]:
    """Returns each noise at each severity.

    Args:
        noises: names of `braintumor_tf.augment.NOISE_PRESETS`, or noise models, which have a strength of their own and
            so come once each; None for `NOISES`.
        severities: of the named ones, each of 1 to 5 at most once.

    Raises:
        EvaluationError: there is no noise or no severity, one comes twice, or a severity is not 1 to 5.
        NoiseError: no noise has that name.

    Example:
        >>> [(each.name, each.severity) for each in choose_corruptions(["speckle"], severities=(1, 3))]
        [('speckle', 1), ('speckle', 3)]
    """
    severities = tuple(severities)
    if not severities or not set(severities) <= set(SEVERITIES) or len(set(severities)) < len(severities):
        raise EvaluationError(
            f"severities {severities}; give some of 1 to 5, each once (clean images are always scored)"
        )
    noises = NOISES if noises is None else [noises] if isinstance(noises, (str, Noise)) else list(noises)
    found = []
    for noise in noises:
        if isinstance(noise, Noise):
            found.append(Corruption(_title(noise), 1, noise))
        else:
            found += [Corruption(noise, int(severity), noise_at(noise, severity)) for severity in severities]
    names = [(each.name, each.severity) for each in found]
    if not names or len(set(names)) < len(names):
        raise EvaluationError(f"noises {', '.join(map(str, noises)) or 'none'}; give one or more, each once")
    return found


def read_picture(path: str | Path, *, size: tuple[int, int], md5: str = "") -> Picture:
    """Reads an image file at the size at which it is corrupted, ``(height, width)``.

    Raises:
        ImageReadError: it cannot be read, or its bytes have another `md5` than was given.
    """
    data = read_unchanged(path, md5)
    pixels = to_array(open_image(path, data), grey=False, size=size)
    identity = hashlib.blake2b(data, digest_size=16).hexdigest()
    return Picture(np.ascontiguousarray(pixels[..., 0]) if has_equal_channels(pixels) else pixels, identity)


def corrupt(picture: Picture, corruption: Corruption | None, *, seed: int) -> np.ndarray:
    """Returns a picture's pixels with a noise, or as they are for None.

    What is drawn depends on the seed, the content of the image's file, the name of the noise and its severity, and on
    nothing else: not on the other images, their order, the model, its batches or the number of threads.

    Args:
        picture: the picture.
        corruption: the noise.
        seed: one for a whole comparison.

    Returns:
        uint8 of the picture's shape.

    Example:
        >>> picture = Picture(np.full((4, 4), 100, np.uint8), "made up")
        >>> bool((corrupt(picture, None, seed=0) == picture.pixels).all())
        True
        >>> corruption = choose_corruptions("gaussian", severities=[3])[0]
        >>> bool((corrupt(picture, corruption, seed=0) == picture.pixels).all())
        False
    """
    if corruption is None:
        return picture.pixels
    key = f"{seed}/{picture.identity}/{corruption.name}/{corruption.severity}".encode()
    number = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")
    return replay(picture.pixels, corruption.noise.sample(quick_stream(number, "corruption")))


def _title(noise: Noise) -> str:
    kind = type(noise).__name__
    if not noise.strength:
        return kind
    low, high = getattr(noise, noise.strength)
    return f"{kind} {noise.strength} {low:g}" + ("" if low == high else f"-{high:g}")
