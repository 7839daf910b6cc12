"""The vision transformer in Keras layers, flat, its attention scores reachable (Dosovitskiy et al., 2021).

The layout is that of timm and Keras-Hub: a patch projection, a class token, learned positions, blocks that normalise
before attention and before the perceptron, and a last normalisation; the class token is classified.
"""

from __future__ import annotations

from typing import Any

import keras

from braintumor_tf.errors import ModelError
from braintumor_tf.models.architectures.vit_checkpoints import load_vit_checkpoint
from braintumor_tf.models.head import classification_layers
from braintumor_tf.models.layers.input_layers import image_input
from braintumor_tf.models.layers.vit_layers import DEVIATION, AddPositions, ClassToken
from braintumor_tf.models.seeding import Seeds
from braintumor_tf.types import RANDOM, ModelConfig

EPSILON = 1e-6
"""Of every layer normalisation, as in the published checkpoints."""


def build_vit(config: ModelConfig, *, width: int, depth: int, heads: int, patch: int = 16) -> keras.Model:
    """Builds a vision transformer.

    Args:
        config: a resolved configuration; the sides of its images are multiples of the patch.
        width: features of a token.
        depth: blocks.
        heads: attention heads in each block.
        patch: side of a patch in pixels.

    Raises:
        ModelError: the checkpoint does not fit.
    """
    rows, columns = (side // patch for side in config.image_size)
    seeds = Seeds(config.seed)
    # === Input contract ===
    images, x = image_input(config.image_size, channels=3, crop=config.crop)
    x = keras.layers.Rescaling(1.0 / 127.5, offset=-1.0, name="scale")(x)
    # === Tokens ===
    kernel = keras.initializers.LecunNormal(seed=seeds())
    x = keras.layers.Conv2D(width, patch, strides=patch, kernel_initializer=kernel, name="patches")(x)
    x = AddPositions((rows, columns), seed=seeds(), name="positions")(x)
    # === Blocks ===
    for number in range(1, depth + 1):
        x = _block(x, f"block_{number}", width, heads, seeds)
    x = keras.layers.LayerNormalization(epsilon=EPSILON, name="normalization")(x)
    # === Head ===
    x = ClassToken(name="class_token")(x)
    model = keras.Model(images, classification_layers(x, config, seeds), name=config.model.replace("/", "-"))
    if config.weights != RANDOM:
        load_vit_checkpoint(model, config.weights)
    return model


def _block(x: Any, name: str, width: int, heads: int, seeds: Seeds) -> Any:
    normalised = keras.layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_attention_normalization")(x)
    attention = keras.layers.MultiHeadAttention(
        heads, width // heads, kernel_initializer=_small(seeds), seed=seeds(), name=f"{name}_attention"
    )
    attended, _ = attention(normalised, normalised, return_attention_scores=True)
    _draw_apart(attention, seeds)
    x = keras.layers.Add(name=f"{name}_attention_sum")([x, attended])
    hidden = keras.layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_perceptron_normalization")(x)
    hidden = keras.layers.Dense(
        4 * width, activation="gelu", kernel_initializer=_small(seeds), name=f"{name}_perceptron_1"
    )(hidden)
    hidden = keras.layers.Dense(width, kernel_initializer=_small(seeds), name=f"{name}_perceptron_2")(hidden)
    return keras.layers.Add(name=f"{name}_perceptron_sum")([x, hidden])


def _small(seeds: Seeds) -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=DEVIATION, seed=seeds())


def _draw_apart(attention: keras.layers.MultiHeadAttention, seeds: Seeds) -> None:
    """Gives query, key, value and output kernels different values: Keras hands one seed to all four."""
    for weight in attention.weights:
        if len(weight.shape) == 3:  # the kernels; biases have one or two axes
            weight.assign(_small(seeds)(weight.shape, weight.dtype))


def attention_model(model: keras.Model) -> keras.Model:
    """Returns a model that answers with the attention scores of each block instead of probabilities.

    Args:
        model: a ViT built by `braintumor_tf.models.build`, or loaded.

    Returns:
        A model on the same layers and weights; its output is a list of one tensor a block, from the first to the last,
        of shape ``(batch, heads, tokens, tokens)``. Each row adds up to 1; token 0 is the class token and the others
        are the patches, row by row.

    Raises:
        ModelError: the model has no attention.

    Example:
        >>> from braintumor_tf.models import build
        >>> attention_model(build("ViT-Ti/16", image_size=32)).output[0].shape
        (None, 3, 5, 5)
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.MultiHeadAttention)]
    if not layers:
        raise ModelError(f"model {model.name!r} has no attention; choose a ViT")
    return keras.Model(model.inputs[0], [layer.output[1] for layer in layers], name=f"{model.name}_attention")
