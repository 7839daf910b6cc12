"""The end of a model from elsewhere: softmax, logits, sigmoid units or one, as probabilities of named classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from braintumor_tf.errors import ModelError
from braintumor_tf.models.layers import ClassProbabilities

SOFTMAX, SIGMOID, LINEAR = "softmax", "sigmoid", "linear"

LEAST = float(np.finfo(np.float32).tiny)
"""The least probability whose logarithm is taken: the smallest normal float32."""

_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Ending:
    """How a model ends.

    Attributes:
        scores: the tensor that the probabilities are computed from.
        activation: ``"softmax"``, ``"sigmoid"`` or ``"linear"``: what makes the model's answer of it.
        kernel: of the last dense layer, shape ``(features, units)``, or None where `scores` are the units already.
        bias: of that layer, shape ``(units,)``.
        note: what was taken for granted, in words, or an empty text.
    """

    scores: Any
    activation: str
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    note: str = ""


def check_units(shape: Sequence[int | None], classes: Sequence[str]) -> None:
    """Refuses a model whose answer does not fit the classes.

    Raises:
        ModelError: the answer is no row of numbers, or has another length than the classes.
    """
    units = shape[-1]
    if len(shape) != 2 or units is None:
        raise ModelError(
            f"the model answers with the shape {tuple(shape)}, no row of numbers for an image; give a classifier "
            "(a model without its top has none)"
        )
    if units == 1 and len(classes) != 2:
        raise ModelError(
            f"the model answers with one number, which tells two classes apart, and {len(classes)} are named "
            f"({', '.join(classes)}); name two, the one that the number is the probability of last"
        )
    if units not in (1, len(classes)):
        raise ModelError(
            f"the model answers with {units} numbers and {len(classes)} classes are named ({', '.join(classes)}); "
            "name one for each number, in their order"
        )


@dataclass(frozen=True)
class Closed:
    """A flat model that answers with probabilities.

    Attributes:
        model: the model, closed by `ClassProbabilities`.
        flat: the same graph with its own end.
        note: what was added, in words, or an empty text.
        activation: of its own end.
    """

    model: keras.Model
    flat: keras.Model
    note: str
    activation: str

    def expected(self, answers: np.ndarray) -> np.ndarray:
        """Returns the probabilities that answers of the other model stand for, by its own end."""
        answers = np.asarray(answers, np.float64)
        if answers.shape[1] == 1:
            second = answers if self.activation == SIGMOID else 1 / (1 + np.exp(-answers))
            return np.concatenate([1 - second, second], axis=1)
        if self.activation == LINEAR:
            answers = np.exp(answers - answers.max(axis=1, keepdims=True))
        return answers / np.maximum(answers.sum(axis=1, keepdims=True), LEAST)


def close(image: Any, outputs: Any, classes: Sequence[str], fill: Callable[[], None], probe: np.ndarray) -> Closed:
    """Puts `ClassProbabilities` in the place of a flat graph's end, such that the answers stay what they are.

    Args:
        image: the graph's input.
        outputs: its answer, shape ``(batch, units)``.
        classes: class names in order; of one unit the second class is the one that it is the probability of.
        fill: gives the graph's layers their weights.
        probe: images as the graph takes them, asked about where the layers do not tell logits from probabilities.

    Raises:
        ModelError: the answers are neither probabilities nor logits.
    """
    flat = keras.Model(image, outputs)
    fill()
    ending = _ending(flat, probe)
    units = outputs.shape[-1]
    kernel = np.eye(units, dtype="float32") if ending.kernel is None else ending.kernel
    bias = np.zeros(units, "float32") if ending.bias is None else ending.bias
    scores, note = ending.scores, ending.note
    if units == 1:  # softmax of (0, z) is (1 - sigmoid(z), sigmoid(z))
        kernel = np.concatenate([np.zeros_like(kernel), kernel], axis=1)
        bias = np.concatenate([np.zeros_like(bias), bias])
    elif ending.activation == SIGMOID:
        scores = _logarithms(outputs)
        kernel, bias = np.eye(units, dtype="float32"), np.zeros(units, "float32")
        note = f"each class has a sigmoid unit of its own: the {units} answers are divided by their sum"
    elif ending.activation == LINEAR:
        note = note or "the model answers with logits: a softmax is added"
    last = ClassProbabilities(classes, name="probabilities")
    model = keras.Model(image, last(scores))
    last.set_weights([kernel, bias])
    return Closed(model, flat, note, ending.activation)


def _ending(flat: keras.Model, probe: np.ndarray) -> Ending:
    """Takes the activation off the end of a graph; asks the model where its last layer is neither known nor dense."""
    last, units = flat.operations[-1], flat.output_shape[-1]
    name = _activation(last)
    if name is None:
        return _asked(flat, probe)
    if name not in (SOFTMAX, SIGMOID, LINEAR) or (name == SOFTMAX and units == 1):
        raise ModelError(
            f"the last layer, {last.name!r}, has the activation {name} and {units} "
            f"{'unit' if units == 1 else 'units'}, which gives no probabilities; close the model with softmax or one "
            "sigmoid unit"
        )
    if isinstance(last, keras.layers.Dense):
        return _of_dense(last, last.input, name, units)
    before = last.input._keras_history.operation
    if name == LINEAR or _activation(before) not in (None, LINEAR):
        return _asked(flat, probe)
    if isinstance(before, keras.layers.Dense):
        return _of_dense(before, before.input, name, units)
    return Ending(last.input, name)


def _of_dense(layer: keras.layers.Dense, features: Any, activation: str, units: int) -> Ending:
    kernel, *rest = layer.get_weights()
    bias = rest[0] if rest else np.zeros(units)
    note = "the model answers with one number without activation: a sigmoid is added"
    linear = activation == LINEAR and units == 1
    return Ending(features, activation, np.float32(kernel), np.float32(bias), note if linear else "")


def _asked(flat: keras.Model, probe: np.ndarray) -> Ending:
    """Tells probabilities from logits by their values."""
    found = keras.ops.convert_to_numpy(flat(probe, training=False)).astype(np.float64)
    outside = float(found.min()) < 0 or float(found.max()) > 1
    if found.shape[1] == 1:
        if outside:
            note = "the model answers with one number outside 0 to 1: it is taken for a logit, a sigmoid is added"
            return Ending(flat.outputs[0], LINEAR, note=note)
        values = _logarithms(flat.outputs[0]) - _logarithms(1.0 - flat.outputs[0])
        return Ending(values, SIGMOID)
    if outside:
        note = "the model answers with numbers outside 0 to 1: they are taken for logits, a softmax is added"
        return Ending(flat.outputs[0], LINEAR, note=note)
    if np.abs(found.sum(axis=1) - 1).max() > _SUM_TOLERANCE:
        return Ending(flat.outputs[0], SIGMOID)
    return Ending(_logarithms(flat.outputs[0]), SOFTMAX)


def _logarithms(probabilities: Any) -> Any:
    return keras.ops.log(keras.ops.maximum(keras.ops.cast(probabilities, "float32"), LEAST))


def _activation(operation: Any) -> str | None:
    """Returns the name of what a layer applies at its end; None for a layer that is no dense one or activation."""
    if isinstance(operation, keras.layers.Softmax):
        return SOFTMAX if operation.axis in (-1, 1) else "softmax over another axis"
    if type(operation) is keras.layers.Dense or isinstance(operation, keras.layers.Activation):
        return operation.activation.__name__
    return None
