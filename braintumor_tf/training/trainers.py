"""Which function trains which kind of model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from types import MappingProxyType

from braintumor_tf.models.registry import NETWORK, PIPELINE, ModelSpec

TRAINERS: Mapping[str, str] = MappingProxyType(
    {
        NETWORK: "braintumor_tf.training.fitting:fit",
        PIPELINE: "braintumor_tf.training.pca_fitting:fit_pipeline",
    }
)
"""The trainer of each kind of model, called with the arguments of `fit`, ``callbacks`` left out."""


def trainer_of(spec: ModelSpec) -> Callable:
    """Imports and returns the function that trains a model, and that leaves its file in the run."""
    return resolve_name(TRAINERS[spec.kind])
