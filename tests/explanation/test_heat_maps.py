"""`explain`: Grad-CAM against hand-worked maps, coordinates, and what it leaves alone."""

from __future__ import annotations

import gc
import weakref

import keras
import numpy as np
import pytest

import braintumor_tf
from braintumor_tf.explanation import explain, layer_activations, subject
from braintumor_tf.explanation.gradients import compile_gradients
from braintumor_tf.explanation.images import in_image_coordinates
from braintumor_tf.explanation.maps.class_activation import grad_cam_plus_plus_weights
from braintumor_tf.explanation.subject import _COMPILED
from braintumor_tf.models import load_model
from braintumor_tf.training.callbacks import save_network
from tests.explanation.handmade import KERNEL, pixel_network
from tests.training.toy import small_cnn

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (5, 40, 50), dtype=np.uint8)
PIXELS = GENERATOR.integers(0, 256, (3, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    return small_cnn()


@pytest.fixture(scope="module")
def handmade():
    return pixel_network()


def by_hand(images: np.ndarray, target: int) -> np.ndarray:
    features = np.stack([images / 255, 1 - images / 255], axis=-1)
    heat = np.maximum(features @ KERNEL[:, target], 0)
    return heat / heat.max(axis=(1, 2), keepdims=True)


# === What Grad-CAM says ===


@pytest.mark.parametrize("target", [0, 1])
def test_grad_cam_of_a_linear_head_is_the_weighted_feature_map(handmade, target):
    np.testing.assert_allclose(explain(handmade, PIXELS, target=target), by_hand(PIXELS, target), atol=1e-5)


def test_the_score_is_taken_before_softmax(handmade):
    certain = pixel_network(sharpness=200.0)
    assert certain(PIXELS[..., None].astype("float32")).numpy().max(axis=1).min() == 1
    np.testing.assert_allclose(explain(certain, PIXELS, target=1), by_hand(PIXELS, 1), atol=1e-5)


def test_without_a_target_each_image_is_asked_about_its_own_prediction(handmade):
    images = np.stack([np.tile(np.linspace(low, low + 80, 8), (8, 1)) for low in (0, 170)])
    expected = np.stack([by_hand(images, target)[target] for target in (0, 1)])
    np.testing.assert_allclose(explain(handmade, images), expected, atol=1e-5)
    np.testing.assert_array_equal(explain(handmade, images, target=["dark", 1]), explain(handmade, images))
    assert np.abs(explain(handmade, images, target=["bright", None]) - expected)[0].max() > 0.1


def test_nothing_that_speaks_for_the_class_gives_an_empty_map(handmade):
    model = pixel_network()
    model.get_layer("probabilities").set_weights([-np.abs(KERNEL), np.zeros(2)])
    for method in ("grad_cam", "grad_cam_plus_plus"):
        assert not explain(model, PIXELS, method=method, target=1).any()


def test_grad_cam_plus_plus_is_the_papers_formula():
    maps, gradients = GENERATOR.random((2, 3, 4, 2)), GENERATOR.normal(size=(2, 3, 4, 2))
    gradients[0, 0, 0, 0] = 0
    expected = np.zeros((2, 2))
    for image, row, column, channel in np.ndindex(2, 3, 4, 2):
        g = gradients[image, row, column, channel]
        below = 2 * g**2 + maps[image, :, :, channel].sum() * g**3
        expected[image, channel] += (g**2 / below if below else 0.0) * max(g, 0.0)
    np.testing.assert_allclose(grad_cam_plus_plus_weights(maps, gradients), expected, rtol=1e-9)


def test_grad_cam_plus_plus_is_another_map_than_grad_cam(network):
    assert np.abs(explain(network, IMAGES) - explain(network, IMAGES, method="grad_cam_plus_plus")).max() > 0.05


@pytest.mark.parametrize(("name", "factor"), [("features", 3.0), ("twice", 1.0), ("sum", 1.0)])
def test_gradients_go_through_all_ways_from_the_layer_to_the_score(name, factor):
    model = pixel_network(skip=True)
    layer, close = model.get_layer(name), model.get_layer("probabilities")
    part = keras.Model(model.inputs[0], [layer.output, close.input])
    for trainable in (True, False):
        for one in model.layers:
            one.trainable = trainable
        backward = compile_gradients(part, layer, close, (None, 8, 8, 1))
        _, found = backward(PIXELS[..., None].astype("float32"), np.array([0, 1, 1], "int32"))
        expected = factor * KERNEL.T[[0, 1, 1]][:, None, None] / 64 * np.ones((3, 8, 8, 1))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


# === Coordinates ===


@pytest.mark.parametrize(("height", "width"), [(8, 8), (40, 24), (33, 71), (5, 6)])
def test_a_bright_corner_is_found_in_the_images_own_coordinates(handmade, height, width):
    image = np.zeros((height, width), np.uint8)
    image[: height // 2, width // 2 :] = 255
    heat = explain(handmade, image, target="bright")[0] - 1 / 6
    assert heat.shape == (height, width)
    rows, columns = np.mgrid[:height, :width] + 0.5
    middle = ((heat * rows).sum() / heat.sum() / height, (heat * columns).sum() / heat.sum() / width)
    expected = ((image * rows).sum() / image.sum() / height, (image * columns).sum() / image.sum() / width)
    np.testing.assert_allclose(middle, expected, atol=0.03)


def test_cells_are_stretched_over_their_part_of_the_image():
    coarse = np.zeros((4, 6), "float32")
    coarse[1, 4] = 1
    heat = in_image_coordinates(coarse, (40, 120, 3))
    assert heat.shape == (40, 120) and heat.dtype == np.float32
    rows, columns = np.mgrid[:40, :120] + 0.5
    np.testing.assert_allclose([(heat * rows).sum() / heat.sum(), (heat * columns).sum() / heat.sum()], [15, 90])
    np.testing.assert_array_equal(in_image_coordinates(np.full((2, 2), 3.0), (7, 5)), np.full((7, 5), 3, "float32"))


# === What it leaves alone ===


def test_any_layer_can_be_asked_and_the_model_is_left_as_it_was(network, tmp_path):
    before = network.to_json()
    nodes = [len(layer._inbound_nodes) for layer in network.layers]
    names = ("block_1_convolution_1", "block_1_pooling", "block_2_normalization_1")
    maps = [explain(network, IMAGES, layer=name) for name in names]
    assert all(np.abs(one - maps[0]).max() > 0.05 for one in maps[1:])
    assert network.to_json() == before
    assert [len(layer._inbound_nodes) for layer in network.layers] == nodes
    save_network(network, tmp_path / "model.keras")
    np.testing.assert_allclose(explain(load_model(tmp_path / "model.keras"), IMAGES), explain(network, IMAGES))


def test_changed_weights_change_the_map_without_compiling_again(handmade):
    model = pixel_network()
    first = explain(model, PIXELS, target=1)
    kept = dict(_COMPILED[model])
    model.get_layer("probabilities").set_weights([KERNEL[::-1], np.zeros(2)])
    assert np.abs(explain(model, PIXELS, target=1) - first).max() > 0.1
    assert dict(_COMPILED[model]) == kept


def test_images_of_many_sizes_need_one_compiled_function_which_goes_with_the_model():
    model = pixel_network()
    explain(model, [GENERATOR.integers(0, 256, (9 + number, 12)) for number in range(20)], batch_size=3)
    assert len(_COMPILED[model]) == 1
    for name in ("scale", "features"):
        explain(model, PIXELS, layer=name)
    assert len(_COMPILED[model]) == 2
    explain(model, PIXELS, method="occlusion", patch=0.5)
    layer_activations(model, PIXELS)
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


def test_only_so_many_compiled_functions_are_kept(network, monkeypatch):
    monkeypatch.setattr(subject, "KEPT_FUNCTIONS", 2)
    for layer in network.layers[3:8]:
        explain(network, IMAGES[:1], layer=layer.name)
    assert list(_COMPILED[network]) == [("gradients", layer.name) for layer in network.layers[6:8]]


def test_the_random_map_is_repeatable(network):
    one = explain(network, IMAGES, method="random")
    np.testing.assert_array_equal(explain(network, IMAGES[1:], method="random"), one[1:])
    assert np.abs(one[0] - one[1]).max() > 0.3
    assert np.abs(explain(network, IMAGES, method="random", seed=1) - one).max() > 0.3


def test_the_stage_can_be_called(handmade):
    np.testing.assert_array_equal(braintumor_tf.explain(handmade, PIXELS), explain(handmade, PIXELS))
