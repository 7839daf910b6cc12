"""Training: presets, fitting in stages with the augmenting generator, and one trainer for each kind of model.

Importing this imports no Keras; the functions do so when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from braintumor_tf.errors import SearchError, TrainingError
from braintumor_tf.training.presets import MONITORS, PRECISIONS, PRESETS, Preset, Stage
from braintumor_tf.training.search.space import PARAMETERS, SPACES, Choice, Range, resolve_space
from braintumor_tf.training.settings import resolve_preset, split_settings
from braintumor_tf.training.trainers import TRAINERS, trainer_of

_LAZY = {
    "fit": "fitting",
    "Training": "fitting",
    "fit_pipeline": "pca_fitting",
    "keep_freed_memory": "devices.glibc_memory",
    "run_search": "search.run",
    "Search": "search.results",
    "on_devices": "devices.devices",
    "join_processes": "devices.devices",
    "in_precision": "devices.precision",
    "resolve_precision": "devices.precision",
}

__all__ = [
    "MONITORS",
    "PARAMETERS",
    "PRECISIONS",
    "PRESETS",
    "SPACES",
    "TRAINERS",
    "Choice",
    "Preset",
    "Range",
    "Search",
    "SearchError",
    "Stage",
    "Training",
    "TrainingError",
    "fit",
    "fit_pipeline",
    "in_precision",
    "join_processes",
    "keep_freed_memory",
    "on_devices",
    "resolve_precision",
    "resolve_preset",
    "resolve_space",
    "run_search",
    "split_settings",
    "trainer_of",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
