"""The seeds of layers, drawn from the model's own; networks of `keras.applications` take none and are seeded here."""

from __future__ import annotations

import keras
import numpy as np


class Seeds:
    """Gives each layer of a model its own seed, drawn from the model's; None stays None."""

    def __init__(self, seed: int | None):
        self._generator = None if seed is None else np.random.default_rng(seed)

    def __call__(self) -> int | None:
        """Returns the next layer's seed."""
        return None if self._generator is None else int(self._generator.integers(2**31))


def seed_layers(model: keras.Model, seeds: Seeds, kernels: bool = True) -> None:
    """Makes the first weights and the dropout of a network of `keras.applications` repeatable.

    Those networks take no seed; their kernels are drawn again here from their own initializers with one.

    Args:
        model: a freshly built network; it is changed in place.
        seeds: gives the layers their seeds; where it gives None, nothing is changed.
        kernels: False to leave the weights, because they come from a file.
    """
    for layer in model.layers:
        initializer = getattr(layer, "depthwise_initializer", None) or getattr(layer, "kernel_initializer", None)
        if kernels and initializer is not None:
            seed = seeds()
            if seed is not None:
                seeded = type(initializer).from_config({**initializer.get_config(), "seed": seed})
                layer.kernel.assign(seeded(layer.kernel.shape, layer.kernel.dtype))
        if isinstance(layer, keras.layers.Dropout):
            _seed_dropout(layer, seeds())


def _seed_dropout(layer: keras.layers.Dropout, seed: int | None) -> None:
    if seed is None or not layer.rate:
        return
    layer.seed = seed
    layer.seed_generator.state.assign([seed, 0])
