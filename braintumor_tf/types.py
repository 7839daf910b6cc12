"""The types that the rooms hand each other: a score, what a model is built from, and what predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np


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

    def __str__(self) -> str:
        if self.value is None:
            return "not defined"
        if self.low is None or self.high is None:
            return f"{self.value:.2f} (no interval)"
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What a model is built from; it is handed on whole, and its fields stand in ``config.json``.

    Attributes:
        model: a name of `braintumor_tf.models.MODELS`.
        classes: class names in order, or 4 or 2 for the two tasks of this package.
        image_size: side, or ``(height, width)``, that images are resized to; None for the model's own.
        weights: ``"random"``, ``"imagenet"``, or the path of a weights file.
        dropout: share of features dropped before the classification while training, 0 to under 1.
        head: units of dense layers between the features and the classification.
        crop: ``"head"`` for images that are cut down to the head before they are resized; None for whole images.
        seed: makes the first weights and the dropout repeatable; None for fresh ones.
    """

    model: str = "CNN"
    classes: int | Sequence[str] = 4
    image_size: int | tuple[int, int] | None = None
    weights: str | Path = "random"
    dropout: float = 0.5
    head: Sequence[int] = ()
    crop: str | None = None
    seed: int | None = None

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Returns the names of the fields."""
        return tuple(field.name for field in fields(cls))


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

    def predict_images(self, images: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities of shape ``(images, classes)``.

        Args:
            images: uint8 or float, shape ``(images, height, width, 1 or 3)``, pixels 0 to 255, cropped already.
            batch_size: images that are predicted at once.
        """
        ...
