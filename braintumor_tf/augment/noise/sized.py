"""Noise that was there before an image was made smaller."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from braintumor_tf.augment.noise.base import Noise, Record
from braintumor_tf.errors import NoiseError


@dataclass(frozen=True)
class NoiseAtSize(Noise):
    """Adds a noise as if the image had had another size when the noise came, and had then been resized.

    Making a picture smaller averages its noise, and makes the noise of neighbours alike. The severities of
    `NOISE_PRESETS` are meant for 224 pixels, the size at which `evaluation.robustness` corrupts. A network of another
    size that meets such noise when it is tested should train with it.

    What is added to the image is the change that the noise makes in the image at that size. It is brought back to the
    image's own size by Pillow's bilinear filter, which also resizes the files that are read. So what the noise leaves
    alone stays as sharp as it is.

    Attributes:
        model: the noise model, or a `RandomNoise` of several.
        size: side in pixels, or ``(height, width)``.

    Raises:
        NoiseError: `model` is not a noise model, or the size is invalid.

    Example:
        >>> import numpy as np
        >>> from braintumor_tf.augment import GaussianNoise, NoiseAtSize
        >>> image, rng = np.full((112, 112), 128, np.float32), np.random.default_rng(0)
        >>> bool(NoiseAtSize(GaussianNoise(20), 224)(image, rng).std() < 0.5 * GaussianNoise(20)(image, rng).std())
        True
    """

    model: Noise
    size: int | tuple[int, int] = 224

    def __post_init__(self) -> None:
        if not isinstance(self.model, Noise):
            raise NoiseError(f"NoiseAtSize: model={self.model!r}; give a noise model")
        sides = (self.size, self.size) if isinstance(self.size, Integral) else self.size
        if (
            not isinstance(sides, (tuple, list))
            or len(sides) != 2
            or not all(isinstance(side, Integral) and side > 0 for side in sides)
        ):
            raise NoiseError(f"NoiseAtSize: size={self.size!r}; give a side in pixels, or (height, width)")
        object.__setattr__(self, "size", (int(sides[0]), int(sides[1])))

    @property
    def parts(self) -> tuple[Noise, ...]:
        """Those of `model`."""
        return self.model.parts

    def sample(self, rng: np.random.Generator) -> Record | None:
        """Draws what `model` draws; the record says the size too."""
        record = self.model.sample(rng)
        return None if record is None else {"size": list(self.size), **record}

    @staticmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Refuses: the records that this model draws are those of its noise, with a size."""
        raise NoiseError("NoiseAtSize draws the records of its model; apply those with replay()")
