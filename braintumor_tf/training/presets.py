"""Training settings as data: one row a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from braintumor_tf.errors import BrainTumorError

METRICS: Mapping[str, str] = MappingProxyType(
    {"val_macro_f1": "max", "val_accuracy": "max", "val_loss": "min"},
)
"""Validation metrics that the best epoch can be chosen by, and which end is better."""


class TrainingError(BrainTumorError):
    """Training cannot start or go on as asked: no training images, unknown settings, a loss that is not finite."""


@dataclass(frozen=True)
class Preset:
    """Every setting of a training.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step.
        learning_rate: the highest learning rate, reached after the warm-up; it then falls to 0 on half a cosine.
        warmup: share of all steps in which the learning rate rises from a twentieth of its highest value.
        label_smoothing: share of the target probability that is spread over all classes.
        clip_norm: gradients are scaled down so that their global norm is at most this; None for as they are.
        class_weights: ``"balanced"`` to weigh classes by their rarity, a weight for each class name, or None for all
            alike.
        monitor: the validation metric that the best epoch is chosen by, one of `METRICS`.
        patience: epochs without a better one after which training ends early; None for never.
        augmentation: arguments of `braintumor_tf.augment.ImageDataGenerator`, for training images only.
    """

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup: float = 0.07
    label_smoothing: float = 0.05
    clip_norm: float | None = 1.0
    class_weights: str | Mapping[str, float] | None = None
    monitor: str = "val_macro_f1"
    patience: int | None = 12
    augmentation: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings as a plain dictionary for ``config.json``."""
        return asdict(self)


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

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "scratch": Preset(augmentation=dict(AUGMENTATION)),
        "smoke": Preset(epochs=2, batch_size=16, patience=None, augmentation={"horizontal_flip": True}),
        "pca": Preset(epochs=1, class_weights=None, patience=None, label_smoothing=0.0, warmup=0.0),
    }
)
"""Every preset by name: ``scratch`` for a network from random weights, ``smoke`` to see that the road is open,
``pca`` for the pipeline, which reads the class weights, the monitor and no more."""


def resolve_preset(preset: str | Preset, **settings: Any) -> Preset:
    """Returns a preset with single settings changed.

    Args:
        preset: a name of `PRESETS`, or a preset.
        settings: fields of `Preset` to change; None in place of a number leaves the preset's own, except where None has
            a meaning (`clip_norm`, `class_weights`, `patience`).

    Raises:
        TrainingError: the preset or a setting is not known, or a value is out of range.
    """
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise TrainingError(f"{preset!r} is no preset; choose one of {', '.join(PRESETS)}")
        preset = PRESETS[preset]
    known = {entry.name for entry in fields(Preset)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise TrainingError(f"{', '.join(unknown)}: no such training setting; there are {', '.join(sorted(known))}")
    optional = {"clip_norm", "class_weights", "patience"}
    result = replace(preset, **{key: value for key, value in settings.items() if value is not None or key in optional})
    _check(result)
    return result


def _check(preset: Preset) -> None:
    wrong = [
        f"{name} must be {rule}, not {getattr(preset, name)!r}"
        for name, rule, fine in (
            ("epochs", "at least 1", preset.epochs >= 1),
            ("batch_size", "at least 1", preset.batch_size >= 1),
            ("learning_rate", "above 0", preset.learning_rate > 0),
            ("warmup", "a share from 0 to under 1", 0 <= preset.warmup < 1),
            ("label_smoothing", "a share from 0 to under 1", 0 <= preset.label_smoothing < 1),
            ("clip_norm", "above 0 or None", preset.clip_norm is None or preset.clip_norm > 0),
            ("monitor", f"one of {', '.join(METRICS)}", preset.monitor in METRICS),
            ("patience", "at least 1 or None", preset.patience is None or preset.patience >= 1),
        )
        if not fine
    ]
    if wrong:
        raise TrainingError("; ".join(wrong))
