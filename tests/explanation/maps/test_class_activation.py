"""Grad-CAM and Grad-CAM++ where the gradient differs from place to place, against finite differences in numpy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from braintumor_tf.explanation import explain
from braintumor_tf.models.layers import ClassProbabilities
from braintumor_tf.models.layers.input_layers import image_input
from tests.explanation.handmade import CLASSES

GENERATOR = np.random.default_rng(3)
PIXELS = GENERATOR.integers(0, 256, (3, 6, 7), dtype=np.uint8)
HEAD = GENERATOR.normal(0.2, 1, (6 * 7 * 2, 2)).astype("float32")
BIAS = np.array([0.5, -0.25], "float32")


def features_of(images: np.ndarray) -> np.ndarray:
    """The feature map: twice what is bright and, once, what is dark."""
    bright = images / 255
    return np.stack([2 * bright, 1 - bright], axis=-1)


def scores_of(maps: np.ndarray) -> np.ndarray:
    """The scores before softmax of feature maps of shape ``(images, 6, 7, 2)``: every place counts differently."""
    return np.tanh(maps).reshape(len(maps), -1) @ HEAD.astype(float) + BIAS


@pytest.fixture(scope="module")
def network() -> keras.Model:
    images, x = image_input((6, 7), channels=1)
    x = keras.layers.Rescaling(1 / 255, name="scale")(x)
    x = keras.layers.Conv2D(2, 1, name="features")(x)
    x = keras.layers.Activation("tanh", name="squashed")(x)
    x = keras.layers.Flatten(name="flat")(x)
    model = keras.Model(images, ClassProbabilities(CLASSES, name="probabilities")(x), name="uneven")
    model.get_layer("features").set_weights([np.array([[[[2.0, -1.0]]]]), np.array([0.0, 1.0])])
    model.get_layer("probabilities").set_weights([HEAD, BIAS])
    return model


def gradients_of(maps: np.ndarray, target: int, step: float = 1e-5) -> np.ndarray:
    """The gradient of a class's score by one feature map, by differences at each of its values."""
    found = np.empty(maps.shape)
    for place in np.ndindex(*maps.shape):
        ends = []
        for sign in (1, -1):
            moved = maps.copy()
            moved[place] += sign * step
            ends.append(scores_of(moved[None])[0, target])
        found[place] = (ends[0] - ends[1]) / (2 * step)
    return found


def weighted(maps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    heat = np.maximum((maps * weights).sum(axis=-1), 0)
    return heat / heat.max() if heat.any() else heat


def grad_cam_of(maps: np.ndarray, target: int) -> np.ndarray:
    """Selvaraju et al., 2017, equations 1 and 2."""
    return weighted(maps, gradients_of(maps, target).reshape(-1, 2).sum(axis=0) / (6 * 7))


def grad_cam_plus_plus_of(maps: np.ndarray, target: int) -> np.ndarray:
    """Chattopadhay et al., 2018, equations 10 to 19, for the exponential of the score."""
    gradients, weights = gradients_of(maps, target), np.zeros(2)
    for row, column, channel in np.ndindex(6, 7, 2):
        g = gradients[row, column, channel]
        weights[channel] += g**2 / (2 * g**2 + maps[..., channel].sum() * g**3) * max(g, 0)
    return weighted(maps, weights)


def test_the_network_is_the_one_worked_out_here(network: keras.Model) -> None:
    scores = scores_of(features_of(PIXELS))
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network(PIXELS[..., None].astype("float32")), expected, atol=1e-5)
    gradients = gradients_of(features_of(PIXELS)[0], 0)
    assert gradients.std() > 3 * abs(gradients.mean()), "the gradient differs from place to place"


@pytest.mark.parametrize("target", [0, 1])
def test_grad_cam_weighs_by_the_mean_gradient_over_the_map(network: keras.Model, target: int) -> None:
    expected = [grad_cam_of(maps, target) for maps in features_of(PIXELS)]
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(explain(network, PIXELS, layer="features", target=target), expected, atol=1e-4)


@pytest.mark.parametrize("target", [0, 1])
def test_grad_cam_plus_plus_weighs_each_place_apart(network: keras.Model, target: int) -> None:
    expected = [grad_cam_plus_plus_of(maps, target) for maps in features_of(PIXELS)]
    found = explain(network, PIXELS, method="grad_cam_plus_plus", layer="features", target=target)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_last_feature_map_is_asked_unless_another_is_named(network: keras.Model) -> None:
    last = explain(network, PIXELS, target=1)
    np.testing.assert_array_equal(last, explain(network, PIXELS, layer="squashed", target=1))
    gradients = HEAD[:, 1].reshape(6, 7, 2)  # by the squashed map the score is linear
    expected = [weighted(maps, gradients.mean(axis=(0, 1))) for maps in np.tanh(features_of(PIXELS))]
    np.testing.assert_allclose(last, expected, atol=1e-4)


@pytest.mark.parametrize("bias", [[40.0, 0.0], [0.0, 40.0]])
def test_the_predicted_class_is_that_of_the_scores_with_their_bias(network: keras.Model, bias: list[float]) -> None:
    copy = keras.models.clone_model(network)
    copy.set_weights([*network.get_weights()[:-1], np.array(bias)])
    predicted = int(np.argmax(bias))
    assert (np.argmax(copy(PIXELS[..., None].astype("float32")), axis=1) == predicted).all()
    asked = {target: explain(copy, PIXELS, layer="features", target=target) for target in (0, 1)}
    assert np.abs(asked[0] - asked[1]).max() > 0.1
    np.testing.assert_array_equal(explain(copy, PIXELS, layer="features"), asked[predicted])
