"""Batch normalisation by TensorFlow's fused kernel, which Keras 3 no longer uses."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="braintumor_tf")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation, computed on TensorFlow in one kernel instead of some ten.

    Keras 3 composes it of moments, differences and products, which takes longer on processors. Arguments, weights,
    statistics and, but for rounding, results are those of `keras.layers.BatchNormalization`. What the kernel does not
    do is left to Keras: masks, statistics over several devices (``synchronized``), renormalisation, another number of
    axes, and other backends.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Returns normalised feature maps of the same shape, ``(batch, height, width, channels)``."""
        if mask is not None or not self._fits(inputs):
            return super().call(inputs, training=training, mask=mask)
        learning = bool(training and self.trainable)
        outputs, mean, variance = self._fused(inputs, learning)
        if learning:
            self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
            self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1.0 - self.momentum))
        return outputs

    def _fits(self, inputs: Any) -> bool:
        """Whether the fused kernel computes what this layer is asked for."""
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and not self.synchronized
            and not getattr(self, "renorm", False)
            and keras.backend.standardize_dtype(inputs.dtype) == self.compute_dtype != "float64"
        )

    def _fused(self, inputs: Any, learning: bool) -> tuple[Any, Any, Any]:
        """Returns outputs and, while learning, mean and variance of the batch (over all of its values, as Keras's)."""
        import tensorflow as tf

        gamma, beta, mean, variance = (
            tf.cast(tf.convert_to_tensor(weight), "float32")
            for weight in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        statistics = {"mean": [], "variance": []} if learning else {"mean": mean, "variance": variance}
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=gamma, offset=beta, epsilon=self.epsilon, is_training=learning, **statistics
        )
        if learning:
            count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), "float32")
            # the kernel's variance is the unbiased estimate, Keras's the plain mean of squares
            variance = variance * (ops.maximum(count - 1.0, 1.0) / count)
        return outputs, mean, variance


def with_fused_normalisation(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Copies a layer without its weights, a batch normalisation as the fused one: for `keras.models.clone_model`."""
    kind = FusedBatchNormalization if type(layer) is keras.layers.BatchNormalization else type(layer)
    return kind.from_config(layer.get_config())
