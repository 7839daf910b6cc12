"""Explanations: which parts of an image a model's answer rests on, and what its layers make of the image.

Importing this imports no Keras; the functions do so when they are first asked for. The stage and its verb share one
name, so the module can be called: ``braintumor_tf.explain(model, images)`` is ``braintumor_tf.explain.explain(...)``.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

from braintumor_tf.explain.methods import METHODS, ExplanationError, Method

_LAZY = {
    "explain": "heat_maps",
    "attention_maps": "attention",
    "check_explanations": "trust",
    "convolution_layers": "activations",
    "draw_activations": "activation_pictures",
    "draw_architecture": "architecture",
    "energy_inside": "localisation",
    "find_masks": "masks",
    "layer_activations": "activations",
    "localisation_table": "localisation",
    "masking_check": "masking",
    "outside_check": "masking",
    "pointing_game": "localisation",
    "randomisation_check": "randomisation",
}

__all__ = ["METHODS", "ExplanationError", "Method", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _CallableModule(types.ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.explain(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
