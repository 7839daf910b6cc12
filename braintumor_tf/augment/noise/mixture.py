"""Noise for training images, by the names and severities of the presets: one of several, drawn anew for each image."""

from __future__ import annotations

from collections.abc import Sequence

from braintumor_tf.augment.noise.base import Noise
from braintumor_tf.augment.noise.choice import RandomNoise
from braintumor_tf.augment.noise.presets import SEVERITIES, noise_at
from braintumor_tf.augment.noise.sized import NoiseAtSize
from braintumor_tf.errors import NoiseError


def training_noise(
    names: Sequence[str],
    severities: Sequence[int] = SEVERITIES,
    *,
    probability: float = 1.0,
    size: int | tuple[int, int] | None = None,
) -> Noise:
    """Returns a model that gives each image one of some noises at one of some severities, all equally often.

    Several strengths and a share of clean images keep a network from relying on one strength, or on noise itself.
    Simple noise in training, well tuned, helps against noise that was not seen.

    Source: Rusak et al., "A simple way to make neural networks robust against diverse image corruptions", ECCV 2020.

    Args:
        names: keys of `braintumor_tf.augment.noise.NOISE_PRESETS`.
        severities: 1 (mild) to 5 (heavy).
        probability: the share of the images that get noise, 0..1.
        size: side in pixels, or ``(height, width)``, of the picture when the noise comes (`NoiseAtSize`); None for that
            of the training images.

    Returns:
        A `RandomNoise`, in a `NoiseAtSize` if there is a size; for a single noise at a single severity on every image,
        that noise itself.

    Raises:
        NoiseError: nothing to draw from, an unknown name or severity, one of them twice, a probability outside 0..1,
            or an invalid size.

    Example:
        >>> from braintumor_tf.augment import training_noise
        >>> noise = training_noise(["gaussian", "speckle"], (1, 2, 3), probability=0.5)
        >>> len(noise.noises)
        6
    """
    names, severities = tuple(names), tuple(severities)
    if not names or not severities:
        raise NoiseError("no noise to draw from; name at least one noise and one severity")
    if len(set(names)) < len(names) or len(set(severities)) < len(severities):
        raise NoiseError(f"noise {', '.join(names)} at severity {severities}: name each of them once")
    noises = [noise_at(name, severity) for name in names for severity in severities]
    noise = noises[0] if len(noises) == 1 and probability == 1 else RandomNoise(noises, probability=probability)
    return noise if size is None else NoiseAtSize(noise, size)


def parse_severities(text: str) -> tuple[int, ...]:
    """Reads severities as the command line takes them: ``"3"``, or ``"1-5"`` for one of these drawn for each image.

    Raises:
        NoiseError: it is neither, or leaves 1 to 5.

    Example:
        >>> parse_severities("2-4")
        (2, 3, 4)
    """
    first, dash, last = text.partition("-")
    try:
        found = tuple(range(int(first), int(last if dash else first) + 1))
    except ValueError:
        found = ()
    if not found or not set(found) <= set(SEVERITIES):
        raise NoiseError(f"severity {text!r}; give a number from 1 to 5, or a range such as 1-5")
    return found
