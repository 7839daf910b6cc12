"""What `explain` accepts: images of any sort in any batch; and how it answers to what it cannot do."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.errors import RunError
from braintumor_tf.explanation import ExplanationError, explain
from braintumor_tf.explanation.methods import methods_for
from braintumor_tf.explanation.subject import Subject
from braintumor_tf.models import ImageInputError
from braintumor_tf.models.layers import ClassProbabilities
from braintumor_tf.models.layers.input_layers import image_input
from tests.explanation.handmade import pixel_network
from tests.training.toy import small_cnn

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (5, 40, 50), dtype=np.uint8)
PIXELS = GENERATOR.integers(0, 256, (3, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    return small_cnn()


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


@pytest.mark.parametrize("shape", [(30, 20), (30, 20, 4)])
def test_a_picture_of_any_mode_is_what_its_file_is(network, tmp_path, shape):
    pixels = GENERATOR.integers(0, 65536, shape, dtype=np.uint16)
    picture = Image.fromarray(pixels if len(shape) == 2 else (pixels // 256).astype(np.uint8))
    picture.save(tmp_path / "picture.png")
    np.testing.assert_array_equal(explain(network, picture), explain(network, tmp_path / "picture.png"))


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


def test_broken_weights_are_named():
    model = pixel_network()
    model.get_layer("features").set_weights([np.full((1, 1, 1, 2), np.nan), np.zeros(2)])
    with pytest.raises(ExplanationError, match="NaN"):
        explain(model, PIXELS)


@pytest.mark.parametrize("shape", [(40, 50, 1), (40, 50, 3), (32, 48, 1), (9, 70, 3)])
@pytest.mark.parametrize("channels", [1, 3])
def test_fitted_images_are_what_the_first_layers_of_the_network_make_of_them(shape, channels):
    images, x = image_input((32, 48), channels=channels)
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(images, ClassProbabilities(("a", "b"))(pooled))
    given = GENERATOR.integers(0, 256, (2, *shape)).astype("float32")
    expected = keras.Model(images, x)(given)
    np.testing.assert_allclose(Subject(model).fit(list(given)), expected, atol=1e-3)
