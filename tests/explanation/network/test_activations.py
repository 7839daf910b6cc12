"""Layer activations: the layers asked for, the model's own preprocessing, every size of image."""

from __future__ import annotations

import numpy as np
import pytest

from braintumor_tf.explanation import ExplanationError, convolution_layers, layer_activations
from braintumor_tf.models import build
from tests.explanation.handmade import pixel_network
from tests.training.toy import small_cnn

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    return small_cnn()


def test_activations_are_worked_out_by_hand():
    found = layer_activations(pixel_network(), PIXELS, layers=["features", "scale"])
    assert list(found) == ["features", "scale"]
    np.testing.assert_allclose(found["scale"][..., 0], PIXELS / 255, atol=1e-6)
    np.testing.assert_allclose(found["features"][..., 1], 1 - PIXELS / 255, atol=1e-6)


def test_first_middle_and_last_convolution_are_the_default():
    model = build("CNN", image_size=32, seed=0)
    names = convolution_layers(model)
    assert len(names) == 8 and names[0] == "block_1_convolution_1" and names[-1] == "block_5_convolution_1"
    assert list(layer_activations(model, PIXELS)) == [names[0], names[4], names[-1]]
    assert convolution_layers(build("ViT-Ti/16", image_size=32)) == ["patches"]
    assert "block_1_depthwise" in convolution_layers(build("MobileNetV2-0.35", image_size=32))


def test_all_layers_of_images_of_any_size_are_those_of_the_network(network):
    images = [PIXELS[0], np.zeros((20, 31, 3), np.uint8), np.full((5, 9, 1), 77.0)]
    found = layer_activations(network, images, layers="all", batch_size=2)
    assert list(found) == [layer.name for layer in network.layers[1:]]
    assert all(array.dtype == np.float32 and len(array) == 3 for array in found.values())
    for number, image in enumerate(images):
        image = np.asarray(image, "float32").reshape(1, *image.shape[:2], -1)
        expected = network.predict(image, verbose=0)[0]
        np.testing.assert_allclose(found["probabilities"][number], expected, atol=1e-5)


def test_wrong_names_are_answered_with_the_valid_ones(network):
    with pytest.raises(ExplanationError, match="did you mean block_1_relu_1.*valid are channels, size, scale"):
        layer_activations(network, PIXELS, layers=["block_1_relu_11"])
    with pytest.raises(ExplanationError, match="no layer was asked for"):
        layer_activations(network, PIXELS, layers=[])
