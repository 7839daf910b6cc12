"""What a hyperparameter search may change, as data: one table of ranges a preset, and how values become a preset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from braintumor_tf.errors import SearchError, TrainingError
from braintumor_tf.training.presets import Preset
from braintumor_tf.training.settings import resolve_preset
from braintumor_tf.types import ModelConfig


@dataclass(frozen=True)
class Range:
    """All numbers between two, both included; whole ones for the parameters of `WHOLE`.

    Attributes:
        low: the lowest value.
        high: the highest value.
        log: whether to draw from the logarithm, for values that spread over orders of magnitude.
    """

    low: float
    high: float
    log: bool = False

    @property
    def ends(self) -> tuple[Any, ...]:
        """The lowest and the highest value."""
        return (self.low, self.high)


@dataclass(frozen=True)
class Choice:
    """One of several values that need no order: numbers, words, None.

    Attributes:
        values: what can be chosen.
    """

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """Every value."""
        return self.values


PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "learning_rate": "the highest learning rate of the last stage",
        "epochs": "epochs of the last stage",
        "warmup": "share of the last stage in which the learning rate rises",
        "trains": "what the last stage trains: 'all', 'head', a number of blocks or a share of them",
        "batch_size": "images a step",
        "weight_decay": "weight decay of AdamW; 0 is Adam",
        "label_smoothing": "share of the target probability that is spread over all classes",
        "clip_norm": "the largest norm of the gradient, or None",
        "class_weights": "'balanced' or None",
        "patience": "epochs without a better one after which a stage ends",
        "dropout": "share of features dropped before the classification",
        "augmentation": "strength of the preset's augmentation: 0 changes nothing, 2 doubles its ranges",
    }
)
"""Every parameter that can be searched, and what it means."""

WHOLE = frozenset({"epochs", "batch_size", "patience", "trains"})
"""Parameters that are whole numbers."""

_SHARED = {
    "weight_decay": Range(1e-4, 0.1, log=True),
    "label_smoothing": Range(0.0, 0.2),
    "dropout": Range(0.0, 0.7),
    "augmentation": Range(0.0, 2.0),
}

SPACES: Mapping[str, Mapping[str, Range | Choice]] = MappingProxyType(
    {
        "scratch": {
            "learning_rate": Range(3e-4, 1e-2, log=True),
            "epochs": Range(10, 60),
            "batch_size": Choice((16, 32, 64)),
            **_SHARED,
        },
        "transfer": {
            "learning_rate": Range(5e-5, 2e-3, log=True),
            "epochs": Range(5, 30),
            "trains": Choice((0.25, 0.5, 0.75, "all")),
            "batch_size": Choice((16, 32)),
            **_SHARED,
        },
        "smoke": {"learning_rate": Range(1e-3, 1e-2, log=True), "epochs": Range(1, 2), "dropout": Range(0.0, 0.5)},
    }
)
"""The ranges that are searched by default, by the name of the preset."""


def resolve_space(
    space: Mapping[str, Any] | Iterable[str] | None, *, preset: str = "scratch", fixed: Iterable[str] = ()
) -> dict[str, Range | Choice]:
    """Returns the ranges of a search.

    Args:
        space: None for all of `SPACES`; some names of it, to search these alone; or a table of your own with a `Range`,
            a `Choice`, a list of values to choose from, or ``{"low": ..., "high": ..., "log": ...}`` a parameter.
        preset: the row of `SPACES`.
        fixed: parameters that have been given a value, and so are not searched by default.

    Raises:
        SearchError: a parameter or a range is not known, is empty, or is both fixed and searched.

    Example:
        >>> list(resolve_space(["learning_rate", "epochs"]))
        ['learning_rate', 'epochs']
    """
    default, fixed = SPACES.get(preset, SPACES["scratch"]), set(fixed)
    if space is None:
        space = {name: domain for name, domain in default.items() if name not in fixed}
    names = [space] if isinstance(space, str) else list(space)
    _refuse(sorted(set(names) - set(PARAMETERS)), "no such parameter", PARAMETERS)
    _refuse(sorted(set(names) & fixed), "given a value and searched as well", set(names) - fixed)
    if not isinstance(space, Mapping):
        _refuse([name for name in names if name not in default], f"no default range for {preset}", default)
        space = {name: default[name] for name in names}
    if not space:
        raise SearchError(f"nothing to search; choose from {', '.join(PARAMETERS)}")
    return {name: _domain(name, space[name]) for name in space}


def space_as_dict(space: Mapping[str, Range | Choice]) -> dict[str, Any]:
    """Returns ranges as plain values that `resolve_space` reads again."""
    return {
        name: list(domain.values) if isinstance(domain, Choice) else asdict(domain) for name, domain in space.items()
    }


def with_values(preset: Preset, model: ModelConfig, values: Mapping[str, Any]) -> tuple[Preset, ModelConfig]:
    """Returns a preset and what a model is built from with a trial's values put in.

    Args:
        preset: the preset that the search starts from.
        model: what is built where it is not searched.
        values: a value for each searched parameter.

    Raises:
        TrainingError: a value is out of range.

    Example:
        >>> from braintumor_tf.training.presets import PRESETS
        >>> preset, model = with_values(PRESETS["scratch"], ModelConfig(), {"epochs": 7, "dropout": 0.1})
        >>> preset.epochs, model.dropout
        (7, 0.1)
    """
    values = dict(values)
    dropout = values.pop("dropout", model.dropout)
    strength = values.pop("augmentation", 1.0)
    if not 0 <= dropout < 1:
        raise TrainingError(f"dropout must be a share from 0 to under 1, not {dropout!r}")
    if strength < 0:
        raise TrainingError(f"augmentation must be at least 0, not {strength!r}")
    augmentation = strengthened(preset.augmentation, strength)
    return resolve_preset(preset, augmentation=augmentation, **values), replace(model, dropout=dropout)


def check_space(space: Mapping[str, Range | Choice], preset: Preset, model: ModelConfig) -> None:
    """Tries both ends of every range and every choice, so that a search does not fail in its tenth trial.

    Raises:
        TrainingError: one of them is no valid setting.
    """
    for name, domain in space.items():
        for value in domain.ends:
            with_values(preset, model, {name: value})


_ABOUT_ZERO = ("rotation_range", "shear_range", "channel_shift_range")
_SHIFTS = ("width_shift_range", "height_shift_range")
_FLIPS = ("horizontal_flip", "vertical_flip")


def strengthened(augmentation: Mapping[str, Any], strength: float) -> dict[str, Any]:
    """Returns an augmentation with its ranges multiplied; 0 leaves images as they are, 1 is the augmentation itself.

    Shifts stay what they are, shares of the side or pixels; zooms and brightness keep clear of 0; flips are on or off.

    Args:
        augmentation: arguments of `braintumor_tf.augment.ImageDataGenerator`.
        strength: at least 0.

    Example:
        >>> strengthened({"rotation_range": 10, "horizontal_flip": True}, 0.5)
        {'rotation_range': 5.0, 'horizontal_flip': True}
    """
    return {name: value if strength == 1 else _scaled(name, value, strength) for name, value in augmentation.items()}


def _scaled(name: str, value: Any, strength: float) -> Any:
    if name in _ABOUT_ZERO:
        return value * strength
    if name in _FLIPS:
        return value and strength > 0
    if name in _SHIFTS:
        if not isinstance(value, (int, float)):
            return [round(pixels * strength) for pixels in value]
        if isinstance(value, int):
            return round(value * strength)
        if value < 1:
            return min(value * strength, 0.99)
        return value * strength if value * strength >= 1 else 0.0  # under 1 it would be a share of the side
    if name in ("zoom_range", "brightness_range") and value is not None:
        low, high = (1 - value, 1 + value) if isinstance(value, (int, float)) else value
        if strength == 0:
            return 0.0 if name == "zoom_range" else None
        return [max(0.1, 1 + (low - 1) * strength), 1 + (high - 1) * strength]
    return value


def _domain(name: str, domain: Any) -> Range | Choice:
    if isinstance(domain, Mapping):
        try:
            domain = Range(**domain)
        except TypeError:
            raise SearchError(f"{name}: {dict(domain)!r} is no range; give low, high and, if wanted, log") from None
    if isinstance(domain, (list, tuple)):
        domain = Choice(tuple(domain))
    if isinstance(domain, Choice) and domain.values:
        return domain
    number = int if name in WHOLE else (int, float)
    if (
        not isinstance(domain, Range)
        or any(not isinstance(end, number) or isinstance(end, bool) for end in domain.ends)
        or not domain.low <= domain.high
        or (domain.log and domain.low <= 0)
    ):
        kind = "whole numbers" if name in WHOLE else "numbers"
        raise SearchError(
            f"{name}: {domain!r} is no range; give Range(low, high) of {kind}, low at most high and above 0 for log, "
            "or a list of values"
        )
    return domain


def _refuse(names: list[str], why: str, known: Iterable[str]) -> None:
    if names:
        raise SearchError(f"{', '.join(names)}: {why}; there are {', '.join(known) or 'no others'}")
