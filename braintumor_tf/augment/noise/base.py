"""What every noise model is: a frozen value with a range for its strength; sampled, applied, recorded, replayed."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Any, ClassVar

import cv2
import numpy as np
from PIL import Image

from braintumor_tf.errors import NoiseError

Record = dict[str, Any]
"""What was sampled for one image: JSON-able, and all that is needed to make the same noise again."""

_TYPES: dict[str, type[Noise]] = {}


@dataclass(frozen=True)
class Noise(abc.ABC):
    """Base of the noise models.

    A model first samples (`sample`), then applies what was sampled (`apply`), so that the sample can be written down
    and replayed (`replay`). Strength 0 returns the image bit for bit.

    After TorchIO, whose transforms draw their parameters first and can be replayed (Pérez-García et al., Computer
    Methods and Programs in Biomedicine 208, 2021).
    """

    strength: ClassVar[str] = ""
    """The name of the field that holds the range of the strength; 0 there means no noise."""
    highest: ClassVar[float] = math.inf
    """The largest strength that makes sense."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _TYPES[cls.__name__] = cls

    def __post_init__(self) -> None:
        if self.strength:
            object.__setattr__(self, self.strength, check_range(self, self.strength, 0.0, self.highest))

    def sample(self, rng: np.random.Generator) -> Record:
        """Draws this image's strength and all else that the noise depends on.

        Args:
            rng: where the numbers come from.

        Returns:
            A record with the key ``noise`` (the class's name), the strength under its own name, and a ``seed``.
        """
        low, high = getattr(self, self.strength)
        value = low if low == high else float(rng.uniform(low, high))
        return {"noise": type(self).__name__, self.strength: value, **self._details(rng, value)}

    @property
    def parts(self) -> tuple[Noise, ...]:
        """The models whose noise an image can get: this one, or those that it picks from."""
        return (self,)

    def apply(self, image: np.ndarray, record: Record) -> np.ndarray:
        """Returns the image with the noise of a record; see `replay`, which this calls."""
        return replay(image, record)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Samples once and applies it: ``noise(image, np.random.default_rng(0))``."""
        return replay(image, self.sample(rng))

    def _details(self, rng: np.random.Generator, value: float) -> Record:
        """Draws what the model needs besides its strength, which is `value`."""
        return {}

    @staticmethod
    @abc.abstractmethod
    def render(image: np.ndarray, record: Record) -> np.ndarray:
        """Adds the noise to a float32 image of shape (height, width) or (height, width, channels) in 0..255.

        The image must be C-contiguous and may be changed in place. The result is float32 in 0..255, in memory that the
        next call in the same thread may use again.
        """


@dataclass(frozen=True)
class FieldNoise(Noise):
    """Base of the models that draw a random number for each pixel.

    A grey image here has one channel, or three that are equal.

    Attributes:
        per_channel: whether each channel has noise of its own: True and False for all images, None for colour images
            only.
    """

    per_channel: bool | None = field(default=None, kw_only=True)

    def _details(self, rng: np.random.Generator, value: float) -> Record:
        return {"per_channel": self.per_channel, "seed": int(rng.integers(1 << 63))}


def replay(image: np.ndarray, record: Record | None) -> np.ndarray:
    """Applies the noise that a record describes; the same image and record always give the same result.

    Args:
        image: uint8, or floats, in 0..255, of shape (height, width), (height, width, 1), (height, width, 3), or
            (height, width, 4), whose fourth channel (alpha) stays as it is.
        record: what a model's `sample` returned, or None for no noise.

    Returns:
        A new array of the same shape and dtype, in 0..255; uint8 results are rounded.

    Raises:
        NoiseError: the image is not on the scale 0..255, or of another shape or dtype, or the record names no model.

    Example:
        >>> import numpy as np
        >>> from braintumor_tf.augment import GaussianNoise, replay
        >>> image = np.full((64, 64), 100, np.uint8)
        >>> record = GaussianNoise(sigma=(5, 25)).sample(np.random.default_rng(0))
        >>> bool((replay(image, record) == replay(image, record)).all())
        True
    """
    if is_identity(record):
        return np.array(image)
    _check_image(image)
    alpha = image.ndim == 3 and image.shape[2] == 4
    work = np.ascontiguousarray(image[..., :3] if alpha else image).astype(np.float32)
    squeezed = work.ndim == 3 and work.shape[2] == 1
    if squeezed:
        work = work[..., 0]
    if work.ndim == 3 and record.get("per_channel") is not True and has_equal_channels(work):
        noisy = np.repeat(render(np.ascontiguousarray(work[..., 0]), record)[..., None], 3, axis=2)
    else:
        noisy = render(work, record)
    if image.dtype == np.uint8:
        noisy = np.rint(noisy)
    noisy = noisy.astype(image.dtype).reshape((*image.shape[:2], 3) if alpha else image.shape)
    return np.concatenate([noisy, image[..., 3:]], axis=2) if alpha else noisy


def render(image: np.ndarray, record: Record | None) -> np.ndarray:
    """Applies a record to a float32 image in 0..255 without checks or a copy, as the generator does."""
    if is_identity(record):
        return image
    draw, size = _TYPES[record["noise"]].render, record.get("size")
    if size is None or tuple(size) == image.shape[:2]:
        return draw(image, record)
    sized = _resize(image, size)
    change = draw(sized.copy(), record) - sized
    return np.clip(image + _resize(change, image.shape[:2]), 0.0, 255.0)


def is_identity(record: Record | None) -> bool:
    """Returns whether a record leaves the image as it is: None, or strength 0.

    Raises:
        NoiseError: the record names no model.
    """
    if record is None:
        return True
    model = _TYPES.get(record.get("noise", ""))
    if model is None or not model.strength:
        raise NoiseError(f"record names no noise model ({record.get('noise')!r}); use what a model's sample() returned")
    return record[model.strength] == 0


def _resize(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Resizes a float32 image to (height, width) as `braintumor_tf.datasets.reading` does, without rounding."""
    if image.ndim == 3:
        return np.stack([_resize(plane, size) for plane in np.moveaxis(image, 2, 0)], axis=2)
    plane = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(plane.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def has_equal_channels(image: np.ndarray) -> bool:
    """Returns whether the three channels of an array of shape (height, width, 3) are equal, as in a grey picture."""
    first = cv2.extractChannel(image, 0) if image.flags.c_contiguous else image[..., 0]
    return bool((image[..., 1] == first).all()) and bool((image[..., 2] == first).all())


def check_range(noise: Noise, name: str, low: float, high: float) -> tuple[float, float]:
    """Returns the range in a noise model's field as two floats; a single number is a range of that number.

    Raises:
        NoiseError: it is no number or pair in order, or leaves low..high.
    """
    value = getattr(noise, name)
    pair = (value, value) if isinstance(value, Real) else () if isinstance(value, str) else value
    try:
        first, last = (float(end) for end in pair)
    except (TypeError, ValueError):
        first = last = math.nan
    if not (math.isfinite(first) and math.isfinite(last) and low <= first <= last <= high):
        bounds = f"from {low:g} up" if high == math.inf else f"in {low:g}..{high:g}"
        raise NoiseError(f"{type(noise).__name__}: {name}={value!r}; give a number or a pair (low, high) {bounds}")
    return first, last


def describe(noise: Noise) -> Record:
    """Returns a noise model's settings as a JSON-able dictionary, for a run's configuration.

    Example:
        >>> from braintumor_tf.augment import GaussianBlur
        >>> describe(GaussianBlur(2))
        {'noise': 'GaussianBlur', 'sigma': [2.0, 2.0]}
    """
    return {"noise": type(noise).__name__} | {
        entry.name: _described(getattr(noise, entry.name)) for entry in fields(noise)
    }


def _described(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_described(item) for item in value]
    return describe(value) if isinstance(value, Noise) else value


def from_description(description: Record) -> Noise:
    """Returns the noise model that `describe` described.

    Raises:
        NoiseError: there is no such model, or its settings do not fit.

    Example:
        >>> from braintumor_tf.augment import MotionBlur
        >>> from_description(describe(MotionBlur())) == MotionBlur()
        True
    """
    settings = dict(description)
    model = _TYPES.get(settings.pop("noise", ""))
    if model is None or not set(settings) <= {entry.name for entry in fields(model)}:
        raise NoiseError(f"{description!r} describes no noise model; use what describe() returned")
    return model(**{name: _from_described(value) for name, value in settings.items()})


def _from_described(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_described(item) for item in value)
    return from_description(value) if isinstance(value, dict) else value


def _check_image(image: np.ndarray) -> None:
    shaped = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3, 4))
    if not shaped or not image.size:
        raise NoiseError(f"image of shape {image.shape}; give (height, width), or that with 1, 3 or 4 channels last")
    if image.dtype == np.uint8:
        return
    if not np.issubdtype(image.dtype, np.floating):
        raise NoiseError(f"image of dtype {image.dtype}; give uint8 or floats in 0..255")
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 255):
        raise NoiseError(f"image with values in {low:g}..{high:g}; noise works on 0..255, before any normalisation")
    if 0 < high <= 1:
        raise NoiseError(
            "image with values in 0..1; noise works on 0..255, so multiply by 255 first and rescale afterwards"
        )
