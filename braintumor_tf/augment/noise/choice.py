"""One noise of several for each image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from braintumor_tf.augment.noise.base import Noise, Record
from braintumor_tf.errors import NoiseError


@dataclass(frozen=True)
class RandomNoise(Noise):
    """Picks one noise model for each image, or leaves it clean.

    Attributes:
        noises: the models to pick from.
        probability: that an image gets any noise, 0..1.
        weights: how often each model is picked, in proportion; None for equally often.

    Raises:
        NoiseError: nothing to pick from, a probability outside 0..1, or weights that do not fit.

    Example:
        >>> import numpy as np
        >>> from braintumor_tf.augment import GaussianNoise, RandomNoise, RicianNoise
        >>> noise = RandomNoise([GaussianNoise(), RicianNoise()], probability=0.5)
        >>> records = [noise.sample(np.random.default_rng(seed)) for seed in range(100)]
        >>> 30 < sum(record is None for record in records) < 70
        True
    """

    noises: Sequence[Noise] = ()
    probability: float = field(default=1.0, kw_only=True)
    weights: Sequence[float] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        noises = tuple(self.noises)
        if not noises or not all(isinstance(noise, Noise) for noise in noises):
            raise NoiseError(f"RandomNoise: noises={self.noises!r}; give a list of one or more noise models")
        if not 0 <= self.probability <= 1:
            raise NoiseError(f"RandomNoise: probability={self.probability!r}; give a number in 0..1")
        weights = (1.0,) * len(noises) if self.weights is None else tuple(float(weight) for weight in self.weights)
        if len(weights) != len(noises) or min(weights) < 0 or not 0 < sum(weights) < math.inf:
            raise NoiseError(
                f"RandomNoise: weights={self.weights!r}; give one number from 0 up for each of {len(noises)}"
            )
        object.__setattr__(self, "noises", noises)
        object.__setattr__(self, "weights", weights)

    @property
    def parts(self) -> tuple[Noise, ...]:
        """The models to pick from."""
        return tuple(part for noise in self.noises for part in noise.parts)

    def sample(self, rng: np.random.Generator) -> Record | None:
        """Draws which noise an image gets and how strong; None is no noise."""
        gets_noise, pick = rng.random(2)
        if gets_noise >= self.probability:
            return None
        shares = np.cumsum(self.weights) / sum(self.weights)
        return self.noises[int(np.searchsorted(shares, pick, side="right"))].sample(rng)

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Refuses: the records that this model draws are those of other models."""
        raise NoiseError("RandomNoise draws the records of other models; apply those with replay()")
