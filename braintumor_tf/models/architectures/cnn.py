"""The scratch CNN: five convolution blocks, small enough to train on two cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from braintumor_tf.models.head import classification_head
from braintumor_tf.models.layers.fused_batch_norm import FusedBatchNormalization
from braintumor_tf.models.layers.input_layers import image_input
from braintumor_tf.models.seeding import Seeds
from braintumor_tf.types import ModelConfig

BATCH_NORM_MOMENTUM = 0.9
"""Momentum of the running mean and variance; with Keras's 0.99 they lag epochs behind the weights on small data."""


@dataclass(frozen=True)
class ConvolutionBlock:
    """One row of the network.

    Attributes:
        filters: filters of each convolution.
        convolutions: how many convolutions, each 3 x 3 without bias, batch-normalised, with ReLU.
        pool: side of the max pooling at the end, or 1 for none.
        stride: stride of the first convolution.
        kernel: side of the first convolution's kernel.
    """

    filters: int
    convolutions: int = 1
    pool: int = 2
    stride: int = 1
    kernel: int = 3


BLOCKS = (
    ConvolutionBlock(filters=24, kernel=5, stride=2),
    ConvolutionBlock(filters=48, convolutions=2),
    ConvolutionBlock(filters=96, convolutions=2),
    ConvolutionBlock(filters=160, convolutions=2),
    ConvolutionBlock(filters=256, pool=1),
)
"""The five blocks; the first shrinks the image fourfold, because convolutions at full size take most of the time."""


def build_cnn(config: ModelConfig, *, blocks: Sequence[ConvolutionBlock] = BLOCKS) -> keras.Model:
    """Builds the scratch CNN from a resolved configuration and a table of blocks."""
    seeds = Seeds(config.seed)
    # === Input contract ===
    images, x = image_input(config.image_size, channels=1, crop=config.crop)
    x = keras.layers.Rescaling(1.0 / 255.0, name="scale")(x)
    # === Convolution blocks ===
    for number, block in enumerate(blocks, start=1):
        x = _convolution_block(x, block, f"block_{number}", seeds)
    # === Head ===
    probabilities = classification_head(x, config, seeds)
    return keras.Model(images, probabilities, name=config.model)


def _convolution_block(x: Any, block: ConvolutionBlock, name: str, seeds: Seeds) -> Any:
    for index in range(1, block.convolutions + 1):
        first = index == 1
        x = keras.layers.Conv2D(
            block.filters,
            block.kernel if first else 3,
            strides=block.stride if first else 1,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.HeNormal(seed=seeds()),
            name=f"{name}_convolution_{index}",
        )(x)
        x = FusedBatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_normalization_{index}")(x)
        x = keras.layers.ReLU(name=f"{name}_relu_{index}")(x)
    if block.pool > 1:
        x = keras.layers.MaxPooling2D(block.pool, name=f"{name}_pooling")(x)
    return x
