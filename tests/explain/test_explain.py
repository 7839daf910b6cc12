"""`explain`: Grad-CAM against hand-worked maps, what it accepts, what it leaves alone, every row of the model table."""

from __future__ import annotations

import gc
import weakref

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

import braintumor_tf
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import RunError
from braintumor_tf.explain import METHODS, ExplanationError, explain, layer_activations, subject
from braintumor_tf.explain.compiled import compile_gradients
from braintumor_tf.explain.grad_cam import grad_cam_plus_plus_weights
from braintumor_tf.explain.images import in_image_coordinates
from braintumor_tf.explain.methods import methods_for
from braintumor_tf.explain.subject import _COMPILED, Subject
from braintumor_tf.models import MODELS, ImageInputError, build, load_model
from braintumor_tf.training.callbacks import save_network
from tests.explain.handmade import KERNEL, pixel_network
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


# === What it accepts ===


@pytest.mark.parametrize("method", methods_for("convolution"))
def test_maps_do_not_depend_on_batches(network, method):
    together = explain(network, IMAGES, method=method)
    assert together.shape == IMAGES.shape and together.dtype == np.float32
    np.testing.assert_allclose(together.max(axis=(1, 2)), 1)
    assert together.min() >= 0
    np.testing.assert_allclose(explain(network, IMAGES, method=method, batch_size=2), together, atol=1e-4)
    alone = np.concatenate([explain(network, image, method=method) for image in IMAGES])
    np.testing.assert_allclose(alone, together, atol=1e-4)


def test_grey_is_rgb_and_integers_are_floats(network):
    expected = explain(network, IMAGES)
    rgb = np.repeat(IMAGES[..., None], 3, axis=-1)
    for same in (IMAGES.astype(np.float64), IMAGES.astype(np.int32), IMAGES[..., None], list(IMAGES)):
        np.testing.assert_array_equal(explain(network, same), expected)
    np.testing.assert_allclose(explain(network, rgb), expected, atol=1e-4)
    np.testing.assert_allclose(explain(network, rgb[0]), expected[:1], atol=1e-4)


def test_images_of_different_sizes_modes_and_sources_are_explained_as_alone(network, tmp_path):
    Image.fromarray(IMAGES[0]).save(tmp_path / "grey.png")
    Image.fromarray(GENERATOR.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "colour.png")
    mixed = [str(tmp_path / "grey.png"), IMAGES[1][:30], tmp_path / "colour.png", Image.fromarray(IMAGES[2])]
    found = explain(network, mixed, batch_size=3)
    assert [one.shape for one in found] == [(40, 50), (30, 50), (20, 30), (40, 50)]
    for one, image in zip(found, mixed):
        np.testing.assert_allclose(explain(network, [image])[0], one, atol=1e-4)
    np.testing.assert_array_equal(explain(network, tmp_path / "grey.png"), explain(network, IMAGES[0]))
    paths = np.array([str(tmp_path / "grey.png")])
    palette = Image.fromarray(IMAGES[0]).convert("P")
    for same in (paths, pd.Series(paths), palette, [palette]):
        np.testing.assert_array_equal(explain(network, same), explain(network, IMAGES[0]))


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGES / 255.0, "0-1"),
        ([IMAGES[0], IMAGES[1] / 255.0], "image 1.*0-1"),
        ([IMAGES[0], np.zeros((4, 5, 4))], "image 1.*channels"),
        ([IMAGES[0], np.zeros(4)], "image 1.*height, width"),
        (np.zeros((1, 8, 8, 4)), "channels"),
    ],
)
def test_images_that_do_not_fit_are_refused_by_name(network, images, words):
    with pytest.raises(ImageInputError, match=words):
        explain(network, images)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "gradcam"}, "'gradcam'.*grad_cam, grad_cam_plus_plus, occlusion, random"),
        ({"method": "attention_rollout"}, "does not fit.*grad_cam, grad_cam_plus_plus, occlusion, random"),
        ({"layer": "block_1_convolutoin_1"}, "did you mean block_1_convolution_1.*block_2_relu_1"),
        ({"layer": "average_pooling"}, "feature map"),
        ({"method": "occlusion", "layer": "block_1_relu_1"}, "choose one of grad_cam"),
        ({"sigma": 2}, "no option sigma"),
        ({"method": "random", "sigma": 2}, "has seed, grid"),
        ({"method": "random", "grid": 0}, "grid"),
        ({"target": "cat"}, "'cat'.*glioma, meningioma, no_tumor, pituitary"),
        ({"target": 4}, "0 to 3"),
        ({"target": True}, "True"),
        ({"target": ["glioma"]}, "1 targets for 5 images"),
        ({"batch_size": 0}, "batch size"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_what_can(network, settings, words):
    with pytest.raises(ExplanationError, match=words) as raised:
        explain(network, IMAGES, **settings)
    assert "\n" not in str(raised.value)


def test_no_image_and_no_model_are_refused(network, tmp_path):
    with pytest.raises(ExplanationError, match="no image"):
        explain(network, [])
    with pytest.raises(ExplanationError, match="dict is no model"):
        explain({}, IMAGES)
    with pytest.raises(RunError, match="not a run"):
        explain(tmp_path, IMAGES)


def test_broken_weights_are_named(handmade):
    model = pixel_network()
    model.get_layer("features").set_weights([np.full((1, 1, 1, 2), np.nan), np.zeros(2)])
    with pytest.raises(ExplanationError, match="NaN"):
        explain(model, PIXELS)


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


def test_the_random_map_is_repeatable_and_the_methods_say_that_it_is_a_reference(network):
    one = explain(network, IMAGES, method="random")
    np.testing.assert_array_equal(explain(network, IMAGES[1:], method="random"), one[1:])
    assert np.abs(one[0] - one[1]).max() > 0.3
    assert np.abs(explain(network, IMAGES, method="random", seed=1) - one).max() > 0.3
    assert [name for name, method in METHODS.items() if method.reference] == ["random"]


def test_the_stage_can_be_called(handmade):
    np.testing.assert_array_equal(braintumor_tf.explain(handmade, PIXELS), explain(handmade, PIXELS))


# === Every row of the table ===


@pytest.mark.parametrize("name", [name for name in MODELS if name != "PCA"])
def test_every_network_of_the_table_is_explained(name):
    model = build(name, image_size=64, seed=0)
    tf.config.run_functions_eagerly(True)  # tracing a large network once takes longer than running it once
    try:
        heat = explain(model, IMAGES[:1])
        assert heat.shape == (1, 40, 50) and heat.max() == 1 and np.ptp(heat) > 0
        with pytest.raises(ExplanationError, match="attention_rollout|grad_cam"):
            explain(model, IMAGES[:1], method="saliency")
    finally:
        tf.config.run_functions_eagerly(False)
    last = {"Eff": "top_activation", "Mob": "out_relu", "CNN": "block_5_relu_1", "ViT": "patches"}
    assert Subject(model).layer(None).name == last[name[:3]]


@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV2-0.35", "ViT-Ti/16"])
def test_a_reloaded_network_is_explained_alike(name, tmp_path):
    model = build(name, classes=CLASSES, image_size=64, seed=0)
    save_network(model, tmp_path / "model.keras")
    expected = explain(model, IMAGES)
    np.testing.assert_allclose(explain(load_model(tmp_path / "model.keras"), IMAGES), expected, atol=1e-5)
