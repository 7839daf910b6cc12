"""What a hyperparameter search holds fixed, and how a trial's values become a training."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.augment.noise import Noise, describe
from braintumor_tf.errors import SearchError
from braintumor_tf.files import comparable_json
from braintumor_tf.models import build, describe_weights, get_spec, resolve_config
from braintumor_tf.models.backbone import backbone_blocks
from braintumor_tf.runs import data_fingerprint
from braintumor_tf.training.devices.precision import in_precision, resolve_precision
from braintumor_tf.training.presets import Preset
from braintumor_tf.training.search.space import (
    PARAMETERS,
    SPACES,
    Choice,
    Range,
    check_space,
    resolve_space,
    space_as_dict,
    with_values,
)
from braintumor_tf.training.settings import resolve_preset
from braintumor_tf.types import ModelConfig


@dataclass(frozen=True)
class Plan:
    """What all trials of a search share.

    Attributes:
        model: the network as it is built where its settings are not searched, resolved; each trial has its own seed.
        weights_used: which file its weights are.
        preset: what is not searched of the training.
        noise: a noise model for the training images, or None.
        space: what is searched.
        seed: of the search.
    """

    model: ModelConfig
    weights_used: Mapping[str, Any]
    preset: Preset
    noise: Noise | None
    space: Mapping[str, Range | Choice]
    seed: int

    def arguments(self, values: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """Returns the arguments of `run_experiment` that train a model with a trial's values and seed."""
        preset, model = with_values(self.preset, self.model, values)
        settings = {name: getattr(model, name) for name in ModelConfig.names()}
        return {**settings, "seed": seed, "preset": preset, "noise": self.noise}

    def settings(self, manifest: pd.DataFrame) -> dict[str, Any]:
        """Returns what everyone who joins the search must agree in, as plain JSON values without paths."""
        settings = {
            **asdict(self.model),
            "weights": self.weights_used,
            "preset": self.preset.to_dict(),
            "noise": None if self.noise is None else describe(self.noise),
            "space": space_as_dict(self.space),
            "seed": self.seed,
            "data": data_fingerprint(manifest),
        }
        return json.loads(comparable_json(settings))


def make_plan(
    manifest: pd.DataFrame,
    model: ModelConfig,
    *,
    space: Mapping[str, Any] | Iterable[str] | None,
    preset: str | Path | Preset | None,
    settings: Mapping[str, Any],
    noise: Noise | None,
    seed: int,
) -> Plan:
    """Checks the arguments of a search by building its model once, and returns what the trials share.

    Args:
        manifest: as for `run_search`.
        model: what is built; `seed` takes the place of its own.
        space: as for `run_search`.
        preset: as for `run_search`.
        settings: fields of the preset that are changed, and not searched.
        noise: a noise model, or None.
        seed: of the search.

    Raises:
        BrainTumorError: an argument is not known, or the model cannot be built.
    """
    model = resolve_config(replace(model, seed=seed), labels=manifest["label"])
    own = get_spec(model.model).preset_for(model.weights)
    row = preset if isinstance(preset, str) and preset in SPACES else own
    base = resolve_preset(own if preset is None else preset, **settings)
    base = replace(base, precision=resolve_precision(base.precision))
    fixed = [name for name in settings if name in PARAMETERS and settings[name] is not None]
    chosen = resolve_space(space, preset=row, fixed=fixed)
    check_space(chosen, base, model)
    with in_precision(base.precision):
        built = build(model)
    _check_blocks(chosen, len(backbone_blocks(built)), model.model)
    return Plan(model, describe_weights(model), base, noise, chosen, seed)


def _check_blocks(space: Mapping[str, Range | Choice], blocks: int, model: str) -> None:
    asked = [value for value in space["trains"].ends if isinstance(value, int)] if "trains" in space else []
    if max(asked, default=0) > blocks:
        raise SearchError(f"trains: {model} has {blocks} blocks, so not the last {max(asked)} can be trained")
