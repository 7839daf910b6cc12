"""The types that the rooms hand each other: a score, what a model is built from, and what predicts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from braintumor_tf.errors import ModelError
from braintumor_tf.files import comparable_json

RANDOM = "random"
IMAGENET = "imagenet"
"""First weights of a network by name: drawn at random, or the published ones that were learned on ImageNet."""


@dataclass(frozen=True)
class Score:
    """A score with the ends of its interval; None stands for what is not defined.

    Example:
        >>> print(Score(0.91, 0.87, 0.94))
        0.91 (0.87-0.94)
        >>> print(Score(0.91))
        0.91 (no interval)
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Score:
        """Returns the score that `to_dict` wrote; other keys of the mapping are not read."""
        return cls(found["value"], found["low"], found["high"])

    def to_dict(self) -> dict[str, float | None]:
        """Returns ``value``, ``low`` and ``high``, as they stand in ``metrics.json``."""
        return asdict(self)

    def columns(self, name: str) -> dict[str, float | None]:
        """Returns the score as columns of a table: ``name``, ``name_low`` and ``name_high``.

        Example:
            >>> Score(0.91, 0.87, 0.94).columns("accuracy")
            {'accuracy': 0.91, 'accuracy_low': 0.87, 'accuracy_high': 0.94}
        """
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def __str__(self) -> str:
        if self.value is None:
            return "not defined"
        if self.low is None or self.high is None:
            return f"{self.value:.2f} (no interval)"
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


LARGEST_SEED = 2**32 - 1
"""The largest seed that every generator takes, NumPy's and Keras's."""


def check_seed(seed: int | None) -> None:
    """Refuses a seed that not every generator takes.

    Raises:
        ModelError: it is below 0 or above 4294967295.

    Example:
        >>> check_seed(-1)
        Traceback (most recent call last):
        braintumor_tf.errors.ModelError: seed -1 is out of range; give a whole number from 0 to 4294967295
    """
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise ModelError(f"seed {seed} is out of range; give a whole number from 0 to {LARGEST_SEED}")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What a model is built from; it is handed on whole, and its fields stand in ``config.json``.

    Attributes:
        model: a name of `braintumor_tf.models.MODELS`.
        classes: class names in order, or 4 or 2 for the two tasks of this package; None for the classes of the images
            where there are some, else the four.
        image_size: side, or ``(height, width)``, that images are resized to; None for the model's own.
        weights: where a network's first weights come from: ``"random"``, ``"imagenet"`` (a published file in
            `braintumor_tf.models.weights_directory`), or the path of a file of your own. That is an ``.h5`` of Keras's
            headless network for EfficientNet and MobileNetV2, and a checkpoint of timm (``.safetensors``) or
            Keras-Hub (``.h5``) for a ViT. The same file gives the same model, whichever way it is named.
        dropout: share of features dropped before the classification while training, 0 to under 1; a pipeline has none.
        head: units of dense layers between the features and the classification; a pipeline takes none.
        crop: ``"head"`` for images that are cut down to the head before they are resized, in training and whenever
            this package predicts; None for whole images.
        seed: makes the first weights and the dropout repeatable, 0 to 4294967295; None for fresh ones.

    Raises:
        ModelError: the seed is out of range.

    Example:
        >>> ModelConfig.of("CNN", dropout=0.3).dropout
        0.3
    """

    model: str = "CNN"
    classes: int | Sequence[str] | None = None
    image_size: int | tuple[int, int] | None = None
    weights: str | Path = RANDOM
    dropout: float = 0.5
    head: Sequence[int] = ()
    crop: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Returns the names of the fields."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def of(cls, model: str | ModelConfig, **settings: Any) -> ModelConfig:
        """Returns the configuration of a model by its name, or the given one, with some fields changed.

        Args:
            model: a name of `braintumor_tf.models.MODELS`, or a configuration.
            settings: fields to change.

        Raises:
            ModelError: a setting is not a field; the text lists the fields.
        """
        unknown = sorted(set(settings) - set(cls.names()))
        if unknown:
            raise ModelError(f"{', '.join(unknown)}: no such setting of a model; there are {', '.join(cls.names())}")
        return replace(model if isinstance(model, cls) else cls(model=model), **settings)


@runtime_checkable
class Predictor(Protocol):
    """What predicts: a network, a pipeline, several as one, or a model of somebody else's behind the same interface.

    Attributes:
        classes: class names in the order of the probabilities.
        image_size: ``(height, width)`` that images are best read at.
        channels: 1 for a model of grey images, 3 for RGB.
        crop: what images are cut down to before they are resized (``"head"``), or None for whole images.
    """

    classes: tuple[str, ...]
    image_size: tuple[int, int]
    channels: int
    crop: str | None

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities of shape ``(images, classes)``.

        Args:
            images: uint8 or float, shape ``(images, height, width, 1 or 3)``, pixels 0 to 255, cropped already.
            batch_size: images that are predicted at once.
        """
        ...


def changed_settings(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Returns the names of the settings that differ, sorted; one of a model that `found` lacks was at its default.

    Args:
        wanted: the settings of now.
        found: those that a run's or a ladder's file holds.
    """
    unchanged = {field.name: field.default for field in fields(ModelConfig) if field.name in wanted}
    wanted, found = (json.loads(comparable_json(values)) for values in (wanted, {**unchanged, **found}))
    return sorted(key for key in {*wanted, *found} - {"environment"} if wanted.get(key) != found.get(key))
