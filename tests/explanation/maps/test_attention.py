"""Attention of a vision transformer: rollout against plain loops, the grid's orientation, heads and blocks apart."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.explanation import ExplanationError, attention_maps, explain
from braintumor_tf.explanation import explain as heat_maps
from braintumor_tf.explanation.images import in_image_coordinates
from braintumor_tf.explanation.maps.attention import rollout
from braintumor_tf.models.architectures.vit import attention_model, build_vit
from braintumor_tf.types import ModelConfig
from tests.training.toy import small_cnn

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (5, 40, 50), dtype=np.uint8)
FITTED = GENERATOR.integers(0, 256, (3, 32, 48, 3)).astype("float32")


def tiny(depth: int = 2) -> keras.Model:
    config = ModelConfig(model="ViT-tiny", classes=CLASSES, image_size=(32, 48), dropout=0.1, seed=0)
    return build_vit(config, width=16, depth=depth, heads=4)


@pytest.fixture(scope="module")
def transformer():
    """A transformer whose attention is far from uniform."""
    model = tiny()
    for layer in model.layers:
        if isinstance(layer, keras.layers.MultiHeadAttention):
            layer.set_weights([weight * 60 for weight in layer.get_weights()])
    return model


def scores_of(model: keras.Model) -> np.ndarray:
    return np.stack([keras.ops.convert_to_numpy(score) for score in attention_model(model)(FITTED)], axis=1)


def rollout_by_loops(attention: np.ndarray) -> np.ndarray:
    reached = np.eye(attention.shape[-1])
    for block in attention:
        mixed = 0.5 * block + 0.5 * np.eye(len(block))
        mixed = mixed / mixed.sum(axis=1)[:, None]
        following = np.zeros_like(reached)
        for row, middle in np.ndindex(*mixed.shape):
            following[row] += mixed[row, middle] * reached[middle]
        reached = following
    return reached


@pytest.mark.parametrize("fusion", ["mean", "min", "max"])
def test_rollout_is_what_plain_loops_compute(transformer, fusion):
    fused = getattr(scores_of(transformer).astype(float), fusion)(axis=2)
    shares = fused / fused.sum(axis=-1, keepdims=True)
    heat = explain(transformer, FITTED, head_fusion=fusion)
    for image in range(len(FITTED)):
        expected = in_image_coordinates(rollout_by_loops(shares[image])[0, 1:].reshape(2, 3), (32, 48))
        np.testing.assert_allclose(heat[image], expected / expected.max(), atol=1e-5)


def test_rows_of_a_rollout_add_up_to_1():
    attention = GENERATOR.random((2, 3, 7, 7))
    for ratio in (0.0, 0.5, 0.99):
        reached = rollout(attention, discard_ratio=ratio)
        np.testing.assert_allclose(reached.sum(axis=-1), 1)
        assert reached.min() >= 0
    assert np.abs(rollout(attention, discard_ratio=0.5) - rollout(attention)).max() > 0.01
    shares = attention / attention.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(rollout(attention)[1], rollout_by_loops(shares[1]))


def test_discarding_leaves_the_strongest():
    attention = np.full((1, 1, 4, 4), 0.1)
    attention[0, 0, :, 2] = 0.7
    reached = rollout(attention, discard_ratio=0.75)
    np.testing.assert_allclose(reached[0, 0], [0.5, 0, 0.5, 0])


def test_without_attention_to_others_nothing_reaches_the_class_token():
    reached = rollout(np.eye(5)[None, None].repeat(12, axis=1))
    np.testing.assert_allclose(reached[0], np.eye(5))


def reads_brightness(model: keras.Model) -> None:
    """Sets the weights so that every token attends to bright patches; dark and bright differ in the first feature."""
    kernel = np.zeros((16, 16, 3, 16), "float32")
    kernel[..., 0] = 10 / kernel[..., 0].size
    model.get_layer("patches").set_weights([kernel, np.zeros(16)])
    model.get_layer("positions").set_weights([np.zeros(shape) for shape in ((1, 1, 16), (1, 7, 16))])
    attention = model.get_layer("block_1_attention")
    weights = [np.zeros(weight.shape) for weight in attention.weights]
    names = [weight.path.split("/", 1)[1] for weight in attention.weights]
    weights[names.index("query/bias")][:] = 1
    weights[names.index("key/kernel")][0] = 1
    attention.set_weights(weights)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 2), (1, 1)])
def test_the_bright_patch_is_found_in_the_images_own_coordinates(row, column):
    model = tiny(depth=1)
    reads_brightness(model)
    image = np.zeros((60, 120), np.uint8)
    image[30 * row : 30 * row + 30, 40 * column : 40 * column + 40] = 255
    maps = attention_maps(model, image)
    assert maps.shape == (1, 1, 4, 2, 3)
    assert np.unravel_index(maps[0, 0, 0].argmax(), (2, 3)) == (row, column)
    heat = explain(model, image)[0]
    assert heat.shape == (60, 120) and heat[image > 0].mean() > 2 * heat[image == 0].mean()
    place = np.unravel_index(heat.argmax(), heat.shape)
    assert image[place] == 255


def test_attention_maps_are_the_class_tokens_rows(transformer):
    found = attention_maps(transformer, FITTED)
    assert found.shape == (3, 2, 4, 2, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, scores_of(transformer)[..., 0, 1:].reshape(3, 2, 4, 2, 3), atol=1e-5)
    np.testing.assert_allclose(attention_maps(transformer, FITTED, batch_size=2), found, atol=1e-5)


@pytest.mark.parametrize("method", [None, "occlusion", "random"])
def test_maps_do_not_depend_on_batches(transformer, method):
    explain = functools.partial(heat_maps, **({"patch": 0.25} if method == "occlusion" else {}))
    together = explain(transformer, IMAGES, method=method)
    assert together.shape == IMAGES.shape
    alone = np.concatenate([explain(transformer, image, method=method) for image in IMAGES])
    np.testing.assert_allclose(alone, together, atol=1e-4)
    np.testing.assert_allclose(explain(transformer, IMAGES, method=method, batch_size=2), together, atol=1e-4)
    np.testing.assert_array_equal(explain(transformer, IMAGES.astype(float), method=method), together)


def test_what_does_not_fit_is_named(transformer):
    with pytest.raises(ExplanationError, match="does not fit ViT-tiny.*attention_rollout, occlusion, random"):
        explain(transformer, IMAGES, method="grad_cam")
    with pytest.raises(ExplanationError, match="mean, min, max"):
        explain(transformer, IMAGES, head_fusion="sum")
    with pytest.raises(ExplanationError, match="discard ratio"):
        explain(transformer, IMAGES, discard_ratio=1.0)
    with pytest.raises(ExplanationError, match="no attention.*grad_cam"):
        attention_maps(small_cnn(), IMAGES)
