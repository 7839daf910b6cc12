"""Training settings as data: one row a preset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from braintumor_tf.errors import TrainingError
from braintumor_tf.types import ModelConfig

METRICS: Mapping[str, str] = MappingProxyType(
    {"val_macro_f1": "max", "val_accuracy": "max", "val_loss": "min"},
)
"""Validation metrics that the best epoch can be chosen by, and which end is better."""


AUTO = "auto"
PRECISIONS = (AUTO, "float32", "mixed_float16", "mixed_bfloat16")
"""What a network can compute in; `braintumor_tf.training.resolve_precision` says what ``"auto"`` means."""

ALL, HEAD = "all", "head"
"""What a stage can train beside a number of blocks: the whole network, or the layers after the backbone alone."""


@dataclass(frozen=True)
class Stage:
    """One stretch of a training, with layers, an optimizer and a learning rate of its own.

    Attributes:
        name: what ``history.csv`` calls it.
        epochs: passes over the training images.
        learning_rate: the highest learning rate, reached after the warm-up; it then falls to 0 on half a cosine.
        warmup: share of the stage's steps in which the learning rate rises from a twentieth of its highest value.
        trains: ``"all"``, ``"head"``, or how many of the backbone's last blocks are trained with the head: a number, or
            a share of them above 0 and under 1, which is rounded to whole blocks and to one at least (blocks as
            `braintumor_tf.models.backbone.backbone_blocks` counts them). All other layers are frozen: neither their
            weights nor the statistics of their batch normalisation move.
        views: only for ``"head"``: of how many views of the training images the features are computed once and kept,
            instead of running the frozen backbone in every epoch; a view is what augmentation and noise make of the
            images in one epoch, and epochs use them in turn. None is one view where there is neither augmentation nor
            noise, which changes little but the time (`frozen_features.stage_inputs`), and no keeping
            otherwise; 0 is no keeping.
    """

    name: str = "training"
    epochs: int = 30
    learning_rate: float = 2e-3
    warmup: float = 0.07
    trains: str | int | float = ALL
    views: int | None = None


@dataclass(frozen=True)
class Preset:
    """Every setting of a training.

    Attributes:
        stages: what is trained, one after the other; each stage starts from the best weights so far.
        batch_size: images a step.
        weight_decay: of AdamW, for kernels only (not for biases and normalisation); 0 is Adam.
        label_smoothing: share of the target probability that is spread over all classes.
        clip_norm: gradients are scaled down so that their global norm is at most this; None for as they are.
        class_weights: ``"balanced"`` to weigh classes by their rarity, a weight for each class name, or None for all
            alike.
        monitor: the validation metric that the best epoch is chosen by, one of `METRICS`.
        patience: epochs without a better one after which a stage ends early; None for never.
        augmentation: arguments of `braintumor_tf.augment.ImageDataGenerator`, for training images only.
        precision: one of `PRECISIONS`; it has to be the model's (`braintumor_tf.training.in_precision`), or ``"auto"``.
        normalisation_momentum: share of the running statistics of batch normalisation that one step keeps, from 0 to
            under 1; ``"auto"`` for what fits the number of steps in an epoch
            (`braintumor_tf.training.stages.normalisation_momentum`); None for that of the model.
    """

    stages: tuple[Stage, ...] = (Stage(),)
    batch_size: int = 32
    weight_decay: float = 0.0
    label_smoothing: float = 0.05
    clip_norm: float | None = 1.0
    class_weights: str | Mapping[str, float] | None = None
    monitor: str = "val_macro_f1"
    patience: int | None = 12
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    precision: str = AUTO
    normalisation_momentum: float | str | None = None

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings as a plain dictionary for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preset:
        """Returns the preset that `as_dict` described."""
        return cls(**{**values, "stages": tuple(Stage(**stage) for stage in values["stages"])})


AUGMENTATION: Mapping[str, Any] = MappingProxyType(
    {
        "rotation_range": 15,
        "width_shift_range": 0.08,
        "height_shift_range": 0.08,
        "zoom_range": 0.15,
        "horizontal_flip": True,
        "fill_mode": "nearest",
    }
)
"""Small changes of pose that a slice could really have; a head is nearly symmetric, so it may be mirrored."""

STRONG_AUGMENTATION: Mapping[str, Any] = MappingProxyType(
    {
        **AUGMENTATION,
        "rotation_range": 20,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "zoom_range": 0.2,
        "brightness_range": (0.8, 1.2),
    }
)
"""Larger changes, of brightness too, for pretrained networks, which otherwise know the training images by heart."""

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "scratch": Preset(augmentation=dict(AUGMENTATION)),
        "transfer": Preset(
            stages=(
                Stage("head", epochs=20, learning_rate=2e-3, warmup=0.0, trains=HEAD, views=2),
                Stage("fine_tuning", epochs=20, learning_rate=1e-3, warmup=0.1, trains=0.75),
            ),
            weight_decay=0.05,
            label_smoothing=0.1,
            augmentation=dict(STRONG_AUGMENTATION),
            patience=None,
            normalisation_momentum=AUTO,
        ),
        "smoke": Preset((Stage(epochs=2),), batch_size=16, patience=None, augmentation={"horizontal_flip": True}),
        "pca": Preset(stages=(Stage(epochs=1, warmup=0.0),), class_weights=None, patience=None, label_smoothing=0.0),
    }
)
"""Every preset by name: ``scratch`` for a network from random weights, ``transfer`` for pretrained ones, ``smoke`` to
see that the road is open, ``pca`` for the pipeline, which reads the class weights, the monitor and no more.

