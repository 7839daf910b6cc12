"""Small models as people train them elsewhere, and files of them as Keras 2 wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

SIDE = 32


def with_drawn_weights(model: keras.Model, seed: int = 0) -> keras.Model:
    """Gives every weight a drawn value, such that answers differ from image to image."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        values = generator.normal(0, 0.4, weight.shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path or "gamma" in weight.path else values)
    return model


def backbone(*, nested: bool, channels: int = 3) -> tuple[Any, Any]:
    """Returns the input and the features of a model around a network inside it, or of the same layers flat."""
    layers = [
        keras.layers.Conv2D(6, 3, padding="same", name="first"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.DepthwiseConv2D(3, strides=2, padding="same", name="depthwise"),
        keras.layers.SeparableConv2D(8, 3, padding="same", activation="relu", name="separable"),
    ]
    image = keras.Input((SIDE, SIDE, channels), name="input_1")
    x = keras.layers.RandomFlip("horizontal", name="flip")(image)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale")(x)
    if nested:
        x = keras.Sequential([keras.Input((SIDE, SIDE, channels)), *layers], name="backbone")(x, training=False)
    else:
        for layer in layers:
            x = layer(x)
    x = keras.layers.GlobalAveragePooling2D(name="average_pooling")(x)
    return image, keras.layers.Dropout(0.3, name="dropout")(x)


def classifier(end: Callable[[Any], Any], *, nested: bool = True, channels: int = 3) -> keras.Model:
    """Returns a model with an end of its own and drawn weights."""
    image, features = backbone(nested=nested, channels=channels)
    return with_drawn_weights(keras.Model(image, end(features), name="theirs"))


def softmax(units: int) -> Callable[[Any], Any]:
    return keras.layers.Dense(units, activation="softmax", name="answer")


def save_as_keras_2(model: keras.Model, path: Path, *, operations: bool = False) -> Path:
    """Saves a model as ``.h5`` with a description as Keras 2 wrote it, which Keras 3 does not load.

    Args:
        model: a model of `classifier`.
        path: the file.
        operations: whether the layer ``scale`` becomes what TensorFlow 2 made of ``x / 127.5 - 1``.
    """
    model.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        _rewrite(config)
        if operations:
            layers = config["config"]["layers"]
            place = [layer["config"]["name"] for layer in layers].index("scale")
            layers[place : place + 1] = [
                _operation("tf.math.truediv", "math.truediv", ["flip", 0, 0, {"y": 127.5, "name": None}]),
                _operation("scale", "math.subtract", ["tf.math.truediv", 0, 0, {"y": 1.0, "name": None}]),
            ]
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.9.0"
        state = file["model_weights"]["flip"]
        state.create_dataset("flip/StateVar:0", data=np.zeros(3, "int64"))
        state.attrs["weight_names"] = np.array([b"flip/StateVar:0"])
    return path


def _operation(name: str, function: str, call: list[Any]) -> dict[str, Any]:
    settings = {"name": name, "trainable": True, "dtype": "float32", "function": function}
    return {"class_name": "TFOpLambda", "config": settings, "name": name, "inbound_nodes": [call]}


def _rewrite(found: Any) -> None:
    if isinstance(found, list):
        for value in found:
            _rewrite(value)
    elif isinstance(found, dict):
        kind, settings = found.get("class_name"), found.get("config")
        if kind == "InputLayer":
            settings["batch_input_shape"] = settings.pop("batch_shape")
            settings.pop("optional", None)
        if kind in ("DepthwiseConv2D", "SeparableConv2D"):
            settings["groups"] = 1
        if kind == "SeparableConv2D":
            settings["kernel_initializer"] = {"class_name": "GlorotUniform", "config": {"seed": None}}
        if kind == "BatchNormalization":
            settings["axis"] = [3]
        for value in found.values():
            _rewrite(value)
