"""What TensorFlow's `MirroredStrategy` needs so that several devices of one host train as one would.

Keras's `fit` runs under the strategy as it is, but three sums are then taken over each device's images alone. They are
taken over the whole batch here:

- gradients are clipped, and looked through for overflow, before Keras adds up those of the devices;
- the loss is averaged on each device and the averages are averaged, which is not the mean of the batch where the
  devices have unequal numbers of images;
- batch normalisation uses each device's own mean and variance.

Without a strategy of several devices everything here leaves things as they are. It needs TensorFlow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras


def mirrored_scope(names: Sequence[str]) -> contextlib.AbstractContextManager[Any]:
    """Returns the scope of a `MirroredStrategy` over devices named as ``"gpu:0"``."""
    import tensorflow as tf

    on_processors = all(name.startswith("cpu:") for name in names)
    reduction = tf.distribute.ReductionToOneDevice() if on_processors else None  # NCCL is for GPUs
    return tf.distribute.MirroredStrategy([f"/{name}" for name in names], cross_device_ops=reduction).scope()


def replicas() -> int:
    """Returns on how many devices the open strategy trains; 1 without one and on other backends."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def lies_on_replicas(model: keras.Model) -> bool:
    """Whether the model's weights were made under the strategy that is open now, if any."""
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    return all(strategy.extended.variable_created_in_scope(weight.value) for weight in model.weights)


def over_replicas(kind: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """Returns a class of optimizers that adds up the gradients of all devices before it does anything with them.

    The gradient of the whole batch is divided by the number of devices, because Keras adds up once more at the end;
    the norm that it is clipped to is divided likewise.

    Args:
        kind: a class of Keras's optimizers, `keras.optimizers.LossScaleOptimizer` among them.

    Returns:
        A subclass, or `kind` itself on one device.
    """
    count = replicas()
    if count == 1:
        return kind
    import tensorflow as tf

    class OverReplicas(kind):
        """The optimizer, given gradients of the whole batch."""

        def __init__(self, *args: Any, global_clipnorm: float | None = None, **kwargs: Any):
            if global_clipnorm is not None:
                kwargs["global_clipnorm"] = global_clipnorm / count
            super().__init__(*args, **kwargs)

        def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
            """Adds up the gradients of all devices and applies them."""
            summed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, list(grads))
            super().apply([gradient / count for gradient in summed], trainable_variables)

    return OverReplicas


def cross_entropy(label_smoothing: float) -> keras.losses.Loss:
    """Returns the cross-entropy, averaged over the images of all devices whatever each one's number, 0 included."""
    if replicas() == 1:
        return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    import tensorflow as tf

    class OverReplicas(keras.losses.CategoricalCrossentropy):
        """Its value is that of this device's images, which Keras weighs right; its gradient is weighed here."""

        def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            loss = super().__call__(y_true, y_pred, sample_weight)
            context = tf.distribute.get_replica_context()
            if context is None:  # Keras tries the model out before training
                return loss
            images = tf.cast(tf.shape(y_pred)[0], loss.dtype)
            loss = tf.where(images > 0, loss, 0.0)
            share = images * context.num_replicas_in_sync / context.all_reduce(tf.distribute.ReduceOp.SUM, images)
            value = tf.stop_gradient(loss)
            return value + share * (loss - value)

    return OverReplicas(label_smoothing=label_smoothing)


@contextlib.contextmanager
def synchronised(model: keras.Model, *, wanted: bool = True) -> Iterator[None]:
    """Lets batch normalisation use the statistics of all devices while the block runs; one device is left as it is.

    Args:
        model: the model.
        wanted: False for the opposite, such as to save the model as one device would.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [layer.synchronized for layer in layers]
    if replicas() > 1:
        for layer in layers:
            layer.synchronized = wanted
    try:
        yield
    finally:
        for layer, setting in zip(layers, before, strict=True):
            layer.synchronized = setting
