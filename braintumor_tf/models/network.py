"""A Keras model of this package: loaded safely, and behind the interface of a predictor."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from braintumor_tf.errors import ModelError
from braintumor_tf.models.image_fitting import check_images
from braintumor_tf.models.layers import ClassProbabilities, FitSize, SelectChannels
from braintumor_tf.predictions_table import check_probabilities


class Network:
    """A Keras model of this package behind the interface that prediction uses for every kind of model.

    Args:
        model: a model built by `braintumor_tf.models.build`, or one like it around the layers of another.
        preprocess: what is done to a batch of fitted images before the model gets them (`wrap_model`), or None.

    Attributes:
        model: the model.
        preprocess: as given.
        classes: class names in the order of the probabilities.
        image_size: ``(height, width)`` that images are best read at.
        channels: 1 if the model learns from grey images, 3 for RGB.
        crop: what images are cut down to before they are resized, or None; it is kept in the model.

    Raises:
        ModelError: the model was not built here, so its classes are not known.
    """

    def __init__(self, model: keras.Model, *, preprocess: Callable[[np.ndarray], np.ndarray] | None = None):
        self.model = model
        self.preprocess = preprocess
        self.classes: tuple[str, ...] = _only(model, ClassProbabilities).class_names
        size = _only(model, FitSize)
        self.image_size: tuple[int, int] = (size.height, size.width)
        self.crop: str | None = size.crop
        self.channels: int = _only(model, SelectChannels).channels

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities, float32 of shape ``(images, classes)``, of images as `check_images` accepts them.

        They are taken to be cut down to `crop` already.

        Raises:
            EvaluationError: the answers are no probabilities; the weights are damaged.
            ImageInputError: the images do not fit.
        """
        check_images(images)
        if self.preprocess is not None:
            images = self.preprocess(self.fit(images))
        found = self.model.predict(np.asarray(images, "float32"), batch_size=batch_size, verbose=0)
        check_probabilities(found)
        return found

    def fit(self, images: np.ndarray) -> np.ndarray:
        """Does to images of one size what the model does first: channels and size.

        Args:
            images: shape ``(images, height, width, 1 | 3)``, cut down to `crop` already.

        Returns:
            float32 of shape ``(images, *image_size, channels)``, 0 to 255; the model passes them on as they are.
        """
        first = [_only(self.model, kind) for kind in (SelectChannels, FitSize)]
        batch = np.asarray(images, "float32")
        # A grey image is resized before it becomes RGB: the same pixels for a third of the work.
        for layer in first if batch.shape[-1] >= self.channels else reversed(first):
            batch = layer(batch)
        return keras.ops.convert_to_numpy(keras.ops.cast(batch, "float32"))


def load_network(path: str | Path) -> keras.Model:
    """Loads a ``model.keras`` in Keras's safe mode, which runs no code from the file.

    Raises:
        ModelError: the file is damaged, holds a lambda or an unknown layer, or was not built by this package.
    """
    if not zipfile.is_zipfile(path):  # Keras calls a file that was cut short "not found"
        raise ModelError(f"{path}: damaged, no whole .keras file; restore it from a copy, or train again")
    try:
        model = keras.saving.load_model(path, safe_mode=True, compile=False)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: not a Keras model that can be loaded safely ({reason})") from error
    Network(model)
    unfreeze(model)  # an epoch of a stage that froze the backbone may have been the best
    return model


def unfreeze(model: keras.Model) -> None:
    """Makes every layer of a flat model trainable; setting it on the model does not reach its layers."""
    for layer in model.layers:
        layer.trainable = True


def _only(model: keras.Model, kind: type) -> Any:
    found = [layer for layer in model.layers if isinstance(layer, kind)]
    if len(found) != 1:
        raise ModelError(f"model {model.name!r} has no {kind.__name__} layer; build it with braintumor_tf.models.build")
    return found[0]
