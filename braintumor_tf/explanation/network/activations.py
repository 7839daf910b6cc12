"""Layer activations: what each layer of a network makes of an image, by a sub-model of its layers."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.gradients import Tensor, compile_forward
from braintumor_tf.explanation.images import GivenImages, Images
from braintumor_tf.explanation.subject import Model, Subject, find_layer

ALL = "all"
"""What `layer_activations` calls every layer."""


def convolution_layers(model: Model) -> list[str]:
    """Returns the names of a network's convolutions (depthwise ones, too), from the image to the head.

    Args:
        model: a network, built or loaded, a run, or its directory.

    Raises:
        ExplanationError: the model is no network of layers.

    Example:
        >>> from braintumor_tf.models import build
        >>> convolution_layers(build("CNN"))[0]
        'block_1_convolution_1'
    """
    return _convolutions(_network(Subject(model)))


def layer_activations(
    model: Model, images: Images, *, layers: str | Sequence[str] | None = None, batch_size: int = 16
) -> dict[str, np.ndarray]:
    """Computes the outputs of layers, the model's own preprocessing included.

    Args:
        model: a network, built or loaded, a run, or its directory.
        images: as `explain` takes them.
        layers: names of layers; None for the first, the middle and the last convolution; ``"all"`` for every layer
            after the input, which for a large network takes hundreds of megabytes an image.
        batch_size: images that the model takes at once.

    Returns:
        For each layer in the order asked for, float32 of shape ``(images, ...)``; a feature map is
        ``(images, rows, columns, channels)`` whatever the size of the images. Of an attention layer it is the attended
        tokens; `attention_maps` has its scores.

    Raises:
        ExplanationError: a layer is unknown, or the model is no network of layers; the text lists the valid names.
        ImageInputError: an image does not fit the input contract.

    Example:
        >>> from braintumor_tf.models import build
        >>> pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 50))
        >>> layer_activations(build("CNN", image_size=64), pixels, layers="block_1_relu_1")["block_1_relu_1"].shape
        (2, 32, 32, 24)
    """
    subject = Subject(model)
    network = _network(subject)
    chosen = _chosen(subject, network, layers)
    if batch_size < 1:
        raise ExplanationError(f"batch size {batch_size!r} is not positive; give 1 or more")
    outputs = [_first(network.get_layer(name).output) for name in chosen]
    given = GivenImages(images, grey=subject.grey, crop=subject.crop)
    found: list[list[np.ndarray]] = []
    for start in range(0, len(given), batch_size):
        fitted = subject.fit(given.read(start, batch_size))
        forward = subject.compiled(
            ("activations", *chosen),
            lambda shape=fitted.shape: compile_forward(keras.Model(network.inputs[0], outputs), shape, _as_list),
        )
        found.append(forward(fitted))
    pieces = zip(*found)
    return {name: np.concatenate(piece).astype(np.float32) for name, piece in zip(chosen, pieces)}


def _network(subject: Subject) -> keras.Model:
    if subject.network is None:
        raise ExplanationError(f"{subject.name} has no layers to look at; choose a network, or explain it by occlusion")
    return subject.network


def _convolutions(network: keras.Model) -> list[str]:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    return [layer.name for layer in network.layers if isinstance(layer, kinds)]


def _chosen(subject: Subject, network: keras.Model, layers: str | Sequence[str] | None) -> list[str]:
    valid = {layer.name: layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)}
    if layers is None:
        names = _convolutions(network)
        if not names:
            raise ExplanationError(f"{subject.name} has no convolution; choose layers of {', '.join(valid)}")
        return list(dict.fromkeys([names[0], names[len(names) // 2], names[-1]]))
    if isinstance(layers, str):
        layers = list(valid) if layers == ALL else [layers]
    if not len(layers):
        raise ExplanationError(f"no layer was asked for; choose layers of {', '.join(valid)}")
    return list(dict.fromkeys(find_layer(valid, name, subject.name, "an output").name for name in layers))


def _first(output: Tensor | Sequence[Tensor]) -> Tensor:
    return output[0] if isinstance(output, (list, tuple)) else output


def _as_list(outputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
