"""Noise models for MR images on the scale 0..255."""

from braintumor_tf.augment.noise.base import Noise, Record, describe, from_description, replay
from braintumor_tf.augment.noise.choice import RandomNoise
from braintumor_tf.augment.noise.grey_curve import GreyCurve
from braintumor_tf.augment.noise.intensity import GaussianNoise, RicianNoise, SaltAndPepperNoise, SpeckleNoise
from braintumor_tf.augment.noise.mixture import parse_severities, training_noise
from braintumor_tf.augment.noise.presets import NOISE_PRESETS, SEVERITIES, NoisePreset, noise_at
from braintumor_tf.augment.noise.sequence import NoiseSequence
from braintumor_tf.augment.noise.sized import NoiseAtSize
from braintumor_tf.augment.noise.spatial import BiasField, GaussianBlur, MotionBlur
from braintumor_tf.errors import NoiseError

__all__ = [
    "NOISE_PRESETS",
    "SEVERITIES",
    "BiasField",
    "GaussianBlur",
    "GaussianNoise",
    "GreyCurve",
    "MotionBlur",
    "Noise",
    "NoiseAtSize",
    "NoiseError",
    "NoisePreset",
    "NoiseSequence",
    "RandomNoise",
    "Record",
    "RicianNoise",
    "SaltAndPepperNoise",
    "SpeckleNoise",
    "describe",
    "from_description",
    "noise_at",
    "parse_severities",
    "replay",
    "training_noise",
]
