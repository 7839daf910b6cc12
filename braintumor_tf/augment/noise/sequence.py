"""Several noises one after the other on each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from braintumor_tf.augment.noise import base
from braintumor_tf.augment.noise.base import Noise, Record
from braintumor_tf.errors import NoiseError


@dataclass(frozen=True)
class NoiseSequence(Noise):
    """Applies several noise models in order; each draws its own record.

    Attributes:
        noises: the models.

    Raises:
        NoiseError: there is none, or one is no noise model.

    Example:
        >>> from braintumor_tf.augment import BiasField, GaussianBlur
        >>> record = NoiseSequence([BiasField(0.2), GaussianBlur(1)]).sample(np.random.default_rng(0))
        >>> [part["noise"] for part in record["records"]]
        ['BiasField', 'GaussianBlur']
    """

    noises: Sequence[Noise] = ()
    strength: ClassVar[str] = "count"

    def __post_init__(self) -> None:
        noises = tuple(self.noises)
        if not noises or not all(isinstance(noise, Noise) for noise in noises):
            raise NoiseError(f"NoiseSequence: noises={self.noises!r}; give a list of one or more noise models")
        object.__setattr__(self, "noises", noises)

    @property
    def parts(self) -> tuple[Noise, ...]:
        """The models of all steps."""
        return tuple(part for noise in self.noises for part in noise.parts)

    def sample(self, rng: np.random.Generator) -> Record | None:
        """Draws a record of each model; None where none changes the image."""
        records = [record for noise in self.noises if not base.is_identity(record := noise.sample(rng))]
        if not records:
            return None
        own = any(record.get("per_channel") is True for record in records)
        return {"noise": "NoiseSequence", "count": len(records), "per_channel": own, "records": records}

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Applies the records in order; see `Noise.render`."""
        for each in record["records"]:
            # a result may lie in memory that the next noise uses
            image = np.array(base.render(image, each), np.float32, order="C")
        return image
