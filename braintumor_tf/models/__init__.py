"""The models: one table of specs, one builder, one way to load; nothing here imports Keras before it is needed."""

from __future__ import annotations

from braintumor_tf.models.errors import ImageInputError, ModelError, WeightsUnavailable
from braintumor_tf.models.spec import MODELS, ModelSpec, build, get_spec, load_model, resolve_classes
from braintumor_tf.models.weights import describe_weights, download_weights, weights_directory

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
