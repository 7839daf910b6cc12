"""Compiled forward and backward passes, on TensorFlow by a gradient tape and on JAX by `jax.grad`.

Keras itself has no gradients that do not depend on its backend, so these are the lines of this package that do. A
function compiled here refers to the variables of a model and not to their values: weights that change later count.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from braintumor_tf.errors import ExplanationError

Tensor = Any
"""A tensor of the backend that Keras runs on, or a list of them."""

Forward = Callable[[np.ndarray], np.ndarray | list[np.ndarray]]
"""From a batch of images to the outputs of a model: one array, or a list of arrays."""

Gradients = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From a batch of images and the class of each to a layer's output and the gradient by it."""


def compile_forward(
    model: keras.Model, shape: tuple[int, ...], finish: Callable[[Tensor], Tensor] = lambda outputs: outputs
) -> Forward:
    """Compiles a forward pass in inference mode.

    Args:
        model: a model; it is kept alive by what is returned.
        shape: of a batch of images; the number of images may change later.
        finish: what is done with the outputs inside, in `keras.ops`.

    Returns:
        A function from a batch, float32, to the finished outputs as numpy arrays.
    """
    return _of_backend(_FORWARD)(model, shape, finish)


def compile_gradients(
    model: keras.Model, layer: keras.layers.Layer, close: keras.layers.Dense, shape: tuple[int, ...]
) -> Gradients:
    """Compiles one forward and backward pass for a batch.

    Args:
        model: returns the output of `layer` and the features that `close` is given.
        layer: the layer whose output the score is differentiated by.
        close: the dense layer whose product with its kernel, before softmax, is the score.
        shape: of a batch of images; the number of images may change later.

    Returns:
        A function from a batch, float32, and the class of each image, int32, to the layer's output and the gradient of
        each image's score by it, float32 of the same shape. A negative class stands for that with the highest score.

    Raises:
        ExplanationError: Keras runs on another backend than TensorFlow or JAX.
    """
    return _of_backend(_GRADIENTS)(model, layer, close, shape)


def _chosen_scores(features: Tensor, targets: Tensor, close: keras.layers.Dense) -> Tensor:
    """Returns the score before softmax of each image's target, shape ``(images,)``."""
    scores = keras.ops.matmul(keras.ops.cast(features, "float32"), close.kernel)
    if close.bias is not None:
        scores = scores + close.bias
    highest = keras.ops.cast(keras.ops.argmax(scores, axis=-1), "int32")
    chosen = keras.ops.where(targets < 0, highest, targets)
    return keras.ops.sum(scores * keras.ops.one_hot(chosen, scores.shape[-1]), axis=-1)


# === TensorFlow ===


def _tensorflow_forward(model: keras.Model, shape: tuple[int, ...], finish: Callable[[Tensor], Tensor]) -> Forward:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, *shape[1:]), tf.float32)])
    def forward(images: Tensor) -> Tensor:
        return finish(model(images, training=False))

    return lambda images: keras.tree.map_structure(lambda out: out.numpy(), forward(tf.constant(images)))


def _tensorflow_gradients(
    model: keras.Model, layer: keras.layers.Layer, close: keras.layers.Dense, shape: tuple[int, ...]
) -> Gradients:
    import tensorflow as tf

    @tf.function(
        input_signature=[tf.TensorSpec((None, *shape[1:]), tf.float32), tf.TensorSpec((None,), tf.int32)],
    )
    def backward(images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)  # what is inside is recorded only if something before it is watched
            maps, features = model(images, training=False)
            total = tf.reduce_sum(_chosen_scores(features, targets, close))
        return tf.cast(maps, tf.float32), tf.cast(tape.gradient(total, maps), tf.float32)

    def run(images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        maps, gradients = backward(tf.constant(images), tf.constant(targets))
        return maps.numpy(), gradients.numpy()

    return run


# === JAX ===


def _jax_forward(model: keras.Model, shape: tuple[int, ...], finish: Callable[[Tensor], Tensor]) -> Forward:
    import jax

    @jax.jit
    def forward(trainable: list[Tensor], others: list[Tensor], images: Tensor) -> Tensor:
        return finish(model.stateless_call(trainable, others, images, training=False)[0])

    def run(images: np.ndarray) -> np.ndarray | list[np.ndarray]:
        found = forward(*_state(model), _padded(images))
        return keras.tree.map_structure(lambda out: np.asarray(out)[: len(images)], found)

    return run


def _jax_gradients(
    model: keras.Model, layer: keras.layers.Layer, close: keras.layers.Dense, shape: tuple[int, ...]
) -> Gradients:
    import jax

    def score(
        change: Tensor,
        trainable: list[Tensor],
        others: list[Tensor],
        weights: list[Tensor],
        images: Tensor,
        targets: Tensor,
    ) -> tuple[Tensor, Tensor]:
        scope = keras.StatelessScope(state_mapping=list(zip(close.variables, weights)))
        with _changed_output(layer, change):
            (maps, features), _ = model.stateless_call(trainable, others, images, training=False)
        with scope:
            return keras.ops.sum(_chosen_scores(features, targets, close)), maps

    @jax.jit
    def backward(
        trainable: list[Tensor], others: list[Tensor], weights: list[Tensor], images: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        change = jax.numpy.zeros((len(images), *layer.output.shape[1:]), layer.compute_dtype)
        gradients, maps = jax.grad(score, has_aux=True)(change, trainable, others, weights, images, targets)
        return maps.astype("float32"), gradients.astype("float32")

    def run(images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights = [variable.value for variable in close.variables]
        found = backward(*_state(model), weights, _padded(images), _padded(targets))
        return np.asarray(found[0])[: len(images)], np.asarray(found[1])[: len(images)]

    return run


@contextlib.contextmanager
def _changed_output(layer: keras.layers.Layer, change: Tensor) -> Iterator[None]:
    """Adds a change to what a layer returns, so that JAX can differentiate by it; only while it is traced."""
    call = layer.call
    object.__setattr__(layer, "call", lambda *args, **kwargs: call(*args, **kwargs) + change)
    try:
        yield
    finally:
        object.__delattr__(layer, "call")


def _state(model: keras.Model) -> tuple[list[Tensor], list[Tensor]]:
    return (
        [variable.value for variable in model.trainable_variables],
        [variable.value for variable in model.non_trainable_variables],
    )


def _padded(batch: np.ndarray) -> np.ndarray:
    """Repeats the first row up to a power of two rows: JAX compiles anew for each length."""
    length = 1 << (len(batch) - 1).bit_length()
    return np.concatenate([batch, np.repeat(batch[:1], length - len(batch), axis=0)])


_FORWARD = {"tensorflow": _tensorflow_forward, "jax": _jax_forward}
_GRADIENTS = {"tensorflow": _tensorflow_gradients, "jax": _jax_gradients}


def _of_backend(functions: dict[str, Callable]) -> Callable:
    backend = keras.backend.backend()
    if backend not in functions:
        raise ExplanationError(
            f"Keras runs on {backend}; explanations are computed on {' or '.join(functions)}, set KERAS_BACKEND"
        )
    return functions[backend]
