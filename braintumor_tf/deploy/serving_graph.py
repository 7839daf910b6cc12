"""From a network to a SavedModel with one input of fixed size, which every format is made from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import keras

from braintumor_tf.errors import ExportError
from braintumor_tf.models.exported.contract import FEATURES, IMAGE, PROBABILITIES
from braintumor_tf.models.network import Network
from braintumor_tf.training.frozen_features import split_at_features


def write_saved_model(network: Network, folder: Path, *, features: bool) -> None:
    """Writes the graph of a network as a SavedModel.

    Its input ``image`` is float32 of shape ``(images, height, width, channels)``, 0 to 255, in the network's own size
    and channels, so that neither is changed inside the graph. Its outputs are ``probabilities`` and, if asked for,
    ``features``, what the network gives after pooling. All of it computes in float32.

    Args:
        network: the network.
        folder: where to write to.
        features: whether the graph has the second output.

    Raises:
        ExportError: Keras runs on another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ExportError(f"Keras runs on {keras.backend.backend()}; export with KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    model = in_float32(network.model)
    outputs = {PROBABILITIES: model.output}
    if features:
        outputs[FEATURES] = split_at_features(model)[0].output
    served = keras.Model(model.input, outputs)
    image = tf.TensorSpec((None, *network.image_size, network.channels), tf.float32, name=IMAGE)
    archive = keras.export.ExportArchive()
    archive.track(served)
    archive.add_endpoint("serve", lambda image: served(image, training=False), input_signature=[image])
    archive.write_out(str(folder), verbose=False)


def computes_in_float32(model: keras.Model) -> bool:
    """Returns whether no layer of a flat model computes in half precision."""
    return all(layer.compute_dtype in ("float32", None) for layer in model.layers)


def in_float32(model: keras.Model) -> keras.Model:
    """Returns a network that was trained in half precision as one that computes in float32, with the same weights.

    Weights are float32 in both; converters and the processors of phones and servers do not know all kinds of half
    precision.

    Example:
        >>> from braintumor_tf.models import build
        >>> model = build("CNN", image_size=32)
        >>> in_float32(model) is model
        True
    """
    if computes_in_float32(model):
        return model
    text = json.dumps(keras.saving.serialize_keras_object(model))
    text = re.sub(r'"(mixed_)?b?float16"', '"float32"', text)
    found = keras.saving.deserialize_keras_object(json.loads(text))
    found.set_weights(model.get_weights())
    return found
