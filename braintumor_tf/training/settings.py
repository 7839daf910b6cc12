"""From the settings of an experiment to a preset: changed, read from a file, checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from braintumor_tf.errors import TrainingError
from braintumor_tf.training.presets import ALL, AUTO, BALANCES, HEAD, MONITORS, PRECISIONS, PRESETS, Preset, Stage
from braintumor_tf.types import ModelConfig

_OF_A_STAGE = ("epochs", "learning_rate", "warmup", "trains", "views")
SETTINGS = frozenset({field.name for field in fields(Preset)} | set(_OF_A_STAGE))
"""What `resolve_preset` can change: the fields of a preset, and those of its stages."""

_NONE_IS_A_VALUE = ("clip_norm", "class_weights", "patience", "normalisation_momentum")


def resolve_preset(preset: str | Path | Preset, **settings: Any) -> Preset:
    """Returns a preset with single settings changed.

    Args:
        preset: a name of `PRESETS`, a file that ends in ``.json`` (as a search writes it), or a preset.
        settings: fields of `Preset` to change, or ``epochs``, ``learning_rate``, ``warmup``, ``trains`` and ``views``
            of its stages: a single value is the last stage's, a list has one value for each stage. None leaves the
            preset's own, except where None has a meaning (`clip_norm`, `class_weights`, `patience`,
            `normalisation_momentum`).

    Raises:
        TrainingError: the preset or a setting is not known, a value is out of range, or the file is no preset.

    Example:
        >>> [stage.epochs for stage in resolve_preset("transfer", epochs=5).stages]
        [20, 5]
    """
    if isinstance(preset, Path) or str(preset).endswith(".json"):
        preset = read_preset(preset)
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise TrainingError(f"{preset!r} is no preset; choose one of {', '.join(PRESETS)}, or a .json file")
        preset = PRESETS[preset]
    unknown = sorted(set(settings) - SETTINGS)
    if unknown:
        raise TrainingError(f"{', '.join(unknown)}: no such training setting; there are {', '.join(sorted(SETTINGS))}")
    given = {key: value for key, value in settings.items() if value is not None or key in _NONE_IS_A_VALUE}
    stages = tuple(given.pop("stages", preset.stages))
    for name in _OF_A_STAGE:
        if name in given:
            stages = _change_stages(stages, name, given.pop(name))
    result = replace(preset, stages=stages, **given)
    _check(result)
    return result


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Splits the settings of an experiment into those that a model is built from and those of its training.

    Args:
        settings: fields of `ModelConfig`, and what `resolve_preset` takes.

    Returns:
        Fields of `ModelConfig`, and the rest.

    Raises:
        TrainingError: a setting is neither; the text lists the known ones.

    Example:
        >>> split_settings({"dropout": 0.3, "epochs": 5})
        ({'dropout': 0.3}, {'epochs': 5})
    """
    of_model = ModelConfig.names()
    known = {*of_model, *SETTINGS}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise TrainingError(f"{', '.join(unknown)}: no such setting; there are {', '.join(sorted(known))}")
    model = {name: value for name, value in settings.items() if name in of_model}
    return model, {name: value for name, value in settings.items() if name not in of_model}


def parse_trains(words: str | None) -> str | int | float | None:
    """Reads what a stage trains (`Stage.trains`) from a word of the command line; None stays None.

    Raises:
        TrainingError: it is neither a word nor a number that a stage knows.

    Example:
        >>> [parse_trains(words) for words in ("all", "4", "0.75")]
        ['all', 4, 0.75]
    """
    if words is None or words in (ALL, HEAD):
        return words
    try:
        trains = float(words) if "." in words else int(words)
    except ValueError:
        trains = words
    if not _fits_trains(trains):
        raise TrainingError(f"trains must be 'all', 'head', a number of blocks or a share of them, not {words!r}")
    return trains


def read_preset(path: str | Path) -> Preset:
    """Reads a preset from a JSON file that holds what `Preset.to_dict` returns.

    Raises:
        TrainingError: the file is missing, holds something else, or was written with a function in its augmentation.
    """
    try:
        preset = Preset.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        lost = [name for name, value in preset.augmentation.items() if str(value).startswith("<")]
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such preset file; a search writes one as best.json") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TrainingError(f"{path}: no preset ({error}); give a file that a search has written") from None
    if lost:
        raise TrainingError(f"{path}: {', '.join(lost)} is a function, which no file keeps; give a Preset in Python")
    return preset


