"""What a hyperparameter search holds fixed, and how a trial's values become a training."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.augment.noise import describe
from braintumor_tf.errors import SearchError
from braintumor_tf.files import comparable_json
from braintumor_tf.models import build, describe_weights, get_spec, resolve_classes
from braintumor_tf.models.backbone import backbone_blocks
from braintumor_tf.models.network import as_predictor
from braintumor_tf.models.registry import classes_of
from braintumor_tf.runs import data_fingerprint
from braintumor_tf.training.devices.precision import in_precision, resolve_precision
from braintumor_tf.training.presets import Preset, resolve_preset
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


@dataclass(frozen=True)
class Plan:
    """What all trials of a search share.

    Attributes:
        model: a network's name.
        classes: class names in order.
        image_size: height and width in pixels.
        weights: first weights, as `build` takes them.
        weights_used: which file they are.
        dropout: where it is not searched.
        head: units of dense layers before the classification.
        crop: what images are cut down to, or None.
        preset: what is not searched.
        noise: a noise model for the training images, or None.
        space: what is searched.
        seed: of the search.
    """

    model: str
    classes: tuple[str, ...]
    image_size: tuple[int, int]
    weights: str | Path
    weights_used: Mapping[str, Any]
    dropout: float
    head: tuple[int, ...]
    crop: str | None
    preset: Preset
    noise: Any
    space: Mapping[str, Range | Choice]
    seed: int

    def arguments(self, values: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """Returns the arguments of `run_experiment` that train a model with a trial's values and seed."""
        preset, dropout = with_values(self.preset, self.dropout, values)
        return {
            "model": self.model,
            "classes": self.classes,
            "image_size": self.image_size,
            "weights": self.weights,
            "dropout": dropout,
            "head": self.head,
            "crop": self.crop,
            "preset": preset,
            "noise": self.noise,
            "seed": seed,
        }

    def settings(self, manifest: pd.DataFrame) -> dict[str, Any]:
        """Returns what everyone who joins the search must agree in, as plain JSON values without paths."""
        settings = {
            "model": self.model,
            "classes": self.classes,
            "image_size": self.image_size,
            "weights": self.weights_used,
            "dropout": self.dropout,
            "head": self.head,
            "crop": self.crop,
            "preset": self.preset.as_dict(),
            "noise": None if self.noise is None else describe(self.noise),
            "space": space_as_dict(self.space),
            "seed": self.seed,
            "data": data_fingerprint(manifest),
        }
        return json.loads(comparable_json(settings))


def make_plan(
    manifest: pd.DataFrame,
    model: str,
    space: Mapping[str, Any] | Iterable[str] | None,
    preset: str | Path | Preset | None,
    settings: Mapping[str, Any],
    classes: Sequence[str] | None,
    image_size: int | tuple[int, int] | None,
    weights: str | Path,
    dropout: float,
    head: tuple[int, ...],
    crop: str | None,
    noise: Any,
    seed: int,
) -> Plan:
    """Checks the arguments of a search by building its model once, and returns what the trials share.

    Raises:
        BrainTumorError: an argument is not known, or the model cannot be built.
    """
    own = get_spec(model).preset_for(weights)
    row = preset if isinstance(preset, str) and preset in SPACES else own
    base = resolve_preset(own if preset is None else preset, **settings)
    base = replace(base, precision=resolve_precision(base.precision))
    fixed = [name for name in settings if name in PARAMETERS and settings[name] is not None]
    chosen = resolve_space(space, row, fixed)
    check_space(chosen, base, dropout)
    names = classes_of(manifest["label"]) if classes is None else resolve_classes(classes)
    with in_precision(base.precision):
        built = build(model, names, image_size, weights, dropout, head, seed, crop)
    _check_blocks(chosen, len(backbone_blocks(built)), model)
    size = tuple(as_predictor(built).image_size)
    used = describe_weights(model, weights, size)
    return Plan(model, names, size, weights, used, dropout, head, crop, base, noise, chosen, seed)


def _check_blocks(space: Mapping[str, Range | Choice], blocks: int, model: str) -> None:
    asked = [value for value in space["trains"].ends if isinstance(value, int)] if "trains" in space else []
    if max(asked, default=0) > blocks:
        raise SearchError(f"trains: {model} has {blocks} blocks, so not the last {max(asked)} can be trained")
