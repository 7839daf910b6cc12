"""The head of a network: pooling, dropout, dense layers where asked, and the probabilities."""

from __future__ import annotations

from typing import Any

import keras

from braintumor_tf.models.layers import ClassProbabilities
from braintumor_tf.models.seeding import Seeds
from braintumor_tf.types import ModelConfig


def classification_head(features: Any, config: ModelConfig, seeds: Seeds) -> Any:
    """Closes a model: global average pooling, dropout, dense layers where asked, and the probabilities.

    Args:
        features: the last feature map, shape ``(batch, height, width, channels)``.
        config: a resolved configuration, which says the classes, the dropout before each dense layer, and the units of
            the dense layers before the last.
        seeds: gives the layers their seeds.

    Returns:
        The probabilities, shape ``(batch, classes)``, float32.
    """
    x = keras.layers.GlobalAveragePooling2D(name="average_pooling")(features)
    return classification_layers(x, config, seeds)


def classification_layers(features: Any, config: ModelConfig, seeds: Seeds) -> Any:
    """Closes a model whose features are pooled, shape ``(batch, features)``; else as `classification_head`."""
    x = features
    for index, units in enumerate(config.head, start=1):
        x = keras.layers.Dropout(config.dropout, seed=seeds(), name=f"head_{index}_dropout")(x)
        kernel = keras.initializers.HeNormal(seed=seeds())
        x = keras.layers.Dense(units, activation="relu", kernel_initializer=kernel, name=f"head_{index}")(x)
    x = keras.layers.Dropout(config.dropout, seed=seeds(), name="dropout")(x)
    kernel = keras.initializers.GlorotUniform(seed=seeds())
    return ClassProbabilities(config.classes, kernel_initializer=kernel, name="probabilities")(x)
