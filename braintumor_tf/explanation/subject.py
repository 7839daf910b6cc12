"""The model to be explained, of whichever kind, with what the methods ask of it."""

from __future__ import annotations

import difflib
import weakref
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TypeVar

import keras
import numpy as np

from braintumor_tf.errors import ExplanationError
from braintumor_tf.evaluation.prediction.predict import load_run_model
from braintumor_tf.explanation.gradients import compile_forward
from braintumor_tf.explanation.model_kinds import ATTENTION, CONVOLUTION, OTHER
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.models.layers import AddPositions, ClassProbabilities, FitSize, SelectChannels
from braintumor_tf.models.network import Network
from braintumor_tf.predictions_table import check_probabilities
from braintumor_tf.runs import Run
from braintumor_tf.types import Predictor

Model = Predictor | keras.Model | Run | str | Path
"""A model, a run, or a run's directory."""

KEPT_FUNCTIONS = 8
"""Compiled functions that are kept for a model; the oldest goes first."""

_COMPILED: weakref.WeakKeyDictionary[keras.Model, dict[Hashable, Callable]] = weakref.WeakKeyDictionary()

_INPUT_LAYERS = (SelectChannels, FitSize)
_PREDICTOR_PARTS = ("classes", "image_size", "channels", "crop", "predict_images")
_Named = TypeVar("_Named")


class Subject:
    """A model behind one interface for all methods.

    Args:
        model: a network built or loaded here, a fitted PCA model or another `Predictor`, a run, or a run's directory.

    Attributes:
        predictor: what predicts.
        classes: class names in the order of the probabilities.
        name: the model's name, for errors.
        network: the Keras model, or None.
        kind: ``"convolution"``, ``"attention"`` or ``"other"``.

    Raises:
        ExplanationError: it is not a model.
        ModelError: it is a Keras model that was not built here.
        RunError: there is no such run, or it has no model.
    """

    def __init__(self, model: Model):
        model = Run.of_path(model)
        if isinstance(model, Run):
            model = load_run_model(model)
        self.predictor: Predictor = as_predictor(model)
        missing = [part for part in _PREDICTOR_PARTS if not hasattr(self.predictor, part)]
        if missing:
            raise ExplanationError(
                f"{type(model).__name__} is no model that can be explained: it has no {', '.join(missing)}; "
                "give a model of braintumor_tf.models.build, a run, or its directory"
            )
        self.network = self.predictor.model if isinstance(self.predictor, Network) else None
        self.classes: tuple[str, ...] = tuple(self.predictor.classes)
        self.name: str = type(model).__name__ if self.network is None else self.network.name
        self.kind = _kind(self.network)

    @property
    def grey(self) -> bool:
        """Whether the model learns from grey images."""
        return self.predictor.channels == 1

    @property
    def crop(self) -> str | None:
        """What the model's images are cut down to, or None."""
        return self.predictor.crop

    def layer(self, name: str | None) -> keras.layers.Layer:
        """Returns the layer of a name, which must give a feature map; None for the last that does.

        Raises:
            ExplanationError: no layer of that name gives one; the text lists those that do.
        """
        layers = {layer.name: layer for layer in map_layers(self.network)}
        return layers[next(reversed(layers))] if name is None else find_layer(layers, name, self.name, "a feature map")

    def fit(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Does to images of any size, cut down to `crop` already, what the predictor does first: channels and size.

        The function of a wrapped model that has one comes after that.

        Args:
            images: each float32 of shape ``(height, width, 1 | 3)``.

        Returns:
            float32 of shape ``(images, *image_size, channels)``; the network passes them on as they are.
        """
        fitted = np.empty((len(images), *self.predictor.image_size, self.predictor.channels), np.float32)
        shapes = [image.shape for image in images]
        for shape in dict.fromkeys(shapes):
            places = [place for place, other in enumerate(shapes) if other == shape]
            fitted[places] = self.predictor.fit(np.stack([images[place] for place in places]))
        return fitted if self.predictor.preprocess is None else self.predictor.preprocess(fitted)

    def compiled(self, key: Hashable, make: Callable[[], Callable]) -> Callable:
        """Returns the network's function of that key, made at the first call and forgotten with the network."""
        functions = _COMPILED.setdefault(self.network, {})
        if key not in functions:
            functions[key] = make()
            while len(functions) > KEPT_FUNCTIONS:
                functions.pop(next(iter(functions)))
        return functions[key]

    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the probabilities, shape ``(images, classes)``, of a batch of images of any size.

        Raises:
            EvaluationError: the model's answers are no probabilities.
        """
        if self.network is None:
            return _by_shape(self.predictor.predict_images, images)
        network, fitted = self.network, self.fit(images)
        forward = self.compiled(
            "probabilities", lambda: compile_forward(keras.Model(network.inputs[0], network.outputs[0]), fitted.shape)
        )
        found = forward(fitted)
        check_probabilities(found)
        return found


def map_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of a network whose output has rows and columns, in order, without the input layers."""
    first = (keras.layers.InputLayer, *_INPUT_LAYERS)
    shapes = [(layer, getattr(layer.output, "shape", ())) for layer in model.layers if not isinstance(layer, first)]
    maps = [(layer, shape) for layer, shape in shapes if len(shape) == 4]
    wide = [layer for layer, shape in maps if max(shape[1:3]) > 1]
    return wide if wide and wide[-1] is maps[-1][0] else [layer for layer, _ in maps]


def find_layer(layers: dict[str, _Named], name: str, model_name: str, what: str) -> _Named:
    """Returns one of `layers` by name; `model_name` and `what` each layer has are for the error.

    Raises:
        ExplanationError: there is no such layer; the text names the nearest, and lists all.

    Example:
        >>> find_layer({"features": 1}, "featuers", "CNN", "a feature map")
        Traceback (most recent call last):
        braintumor_tf.errors.ExplanationError: CNN has no layer 'featuers' with a feature map; did you mean features? \
valid are features
    """
    if name in layers:
        return layers[name]
    near = difflib.get_close_matches(str(name), layers, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ExplanationError(f"{model_name} has no layer {name!r} with {what}; {hint}valid are {', '.join(layers)}")


def probability_layer(model: keras.Model) -> ClassProbabilities:
    """Returns the layer that closes a network; what it is given times its kernel is the score before softmax."""
    return next(layer for layer in model.layers if isinstance(layer, ClassProbabilities))


def _by_shape(predict: Callable[[np.ndarray], np.ndarray], images: Sequence[np.ndarray]) -> np.ndarray:
    found: list[np.ndarray | None] = [None] * len(images)
    shapes = [image.shape for image in images]
    for shape in dict.fromkeys(shapes):
        places = [place for place, other in enumerate(shapes) if other == shape]
        for place, row in zip(places, predict(np.stack([images[place] for place in places]))):
            found[place] = row
    return np.stack(found)


def _kind(network: keras.Model | None) -> str:
    if network is None:
        return OTHER
    if any(isinstance(layer, keras.layers.MultiHeadAttention) for layer in network.layers):
        return ATTENTION if any(isinstance(layer, AddPositions) for layer in network.layers) else OTHER
    return CONVOLUTION if map_layers(network) else OTHER
