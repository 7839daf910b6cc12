"""EfficientNet and MobileNetV2 of `keras.applications` as flat models with the input contract and a head of ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from braintumor_tf.errors import ModelError
from braintumor_tf.models.backbone import set_batch_normalisation_momentum
from braintumor_tf.models.head import classification_head
from braintumor_tf.models.layers.fused_batch_norm import with_fused_normalisation
from braintumor_tf.models.layers.input_layers import image_input
from braintumor_tf.models.seeding import Seeds, seed_layers
from braintumor_tf.types import RANDOM, ModelConfig

IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviations of ImageNet's red, green and blue, pixels scaled to 0..1."""


def build_mobilenet_v2(config: ModelConfig, *, width: float) -> keras.Model:
    """Builds MobileNetV2 of a width multiplier from a resolved configuration."""
    _, x = image_input(config.image_size, channels=3, crop=config.crop)
    x = keras.layers.Rescaling(1.0 / 127.5, offset=-1.0, name="scale")(x)
    backbone = keras.applications.MobileNetV2(input_tensor=x, alpha=width, include_top=False, weights=None)
    return _finish(backbone, config)


def build_efficientnet(config: ModelConfig, *, variant: str) -> keras.Model:
    """Builds an EfficientNet of a variant such as ``"B0"`` from a resolved configuration.

    Scaling and normalising are layers of Keras's own network. Its ImageNet weights were trained on images that are
    divided by the square root of the deviation once more. Keras does so for ``weights="imagenet"`` only, not for the
    same file by its path. Here every file gets that layer, and random weights do not.
    """
    _, x = image_input(config.image_size, channels=3, crop=config.crop)
    network = getattr(keras.applications, f"EfficientNet{variant}")
    backbone = network(input_tensor=x, include_top=False, weights=None)
    call = _call_with_imagenet_scale if config.weights != RANDOM else None
    return _finish(backbone, config, call)


def _call_with_imagenet_scale(layer: Any, *args: Any, **kwargs: Any) -> Any:
    outputs = layer(*args, **kwargs)
    if not isinstance(layer, keras.layers.Normalization):
        return outputs
    scale = [1.0 / math.sqrt(deviation) for deviation in IMAGENET_DEVIATION]
    return keras.layers.Rescaling(scale, name="imagenet_scale")(outputs)


def _finish(backbone: keras.Model, config: ModelConfig, call: Callable[..., Any] | None = None) -> keras.Model:
    """Fills the backbone's weights, gives it our batch normalisation, and puts the head into the same graph."""
    published, seeds = backbone, Seeds(config.seed)
    backbone = keras.models.clone_model(published, clone_function=with_fused_normalisation, call_function=call)
    seed_layers(backbone, seeds, kernels=config.weights == RANDOM)
    set_batch_normalisation_momentum(backbone)
    if config.weights != RANDOM:
        _load(published, config)  # into Keras's own layers, because .weights.h5 files go by their names
        backbone.set_weights(published.get_weights())
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # what it computes with, which setting its weights leaves as it was
    probabilities = classification_head(backbone.output, config, seeds)
    return keras.Model(backbone.inputs[0], probabilities, name=config.model)


def _load(backbone: keras.Model, config: ModelConfig) -> None:
    try:
        backbone.load_weights(config.weights)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ModelError(
            f"{config.weights}: cannot be loaded into {config.model} ({reason}); "
            f"give an .h5 file of Keras's {config.model} without its head"
        ) from error
