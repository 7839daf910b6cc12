"""Severities 1 to 5 of each noise, for robustness studies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from braintumor_tf.augment.noise.base import Noise
from braintumor_tf.augment.noise.intensity import GaussianNoise, RicianNoise, SaltAndPepperNoise, SpeckleNoise
from braintumor_tf.augment.noise.spatial import BiasField, GaussianBlur, MotionBlur
from braintumor_tf.errors import NoiseError

IMAGENET_C = "ImageNet-C (Hendrycks and Dietterich, ICLR 2019)"
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class NoisePreset:
    """One noise at five strengths.

    Attributes:
        name: what it is called in tables and options.
        noise: the model.
        settings: the model's arguments at severity 1, 2, 3, 4, 5.
        source: where the values come from.
    """

    name: str
    noise: type[Noise]
    settings: tuple[dict[str, Any], ...]
    source: str


def _values(parameter: str, *values: float) -> tuple[dict[str, Any], ...]:
    return tuple({parameter: value} for value in values)


NOISE_PRESETS: dict[str, NoisePreset] = {
    preset.name: preset
    for preset in (
        NoisePreset(
            "gaussian",
            GaussianNoise,
            _values("sigma", 20.4, 30.6, 45.9, 66.3, 96.9),
            f"{IMAGENET_C}: gaussian_noise 0.08, 0.12, 0.18, 0.26, 0.38 of the range 0..255",
        ),
        NoisePreset(
            "salt_and_pepper",
            SaltAndPepperNoise,
            _values("amount", 0.03, 0.06, 0.09, 0.17, 0.27),
            f"{IMAGENET_C}: impulse_noise",
        ),
        NoisePreset(
            "speckle", SpeckleNoise, _values("sigma", 0.15, 0.2, 0.35, 0.45, 0.6), f"{IMAGENET_C}: speckle_noise"
        ),
        NoisePreset(
            "rician",
            RicianNoise,
            _values("sigma", 20.4, 30.6, 45.9, 66.3, 96.9),
            "not in ImageNet-C; its Gaussian values, to which Rician noise tends in bright tissue",
        ),
        NoisePreset(
            "gaussian_blur",
            GaussianBlur,
            _values("sigma", 1, 2, 3, 4, 6),
            f"{IMAGENET_C}: gaussian_blur, at 224 pixels",
        ),
        NoisePreset(
            "motion_blur",
            MotionBlur,
            tuple(
                {"radius": radius, "sigma": sigma} for radius, sigma in ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
            ),
            f"{IMAGENET_C}: motion_blur, at 224 pixels",
        ),
        NoisePreset(
            "bias_field",
            BiasField,
            _values("coefficient", 0.1, 0.2, 0.3, 0.4, 0.5),
            "not in ImageNet-C; equal steps up to the default of TorchIO's RandomBiasField",
        ),
    )
}
"""The presets by name."""


def noise_at(name: str, severity: int) -> Noise:
    """Returns the noise model `name` at a severity.

    Blurs are in pixels and, like ImageNet-C's, meant for images of 224 by 224.

    Args:
        name: a key of `NOISE_PRESETS`.
        severity: 1 (mild) to 5 (heavy); 0 is the model with strength 0, which changes nothing.

    Raises:
        NoiseError: no such name or severity.

    Example:
        >>> from braintumor_tf.augment import noise_at
        >>> noise_at("speckle", 3).sigma
        (0.35, 0.35)
    """
    if name not in NOISE_PRESETS:
        raise NoiseError(f"no noise called {name!r}; known: {', '.join(NOISE_PRESETS)}")
    preset = NOISE_PRESETS[name]
    if severity == 0:
        return preset.noise(**{preset.noise.strength: 0})
    if severity not in SEVERITIES:
        raise NoiseError(f"severity {severity!r} of {name}; give 0 (none) to 5")
    return preset.noise(**preset.settings[severity - 1])
