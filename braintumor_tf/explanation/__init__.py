"""Explanations: which parts of an image a model's answer rests on, and what its layers make of the image.

Importing this imports no Keras; the functions do so when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.methods import METHODS, Method
from braintumor_tf.identity.lesions import LesionBox, find_masks

_LAZY = {
    "explain": "heat_maps",
    "attention_maps": "network.class_token",
    "check_explanations": "checks.run_checks",
    "convolution_layers": "network.activations",
    "draw_activations": "network.activation_pictures",
    "draw_architecture": "network.architecture",
    "energy_inside": "checks.map_scores",
    "layer_activations": "network.activations",
    "localisation_check": "checks.localisation",
    "localise_images": "checks.localised_images",
    "masking_check": "checks.masking",
    "outside_check": "checks.outside_head",
    "pointing_game": "checks.map_scores",
    "randomisation_check": "checks.randomisation",
    "summarise_localisation": "checks.localisation",
}

__all__ = ["METHODS", "ExplanationError", "LesionBox", "Method", "find_masks", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
