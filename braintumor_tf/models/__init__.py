"""The models: one table of specs, one builder, one way to load; nothing here imports Keras before it is needed."""

from __future__ import annotations

from braintumor_tf.models.errors import ImageInputError, ModelError
from braintumor_tf.models.spec import MODELS, ModelSpec, build, get_spec, load_model, resolve_classes

__all__ = [
    "MODELS",
    "ImageInputError",
    "ModelError",
    "ModelSpec",
    "build",
    "get_spec",
    "load_model",
    "resolve_classes",
]
