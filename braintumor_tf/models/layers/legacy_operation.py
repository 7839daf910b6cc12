"""An operation of TensorFlow that Keras 2 kept as a layer of a model: the ones that models of images have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
from keras import ops

from braintumor_tf.errors import ModelError


def _cut(x: Any, slice_spec: Any) -> Any:
    return x[tuple(_slice(part) for part in _items(slice_spec))]


def _items(found: Any) -> list[Any]:
    """The parts of an index: Keras 2 writes a tuple as a dictionary."""
    if isinstance(found, Mapping) and found.get("class_name") == "__tuple__":
        return list(found["items"])
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _slice(part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    if part.get("class_name") == "__ellipsis__":
        return Ellipsis
    return slice(part.get("start"), part.get("stop"), part.get("step"))


def _resize(x: Any, size: Sequence[int], method: str = "bilinear", antialias: bool = False) -> Any:
    return ops.image.resize(x, size, interpolation=method, antialias=antialias, data_format="channels_last")


FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **dict.fromkeys(("math.add", "__operators__.add"), lambda x, y: x + y),
        **dict.fromkeys(("math.subtract", "__operators__.sub"), lambda x, y: x - y),
        **dict.fromkeys(("math.multiply", "__operators__.mul"), lambda x, y: x * y),
        **dict.fromkeys(("math.truediv", "math.divide", "__operators__.truediv"), lambda x, y: x / y),
        "nn.bias_add": lambda x, bias: x + bias,
        "__operators__.getitem": _cut,
        "cast": ops.cast,
        "clip_by_value": lambda x, clip_value_min, clip_value_max: ops.clip(x, clip_value_min, clip_value_max),
        "nn.relu": ops.relu,
        "nn.relu6": ops.relu6,
        **dict.fromkeys(("math.sigmoid", "nn.sigmoid"), ops.sigmoid),
        "nn.softmax": lambda x, axis=-1: ops.softmax(x, axis=-1 if axis is None else axis),
        "math.reduce_mean": lambda x, axis=None, keepdims=False: ops.mean(x, axis=axis, keepdims=keepdims),
        "math.reduce_max": lambda x, axis=None, keepdims=False: ops.max(x, axis=axis, keepdims=keepdims),
        "image.resize": _resize,
    }
)
"""What stands for each of TensorFlow's functions here, by the name that Keras 2 writes."""


@keras.saving.register_keras_serializable(package="braintumor_tf")
class LegacyOperation(keras.layers.Layer):
    """One call of a TensorFlow function, as a ``TFOpLambda`` or ``SlicingOpLambda`` of Keras 2 was.

    Args:
        function: a name of `FUNCTIONS`.
        tensors: the parameters that are given tensors, in the order in which the layer is given them.
        arguments: the values of the other parameters.

    Raises:
        ModelError: the function is not among them.
    """

    def __init__(self, function: str, tensors: Sequence[str], arguments: Mapping[str, Any], **kwargs: Any):
        super().__init__(**kwargs)
        if function not in FUNCTIONS:
            raise ModelError(
                f"layer {self.name!r} calls tf.{function}, which is not known here; put a layer of Keras in its place "
                "and save the model again"
            )
        self.function = function
        self.tensors = tuple(tensors)
        self.arguments = dict(arguments)

    def call(self, inputs: Any) -> Any:
        """Returns what the function makes of one tensor, or of a list of them."""
        given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        arguments = {**self.arguments, **dict(zip(self.tensors, given, strict=True))}
        return FUNCTIONS[self.function](arguments.pop("x"), **arguments)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        own = {"function": self.function, "tensors": list(self.tensors), "arguments": self.arguments}
        return {**super().get_config(), **own}