``transfer`` first fits the head on the frozen backbone, because the large gradients of a random head would spoil
pretrained features; its 20 epochs use the features of two views, which cost two passes through the backbone. Then it
trains the last three quarters of the blocks at a lower rate. Edges and textures are the same in slices as in
photographs, and the first blocks have the largest maps, so that leaving them alone saves time for larger images: on the
validation images of Sartaj (grouped split, MobileNetV2-0.35, 8 epochs, one seed) macro-F1 was 0.89 with all blocks at
160 pixels and 0.92 with three quarters at 192, which took three quarters of the time. It never stops early: while the
learning rate is high the validation score jumps about, and the best epochs come with the low rates at the end. Batch
normalisation keeps ImageNet's statistics in the first stage and in frozen blocks; in the others they follow the new
images, the faster the fewer steps an epoch has (`braintumor_tf.models.backbone.BATCH_NORMALISATION_MOMENTUM` says
why)."""

_OF_A_STAGE = ("epochs", "learning_rate", "warmup", "trains", "views")
SETTINGS = frozenset({field.name for field in fields(Preset)} | set(_OF_A_STAGE))
"""What `resolve_preset` can change: the fields of a preset, and those of its stages."""

_NONE_HAS_A_MEANING = ("clip_norm", "class_weights", "patience", "normalisation_momentum")


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
    given = {key: value for key, value in settings.items() if value is not None or key in _NONE_HAS_A_MEANING}
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
    """Reads a preset from a JSON file that holds what `Preset.as_dict` returns.

    Raises:
        TrainingError: the file is missing, holds something else, or was written with a function in its augmentation.
    """
    try:
        preset = Preset.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        lost = [name for name, value in preset.augmentation.items() if str(value).startswith("<")]
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such preset file; a search writes one as best.json") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
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
        ("monitor", f"one of {', '.join(METRICS)}", preset.monitor, preset.monitor in METRICS),
        ("precision", f"one of {', '.join(PRECISIONS)}", preset.precision, preset.precision in PRECISIONS),
        ("patience", "at least 1 or None", preset.patience, preset.patience is None or preset.patience >= 1),
    ]
    momentum = preset.normalisation_momentum
    share = momentum is None or momentum == AUTO or (not isinstance(momentum, str) and 0 <= momentum < 1)
    rules.append(("normalisation_momentum", "'auto', a share from 0 to under 1 or None", momentum, share))
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


def _fits_trains(trains: Any) -> bool:
    if isinstance(trains, float):
        return 0 < trains < 1
    return trains in (ALL, HEAD) or (isinstance(trains, int) and trains >= 1)


def _fits_views(stage: Stage) -> bool:
    return stage.views is None or (isinstance(stage.views, int) and stage.views >= 0 and stage.trains == HEAD)
