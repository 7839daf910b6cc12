"""What a model from elsewhere wants of its pixels: how it is written down, and as layers of the wrapped model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib import import_module
from typing import Any

import numpy as np

from braintumor_tf.errors import ModelError

KERAS_APPLICATIONS = (
    *("convnext", "densenet", "efficientnet", "efficientnet_v2", "inception_resnet_v2", "inception_v3", "mobilenet"),
    *("mobilenet_v2", "mobilenet_v3", "nasnet", "resnet", "resnet50", "resnet_v2", "vgg16", "vgg19", "xception"),
)
"""Modules of `keras.applications` that have a ``preprocess_input``."""

NONE = "none"
"""The word for pixels that stay as they are, 0 to 255."""

Preprocess = str | tuple[Any, Any] | Callable[[np.ndarray], np.ndarray] | None
"""A name, a scale and an offset, a function of a batch of images, or None for pixels as they are."""


@dataclass(frozen=True)
class PixelScaling:
    """Pixels times `scale` plus `offset`, for red, green and blue, and whether blue then comes first.

    Attributes:
        scale: one factor for all channels, or one each.
        offset: one for all channels, or one each.
        reverse: whether the channels are handed on as blue, green, red.
        name: what it was called, for texts.

    Example:
        >>> PixelScaling.of((1 / 127.5, -1))
        PixelScaling(scale=(0.00784313725490196,), offset=(-1.0,), reverse=False, name='0.007843137255,-1')
    """

    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    reverse: bool = False
    name: str = NONE

    @classmethod
    def of(cls, preprocess: str | tuple[Any, Any] | None) -> PixelScaling:
        """Returns what a name or a pair means.

        Args:
            preprocess: ``"none"`` or None; a name of `KERAS_APPLICATIONS`; or a scale and an offset, numbers or one for
                each channel.

        Raises:
            ModelError: the name is not known, or a number is not finite or a scale is 0.
        """
        if preprocess is None or preprocess == NONE:
            return cls()
        if isinstance(preprocess, str):
            return _of_application(check_name(preprocess))
        pair = tuple(preprocess) if isinstance(preprocess, (tuple, list)) else ()
        if len(pair) != 2:
            raise ModelError(f"preprocess={preprocess!r} is not known; {_CHOICES}")
        scale, offset = (tuple(float(one) for one in np.ravel(part)) for part in pair)
        if not all(map(math.isfinite, (*scale, *offset))) or 0.0 in scale or {len(scale), len(offset)} - {1, 3}:
            raise ModelError(
                f"preprocess={preprocess!r}: a scale and an offset are finite numbers, or three each, and no scale is 0"
            )
        return cls(scale, offset, name=f"{_words(scale)},{_words(offset)}")

    @property
    def plain(self) -> bool:
        """Whether pixels stay as they are."""
        return set(self.scale) == {1.0} and set(self.offset) == {0.0} and not self.reverse

    def applied(self, images: np.ndarray) -> np.ndarray:
        """Returns the pixels that a model gets, float32, of images with pixels 0 to 255 and the channels last."""
        found = np.asarray(images, "float32") * np.float32(self.scale) + np.float32(self.offset)
        return found[..., ::-1] if self.reverse else found

    def layers_on(self, tensor: Any) -> Any:
        """Returns a tensor of Keras of the scaled pixels; layers are added only where something changes.

        Raises:
            ModelError: a model of grey images is to be given colours.
        """
        import keras

        if tensor.shape[-1] == 1 and (self.reverse or len({*self.scale}) > 1 or len({*self.offset}) > 1):
            raise ModelError(
                f"preprocess {self.name} treats red, green and blue apart, and the model takes grey images; "
                "give a scale and an offset"
            )
        if set(self.scale) != {1.0} or set(self.offset) != {0.0}:
            factors = [one[0] if len(set(one)) == 1 else list(one) for one in (self.scale, self.offset)]
            tensor = keras.layers.Rescaling(factors[0], offset=factors[1], name="preprocessing")(tensor)
        return keras.ops.flip(tensor, axis=-1) if self.reverse else tensor

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields by name, as they stand in ``config.json``."""
        return asdict(self)


_CHOICES = (
    f"give {NONE!r} for pixels 0 to 255 as they are, a scale and an offset, or a module of keras.applications: "
    f"{', '.join(KERAS_APPLICATIONS)}"
)


def check_name(name: str) -> str:
    """Returns the module of `keras.applications` that a name means, such as ``"mobilenet_v2"`` for ``"MobileNetV2"``.

    Raises:
        ModelError: there is no such module.
    """
    known = {module.replace("_", ""): module for module in KERAS_APPLICATIONS}
    found = known.get(name.lower().replace("_", "").removeprefix("keras.applications."))
    if found is None:
        raise ModelError(f"preprocess {name!r} is not known; {_CHOICES}")
    return found


def parse_preprocess(text: str) -> str | tuple[float, float] | None:
    """Reads what a user types: ``none``, a module of `keras.applications`, or ``SCALE,OFFSET`` such as ``1/255,0``.

    Raises:
        ModelError: it is none of these.

    Example:
        >>> parse_preprocess("1/127.5,-1"), parse_preprocess("vgg16")
        ((0.00784313725490196, -1.0), 'vgg16')
    """
    if "," not in text:
        return None if text == NONE else check_name(text)
    parts = text.split(",")
    try:
        scale, offset = (_number(part) for part in parts)
    except (ValueError, ZeroDivisionError):
        raise ModelError(f"preprocess {text!r} is no scale and offset; give two numbers such as 1/255,0") from None
    return scale, offset


def _number(text: str) -> float:
    above, _, below = text.partition("/")
    return float(Fraction(above.strip()) / Fraction(below.strip() or "1"))


def _of_application(name: str) -> PixelScaling:
    """Asks ``preprocess_input`` itself what it does, with black and with one full channel at a time."""
    function = import_module(f"keras.applications.{name}").preprocess_input
    black = np.asarray(function(np.zeros((1, 1, 1, 3), "float32")))[0, 0, 0]
    full = [np.asarray(function(255.0 * np.eye(3, dtype="float32")[None, None, [place]])) for place in range(3)]
    matrix = (np.stack([one[0, 0, 0] for one in full]) - black) / 255.0
    reverse = bool(abs(matrix[0, 2]) > abs(matrix[0, 0]))
    matrix, black = (matrix[:, ::-1], black[::-1]) if reverse else (matrix, black)
    scale, offset = (tuple(float(one) for one in values) for values in (np.diag(matrix), black))
    return PixelScaling(scale, offset, reverse, name)


def _words(values: Sequence[float]) -> str:
    return " ".join(f"{value:.10g}" for value in values)