def _change_stages(stages: tuple[Stage, ...], name: str, value: Any) -> tuple[Stage, ...]:
    alone = isinstance(value, str) or not isinstance(value, Sequence)
    values = [*(getattr(stage, name) for stage in stages[:-1]), value] if alone else list(value)
    if len(values) != len(stages):
        raise TrainingError(f"{name} has {len(values)} values; give one for each of {len(stages)} stages, or one alone")
    changed = tuple(replace(stage, **{name: entry}) for stage, entry in zip(stages, values))
    if name == "trains":  # a stage that trains more than its preset's has no use for the preset's views
        return tuple(stage if stage.trains == HEAD else replace(stage, views=None) for stage in changed)
    return changed


def _check(preset: Preset) -> None:
    rules = [
        ("stages", "at least one", preset.stages, bool(preset.stages)),
        ("batch_size", "at least 1", preset.batch_size, preset.batch_size >= 1),
        ("weight_decay", "at least 0", preset.weight_decay, preset.weight_decay >= 0),
        ("label_smoothing", "a share from 0 to under 1", preset.label_smoothing, 0 <= preset.label_smoothing < 1),
        ("clip_norm", "above 0 or None", preset.clip_norm, preset.clip_norm is None or preset.clip_norm > 0),
        ("monitor", f"one of {', '.join(MONITORS)}", preset.monitor, preset.monitor in MONITORS),
        ("precision", f"one of {', '.join(PRECISIONS)}", preset.precision, preset.precision in PRECISIONS),
        ("patience", "at least 1 or None", preset.patience, preset.patience is None or preset.patience >= 1),
    ]
    momentum = preset.normalisation_momentum
    share = momentum is None or momentum == AUTO or (not isinstance(momentum, str) and 0 <= momentum < 1)
    rules.append(("normalisation_momentum", "'auto', a share from 0 to under 1 or None", momentum, share))
    rules += _rules_of_remedies(preset)
    for stage in preset.stages:
        rules += [
            ("epochs", "at least 1", stage.epochs, stage.epochs >= 1),
            ("learning_rate", "above 0", stage.learning_rate, stage.learning_rate > 0),
            ("warmup", "a share from 0 to under 1", stage.warmup, 0 <= stage.warmup < 1),
            (
                "trains",
                "'all', 'head', a number of blocks or a share of them",
                stage.trains,
                _fits_trains(stage.trains),
            ),
            ("views", "a number from 0, of a stage that trains the head, or None", stage.views, _fits_views(stage)),
        ]
    wrong = [f"{name} must be {rule}, not {value!r}" for name, rule, value, fine in rules if not fine]
    if wrong:
        raise TrainingError("; ".join(wrong))


def _rules_of_remedies(preset: Preset) -> list[tuple[str, str, Any, bool]]:
    pairs, balance = preset.counterfactuals, preset.balance
    shares = (("controls", preset.controls), ("grey_curves", preset.grey_curves))
    rest = ("bias_fields", "blur", "box_loss", "group_dro")
    return [
        ("counterfactuals", "a whole number from 0", pairs, isinstance(pairs, int) and pairs >= 0),
        *((name, "a share from 0 to 1", value, 0 <= value <= 1) for name, value in shares),
        *((name, "at least 0", getattr(preset, name), 0 <= getattr(preset, name) < math.inf) for name in rest),
        ("balance", f"one of {', '.join(BALANCES)} or None", balance, balance is None or balance in BALANCES),
        (
            "balance",
            "left out where class_weights or group_dro weigh the images already",
            balance,
            balance is None or (preset.class_weights is None and not preset.group_dro),
        ),
        (
            "group_dro",
            "0 where class_weights weigh the images already",
            preset.group_dro,
            not preset.group_dro or preset.class_weights is None,
        ),
    ]


def _fits_trains(trains: Any) -> bool:
    if isinstance(trains, float):
        return 0 < trains < 1
    return trains in (ALL, HEAD) or (isinstance(trains, int) and trains >= 1)


def _fits_views(stage: Stage) -> bool:
    return stage.views is None or (isinstance(stage.views, int) and stage.views >= 0 and stage.trains == HEAD)
