"""The parts of a built or loaded model: its backbone, the blocks of that, its head; what transfer learning freezes."""

from __future__ import annotations

import re

import keras

from braintumor_tf.errors import ModelError
from braintumor_tf.models.layers import FitSize, SelectChannels

BATCH_NORMALISATION_MOMENTUM = 0.97
"""Momentum of the running mean and variance in every backbone that is built here.

It follows a short fine-tuning; Keras's own, 0.99 and 0.999, lag behind it. Where an epoch has few steps, the preset
``transfer`` lowers it (`braintumor_tf.training.stages.normalisation_momentum`)."""


HEAD_NAME = re.compile(r"(average_pooling|class_token|dropout|probabilities|head_\d+(_dropout)?)$")
"""What a layer of the head is called; the layers of a model from elsewhere are not."""

BLOCK_NAME = re.compile(r"(block_?\d+[a-z]?|expanded_conv)_")
"""How the name of a layer of a block begins; the group is the block's name."""


def head_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers that close a model, from the pooling or the first dropout to the probabilities, in order."""
    return [layer for layer in model.layers if HEAD_NAME.match(layer.name)]


def backbone_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers between the input contract and the head, in order; they are known by name, also after loading.

    Args:
        model: a network built by `braintumor_tf.models.build`, or loaded.

    Example:
        >>> from braintumor_tf.models import build
        >>> [layer.name for layer in backbone_layers(build("CNN", image_size=32))][:2]
        ['scale', 'block_1_convolution_1']
    """
    inputs = (keras.layers.InputLayer, SelectChannels, FitSize)
    return [layer for layer in model.layers if not isinstance(layer, inputs) and not HEAD_NAME.match(layer.name)]


def backbone_blocks(model: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Returns the backbone's layers by block, from the input to the head, such that the last can be trained alone.

    Args:
        model: a network built by `braintumor_tf.models.build`, or loaded.

    Returns:
        A name for each block, such as ``"block_16"`` (MobileNetV2, ViT, CNN) or ``"block7a"`` (EfficientNet), with its
        layers. What precedes the first block is ``"stem"``, what follows the last is ``"top"``.
    """
    blocks: dict[str, list[keras.layers.Layer]] = {"stem": []}
    layers = backbone_layers(model)
    found = [BLOCK_NAME.match(layer.name) for layer in layers]
    last = max((index for index, match in enumerate(found) if match), default=-1)
    current = "stem"
    for index, (layer, match) in enumerate(zip(layers, found)):
        current = match.group(1) if match else "top" if index > last >= 0 else current
        blocks.setdefault(current, []).append(layer)
    return {name: members for name, members in blocks.items() if members}


def set_batch_normalisation_momentum(model: keras.Model, momentum: float = BATCH_NORMALISATION_MOMENTUM) -> int:
    """Sets the momentum of every batch normalisation, before the model is compiled; it is kept when the model is saved.

    Args:
        model: any Keras model; it is changed in place.
        momentum: share of the old statistics that one step keeps, from 0 to under 1.

    Returns:
        The number of layers that were set.

    Raises:
        ModelError: the momentum is out of range.
    """
    if not 0.0 <= momentum < 1.0:
        raise ModelError(f"momentum {momentum!r} is not a share; give a number from 0 to under 1")
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.momentum = momentum
    return len(layers)
