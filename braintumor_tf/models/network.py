"""What every Keras model here shares: its classification layer, loading, and what it says about itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from braintumor_tf.errors import ModelError
from braintumor_tf.models.fused_batch_norm import FusedBatchNormalization
from braintumor_tf.models.input_layers import FitSize, SelectChannels, check_images
from braintumor_tf.models.vit_layers import AddPositions, ClassToken
from braintumor_tf.types import ModelConfig, Predictor


@keras.saving.register_keras_serializable(package="braintumor_tf")
class ClassProbabilities(keras.layers.Dense):
    """A softmax layer with one unit a class that keeps the names of the classes in the saved model.

    Softmax is used for two classes as well, so that every model answers with one probability a class, in order. The
    layer computes in float32 whatever the precision of the layers before it.

    Args:
        class_names: the classes in the order of the probabilities.
    """

    def __init__(self, class_names: Sequence[str], **kwargs: Any):
        kwargs.pop("units", None)
        settings = {"activation": "softmax", "dtype": "float32", **kwargs}
        super().__init__(len(class_names), **settings)
        self.class_names = tuple(class_names)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "class_names": list(self.class_names)}


OWN_LAYERS = (SelectChannels, FitSize, AddPositions, ClassToken, FusedBatchNormalization, ClassProbabilities)
"""Every layer that is not Keras's own; they are known wherever a model is loaded, whichever module built it."""


class Seeds:
    """Gives each layer of a model its own seed, drawn from the model's; None stays None."""

    def __init__(self, seed: int | None):
        self._generator = None if seed is None else np.random.default_rng(seed)

    def __call__(self) -> int | None:
        """Returns the next layer's seed."""
        return None if self._generator is None else int(self._generator.integers(2**31))


def classification_head(features: Any, config: ModelConfig, seeds: Seeds) -> Any:
    """Closes a model: global average pooling, dropout, dense layers where asked, and the probabilities.

    Args:
        features: the last feature map, shape ``(batch, height, width, channels)``.
        config: a resolved configuration, which says the classes, the dropout before each dense layer, and the units of
            the dense layers before the last.
        seeds: gives the layers their seeds.

    Returns:
        The probabilities, shape ``(batch, classes)``, float32.
    """
    x = keras.layers.GlobalAveragePooling2D(name="average_pooling")(features)
    return classification_layers(x, config, seeds)


def classification_layers(features: Any, config: ModelConfig, seeds: Seeds) -> Any:
    """Closes a model whose features are pooled, shape ``(batch, features)``; else as `classification_head`."""
    x = features
    for index, units in enumerate(config.head, start=1):
        x = keras.layers.Dropout(config.dropout, seed=seeds(), name=f"head_{index}_dropout")(x)
        kernel = keras.initializers.HeNormal(seed=seeds())
        x = keras.layers.Dense(units, activation="relu", kernel_initializer=kernel, name=f"head_{index}")(x)
    x = keras.layers.Dropout(config.dropout, seed=seeds(), name="dropout")(x)
    kernel = keras.initializers.GlorotUniform(seed=seeds())
    return ClassProbabilities(config.classes, kernel_initializer=kernel, name="probabilities")(x)


class Network:
    """A Keras model of this package behind the interface that prediction uses for every kind of model.

    Args:
        model: a model built by `braintumor_tf.models.build`.

    Attributes:
        classes: class names in the order of the probabilities.
        image_size: ``(height, width)`` that images are best read at.
        channels: 1 if the model learns from grey images, 3 for RGB.
        crop: what images are cut down to before they are resized, or None; it is kept in the model.

    Raises:
        ModelError: the model was not built here, so its classes are not known.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.classes: tuple[str, ...] = _only(model, ClassProbabilities).class_names
        size = _only(model, FitSize)
        self.image_size: tuple[int, int] = (size.height, size.width)
        self.crop: str | None = size.crop
        self.channels: int = _only(model, SelectChannels).channels

    def predict_images(self, images: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities, float32 of shape ``(images, classes)``, of images as `check_images` accepts them.

        They are taken to be cut down to `crop` already.
        """
        check_images(images)
        return self.model.predict(np.asarray(images, "float32"), batch_size=batch_size, verbose=0)


def load_network(path: str | Path) -> keras.Model:
    """Loads a ``model.keras`` in Keras's safe mode, which runs no code from the file.

    Raises:
        ModelError: the file is damaged, holds a lambda or an unknown layer, or was not built by this package.
    """
    layers = {layer.__name__: layer for layer in OWN_LAYERS}
    try:
        model = keras.saving.load_model(path, custom_objects=layers, safe_mode=True, compile=False)
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


def as_predictor(model: keras.Model | Predictor) -> Predictor:
    """Returns the predictor that a model is, or for a Keras model of this package the `Network` around it."""
    return Network(model) if isinstance(model, keras.Model) else model


def _only(model: keras.Model, kind: type) -> Any:
    found = [layer for layer in model.layers if isinstance(layer, kind)]
    if len(found) != 1:
        raise ModelError(f"model {model.name!r} has no {kind.__name__} layer; build it with braintumor_tf.models.build")
    return found[0]
