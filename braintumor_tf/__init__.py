"""Honest classification of brain MRI slices with Keras 3.

The public names are imported when they are first used, so ``import braintumor_tf`` is fast and imports neither
TensorFlow nor Keras. Research use only, never diagnosis.
"""

from __future__ import annotations

import importlib
from typing import Any

from braintumor_tf._version import __version__

_ROOMS = (
    "datasets",
    "matching",
    "identity",
    "leakage",
    "augment",
    "models",
    "training",
    "evaluation",
    "experiments",
    "explanation",
    "report",
    "deploy",
    "notebooks",
    "runs",
)

_NAMES = {
    "datasets": ("fetch", "read_image", "read_manifest", "scan", "to_binary", "verify", "write_synthetic"),
    "identity": ("link", "load"),
    "leakage": ("audit", "group", "leak_curve", "merge", "predict_baselines", "split", "write_merged"),
    "augment": ("ImageDataGenerator",),
    "models": ("build",),
    "models.wrapped.wrapping": ("wrap_model",),
    "training": ("fit", "run_search"),
    "evaluation": ("compare", "predict_manifest", "score_predictions"),
    "evaluation.robustness": ("robustness",),
    "experiments": (
        "evaluate_run",
        "import_model",
        "predict_files",
        "predict_images",
        "run_ensemble",
        "run_experiment",
        "run_folds",
        "run_ladder",
        "run_origins",
    ),
    "explanation": ("attention_maps", "convolution_layers", "explain", "layer_activations"),
    "report": ("write_model_card", "write_report"),
    "deploy": ("export",),
    "runs": ("Run",),
}
_ROOM_OF = {name: stage for stage, names in _NAMES.items() for name in names}

__all__ = ["__version__", *_ROOMS, *_ROOM_OF]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"braintumor_tf.{name}")
    if name in _ROOM_OF:
        return getattr(importlib.import_module(f"braintumor_tf.{_ROOM_OF[name]}"), name)
    raise AttributeError(f"module 'braintumor_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
