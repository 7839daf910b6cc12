"""The models: one registry, one way to build, one way to load; nothing here imports Keras before it is needed."""

from __future__ import annotations

from braintumor_tf.errors import ImageInputError, ModelError, WeightsUnavailable
from braintumor_tf.models.factory import build, classes_of, load_model, resolve_classes, resolve_config
from braintumor_tf.models.pretrained import describe_weights, download_weights, weights_directory
from braintumor_tf.models.registry import MODELS, ModelSpec, get_spec
from braintumor_tf.types import ModelConfig

__all__ = [
    "MODELS",
    "ImageInputError",
    "ModelConfig",
    "ModelError",
    "ModelSpec",
    "WeightsUnavailable",
    "build",
    "classes_of",
    "describe_weights",
    "download_weights",
    "get_spec",
    "load_model",
    "resolve_classes",
    "resolve_config",
    "weights_directory",
]
