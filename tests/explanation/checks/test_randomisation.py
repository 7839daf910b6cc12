"""The randomisation check: which layers go when, what they get, and how maps are compared."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy import ndimage, stats

from braintumor_tf import explanation
from braintumor_tf.explanation.checks.randomisation import cascade, copy_network, flat, randomise, similarities
from braintumor_tf.models.layers import ClassProbabilities
from braintumor_tf.models.layers.input_layers import image_input
from tests.explanation.handmade import CLASSES, pixel_network
from tests.explanation.maps.test_attention import tiny
from tests.training.toy import small_cnn

GENERATOR = np.random.default_rng(2)
IMAGES = np.stack([ndimage.gaussian_filter(GENERATOR.random((64, 64)), 6) for _ in range(4)])
IMAGES = (IMAGES - IMAGES.min()) / np.ptp(IMAGES) * 255  # 64 x 64: maps are compared at this size


def structure(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004) of maps in 0..1: windows of 7 x 7 that lie within the map."""

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(values, 7)[3:-3, 3:-3]

    one, other = one.astype(float), other.astype(float)
    a, b, sample = mean(one), mean(other), 49 / 48
    var_a, var_b = (sample * (mean(image**2) - middle**2) for image, middle in ((one, a), (other, b)))
    both = sample * (mean(one * other) - a * b)
    c1, c2 = 0.01**2, 0.03**2
    return float((((2 * a * b + c1) * (2 * both + c2)) / ((a**2 + b**2 + c1) * (var_a + var_b + c2))).mean())


def ranks(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(stats.rankdata(one), stats.rankdata(other))[0, 1])


def test_maps_are_compared_by_ranks_and_by_structure() -> None:
    first, second = GENERATOR.random((2, 3, 20, 24)).astype(np.float32)
    second[0] = first[0] ** 8  # the same order of pixels
    second[1] = 1 - first[1]
    order, alike = similarities(first, second)
    np.testing.assert_allclose(order, [ranks(*pair) for pair in zip(first, second)], atol=1e-6)
    np.testing.assert_allclose(order[:2], [1, -1], atol=1e-6)
    np.testing.assert_allclose(alike, [structure(*pair) for pair in zip(first, second)], atol=1e-4)


def test_a_map_that_is_the_same_everywhere_has_no_ranks() -> None:
    heat, even = GENERATOR.random((1, 9, 9)), np.full((1, 9, 9), 0.5)
    assert similarities(heat, even)[0] == similarities(even, heat)[0] == similarities(even, even)[0] == 0
    assert flat(even[0]) and flat(even[0] + 5e-5 * np.eye(9)) and not flat(even[0] + 5e-4 * np.eye(9))


@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_layers_are_randomised_from_the_classification_down(steps: int) -> None:
    network = small_cnn()
    learning = [layer.name for layer in network.layers if layer.weights][::-1]
    stages = [[layer.name for layer in stage] for stage in cascade(network, steps)]
    assert [name for stage in stages for name in stage] == learning
    assert len(stages) == min(steps, len(learning)) and (steps == 1 or stages[0] == [learning[0]])


def test_the_scale_of_the_input_is_not_learned_and_stays() -> None:
    images, x = image_input((8, 8), channels=1)
    x = keras.layers.Normalization(mean=100.0, variance=400.0, name="scale")(x)
    x = keras.layers.Normalization(name="fitted")(x)
    x = keras.layers.Conv2D(2, 1, name="features")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    network = keras.Model(images, ClassProbabilities(CLASSES, name="probabilities")(x))
    assert [[layer.name for layer in stage] for stage in cascade(network, 5)] == [["probabilities"], ["features"]]


def test_random_weights_are_those_before_training() -> None:
    network = small_cnn()
    generator = np.random.default_rng(0)
    for layer in network.layers:
        layer.set_weights([generator.normal(3, 2, weight.shape) for weight in layer.get_weights()])
        randomise(layer, generator)
    constants = {"bias": 0, "beta": 0, "moving_mean": 0, "gamma": 1, "moving_variance": 1}
    seen = set()
    for weight in network.weights:
        values = np.array(weight)
        if weight.name in constants:
            seen.add(weight.name)
            assert (values == constants[weight.name]).all(), weight.path
        elif values.size >= 200:
            inputs = np.prod(values.shape[:-1])
            assert abs(values.mean()) < 0.05 and values.std() == pytest.approx(np.sqrt(2 / inputs), rel=0.15)
    assert {"beta", "gamma", "moving_mean", "moving_variance"} <= seen


def test_positions_are_drawn_as_wide_as_they_were() -> None:
    layer = tiny(depth=1).get_layer("positions")
    weight = max(layer.weights, key=lambda one: np.prod(one.shape))
    weight.assign(5 + 0.3 * GENERATOR.normal(size=weight.shape))
    randomise(layer, np.random.default_rng(0))
    values = np.array(weight)
    assert abs(values.mean()) < 0.15 and values.std() == pytest.approx(0.3, rel=0.2)


def test_the_table_is_what_the_maps_of_randomised_copies_give() -> None:
    network = pixel_network((64, 64))
    table = explanation.randomisation_check(network, IMAGES, seed=5, steps=2, resamples=10, show_progress=False).table
    predicted = np.argmax(network(IMAGES[..., None].astype("float32")), axis=1).tolist()
    original = explanation.explain(network, IMAGES, target=predicted)
    copy, generator = copy_network(network), np.random.default_rng(5)
    names, counts = ["probabilities", "features"], []
    for number, name in enumerate(names, start=1):
        randomise(copy.get_layer(name), generator)
        counts.append(copy.get_layer(name).count_params())
        found = explanation.explain(copy, IMAGES, target=predicted)
        row = table.iloc[number]
        assert (row["step"], row["down_to"], row["images"]) == (str(number), name, 4)
        assert row["random_share"] == pytest.approx(sum(counts) / network.count_params())
        expected = [0.0 if np.ptp(heat) < 1e-4 else ranks(one, heat) for one, heat in zip(original, found)]
        assert row["spearman"] == pytest.approx(np.mean(expected), abs=1e-4)
        assert row["ssim"] == pytest.approx(np.mean([structure(*pair) for pair in zip(original, found)]), abs=1e-3)
        assert row["empty"] == sum(not heat.any() for heat in found)
    last = table.iloc[-1]
    assert last["step"] == "another image"
    assert last["spearman"] == pytest.approx(np.mean([ranks(original[i], original[i - 1]) for i in range(4)]), abs=1e-4)


def test_images_whose_map_is_empty_are_left_out_and_counted() -> None:
    network = pixel_network((64, 64))
    kernel = np.array([[2.0, -1.0], [-3.0, 1.0]])  # a bright picture speaks for the first class, a dark one against
    network.get_layer("probabilities").set_weights([kernel, np.zeros(2)])
    images = np.stack([IMAGES[0], IMAGES[1] * 0.2, IMAGES[2]])
    maps = explanation.explain(network, images, target=0)
    empty = sum(not heat.any() for heat in maps)
    assert empty == 1
    table = explanation.randomisation_check(network, images, target=0, steps=1, resamples=10, show_progress=False).table
    assert table["empty"][0] == 1 and (table["images"] == 2).all()
    assert table["spearman"][0] == pytest.approx(1) and table["ssim"][0] == pytest.approx(1)
