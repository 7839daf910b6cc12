"""The models: one table of specs, one builder, one way to load; nothing here imports Keras before it is needed."""

from __future__ import annotations

from braintumor_tf.errors import ImageInputError, ModelError, WeightsUnavailable
from braintumor_tf.models.pretrained import describe_weights, download_weights, weights_directory
from braintumor_tf.models.registry import MODELS, ModelSpec, build, get_spec, load_model, resolve_classes

__all__ = [
    "MODELS",
    "ImageInputError",
    "ModelError",
    "ModelSpec",
    "WeightsUnavailable",
    "build",
    "describe_weights",
    "download_weights",
    "get_spec",
    "load_model",
    "resolve_classes",
    "weights_directory",
]
