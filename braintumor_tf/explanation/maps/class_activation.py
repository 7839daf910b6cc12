"""Grad-CAM and Grad-CAM++: what a feature map contributes to the score of a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from braintumor_tf.explanation.gradients import compile_gradients
from braintumor_tf.explanation.images import in_image_coordinates, scaled
from braintumor_tf.explanation.subject import Subject, probability_layer


def grad_cam(
    subject: Subject,
    images: Sequence[np.ndarray],
    targets: Sequence[int | None],
    *,
    layer: str | None = None,
) -> list[np.ndarray]:
    """Computes Grad-CAM for a batch in one forward and one backward pass; `explain` documents the arguments."""
    return _class_maps(subject, images, targets, layer, grad_cam_weights)


def grad_cam_plus_plus(
    subject: Subject,
    images: Sequence[np.ndarray],
    targets: Sequence[int | None],
    *,
    layer: str | None = None,
) -> list[np.ndarray]:
    """Computes Grad-CAM++ for a batch in one forward and one backward pass; `explain` documents the arguments."""
    return _class_maps(subject, images, targets, layer, grad_cam_plus_plus_weights)


def grad_cam_weights(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Returns the weight of each channel: the mean of its gradient (Selvaraju et al., 2017, equation 1).

    Args:
        maps: the feature map, shape ``(images, rows, columns, channels)``; it does not matter here.
        gradients: of the score before softmax by it, of the same shape.

    Returns:
        Shape ``(images, channels)``.

    Example:
        >>> grad_cam_weights(np.ones((1, 1, 2, 1)), np.array([1.0, 3.0]).reshape(1, 1, 2, 1)).tolist()
        [[2.0]]
    """
    return gradients.mean(axis=(1, 2), dtype=np.float64)


def grad_cam_plus_plus_weights(maps: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Returns the weight of each channel (Chattopadhay et al., 2018, equations 10 to 19).

    The class score is the exponential of the one before softmax, as in the paper, for which all higher derivatives are
    powers of the first; its own value only scales the map.

    Args:
        maps: the feature map, shape ``(images, rows, columns, channels)``.
        gradients: of the score before softmax by it, of the same shape.

    Returns:
        Shape ``(images, channels)``.
    """
    gradients = gradients.astype(np.float64)
    sums = maps.sum(axis=(1, 2), keepdims=True, dtype=np.float64)
    below = 2.0 * gradients**2 + sums * gradients**3
    shares = np.divide(gradients**2, below, out=np.zeros_like(below), where=below != 0)
    return (shares * np.maximum(gradients, 0.0)).sum(axis=(1, 2))


def _class_maps(
    subject: Subject,
    images: Sequence[np.ndarray],
    targets: Sequence[int | None],
    layer: str | None,
    weigh: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> list[np.ndarray]:
    maps, gradients = _maps_and_gradients(subject, images, targets, layer)
    coarse = np.einsum("nijk,nk->nij", maps, weigh(maps, gradients).astype(np.float32))
    coarse = np.maximum(coarse, 0.0)
    return [scaled(in_image_coordinates(one, image.shape)) for one, image in zip(coarse, images)]


def _maps_and_gradients(
    subject: Subject, images: Sequence[np.ndarray], targets: Sequence[int | None], name: str | None
) -> tuple[np.ndarray, np.ndarray]:
    network = subject.network
    layer, close = subject.layer(name), probability_layer(network)
    fitted = subject.fit(images)

    def make() -> Callable:
        part = keras.Model(network.inputs[0], [layer.output, close.input])
        return compile_gradients(part, layer, close, fitted.shape)

    asked = np.array([-1 if target is None else target for target in targets], np.int32)
    return subject.compiled(("gradients", layer.name), make)(fitted, asked)
