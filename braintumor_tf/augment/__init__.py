"""Noise models, and an `ImageDataGenerator` that takes the place of Keras's.

Importing the noise models imports neither Keras nor TensorFlow; the generator does so when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from braintumor_tf.augment.noise import (
    NOISE_PRESETS,
    SEVERITIES,
    BiasField,
    GaussianBlur,
    GaussianNoise,
    GreyCurve,
    MotionBlur,
    Noise,
    NoiseAtSize,
    NoiseError,
    NoisePreset,
    NoiseSequence,
    RandomNoise,
    Record,
    RicianNoise,
    SaltAndPepperNoise,
    SpeckleNoise,
    describe,
    noise_at,
    replay,
    training_noise,
)

_LAZY = {
    "make_pairs": "counterfactual.pairs",
    "ImageDataGenerator": "generator",
    "DirectoryIterator": "keras_iterators",
    "DataFrameIterator": "keras_iterators",
    "NumpyArrayIterator": "keras_iterators",
}

__all__ = [
    "NOISE_PRESETS",
    "SEVERITIES",
    "BiasField",
    "DataFrameIterator",
    "DirectoryIterator",
    "GaussianBlur",
    "GaussianNoise",
    "GreyCurve",
    "ImageDataGenerator",
    "MotionBlur",
    "Noise",
    "NoiseAtSize",
    "NoiseError",
    "NoisePreset",
    "NoiseSequence",
    "NumpyArrayIterator",
    "RandomNoise",
    "Record",
    "RicianNoise",
    "SaltAndPepperNoise",
    "SpeckleNoise",
    "describe",
    "make_pairs",
    "noise_at",
    "replay",
    "training_noise",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
