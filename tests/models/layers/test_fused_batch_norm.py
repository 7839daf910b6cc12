"""The fused batch normalisation is Keras's, but for the time it takes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from braintumor_tf.models import build, load_model
from braintumor_tf.models.layers.fused_batch_norm import FusedBatchNormalization
from braintumor_tf.training.callbacks import save_network


def both(dtype: str = "float32", **settings) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    """Keras's layer and ours with the same weights, none of them those of a new layer."""
    generator = np.random.default_rng(0)
    layers = tuple(
        kind(momentum=0.8, epsilon=1e-2, dtype=dtype, **settings)
        for kind in (keras.layers.BatchNormalization, FusedBatchNormalization)
    )
    for layer in layers:
        layer.build((None, None, None, 3))
    weights = [generator.uniform(0.5, 2.0, weight.shape) for weight in layers[0].weights]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def run(layer: keras.layers.Layer, images: np.ndarray, training: bool) -> list[np.ndarray]:
    """Outputs, gradients of images and of weights, statistics afterwards."""
    given = tf.constant(images)
    pull = tf.constant(np.random.default_rng(1).normal(size=images.shape).astype("float32"))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = layer(given, training=training)
            score = tf.reduce_sum(tf.cast(outputs, "float32") * pull)
        sources = [given, *(weight.value for weight in layer.trainable_variables)]
        return outputs, *tape.gradient(score, sources)

    return [np.asarray(value, "float32") for value in (*step(), *layer.non_trainable_variables)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("shape", [(4, 6, 5, 3), (2, 1, 1, 3), (1, 1, 1, 3), (33, 3, 8, 3)])
def test_outputs_gradients_and_statistics_are_those_of_keras(shape, trainable, training):
    images = np.random.default_rng(2).normal(3, 5, shape).astype("float32")
    found = []
    for layer in both():
        layer.trainable = trainable
        found.append(run(layer, images, training))
    for expected, value in zip(*found, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_in_half_precision_weights_and_statistics_stay_float32(policy):
    images = np.random.default_rng(2).normal(3, 5, (8, 6, 5, 3)).astype("float32")
    found = []
    for layer in both(policy):
        outputs = layer(images, training=True)
        assert outputs.dtype == layer.compute_dtype and layer.moving_mean.dtype == "float32"
        found.append([np.asarray(value, "float32") for value in (outputs, *layer.non_trainable_variables)])
    for expected, value in zip(*found, strict=True):
        np.testing.assert_allclose(value, expected, rtol=0.02, atol=0.02)


def test_the_kernel_is_used_and_what_it_cannot_do_goes_the_way_of_keras(monkeypatch):
    calls = []
    kernel = tf.raw_ops.FusedBatchNormV3
    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", lambda **given: calls.append(1) or kernel(**given))
    images = np.random.default_rng(2).normal(3, 5, (4, 6, 5, 3)).astype("float32")
    others = [{"scale": False}, {"center": False}, {"axis": 1}]
    for settings in others:
        FusedBatchNormalization(**settings)(images, training=True)
    FusedBatchNormalization()(images[:, 0, 0], training=True)
    layer = FusedBatchNormalization()
    layer(images, training=True, mask=np.ones(images.shape[:3], bool))
    layer.synchronized = True
    layer(images, training=True)
    assert not calls
    layer.synchronized = False
    layer(images, training=True)
    assert calls


@pytest.mark.parametrize("name", ["CNN", "MobileNetV2-0.35", "EfficientNetB0"])
def test_models_are_built_with_it_and_keep_it_in_their_file(name, tmp_path):
    model = build(name, image_size=32, seed=0)
    save_network(model, tmp_path / "model.keras")
    for one in (model, load_model(tmp_path / "model.keras")):
        found = [layer for layer in one.layers if isinstance(layer, keras.layers.BatchNormalization)]
        assert len(found) > 5 and all(type(layer) is FusedBatchNormalization for layer in found)
