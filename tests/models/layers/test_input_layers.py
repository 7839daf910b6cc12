"""The input contract: which arrays are refused, and what the layers of the model do to the rest."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets.reading import to_array
from braintumor_tf.models import ImageInputError
from braintumor_tf.models.image_fitting import check_images
from braintumor_tf.models.layers.input_layers import FitSize, SelectChannels

GOOD = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1))


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (GOOD / 255.0, "0-1"),
        ((GOOD > 100).astype(np.uint8), "0-1"),
        (GOOD / 127.5 - 1.0, "scaled already"),
        (GOOD * 4.0, "give 0 to 255"),
        (GOOD * np.nan, "NaN"),
        (GOOD[0], r"images\[None\]"),
        (GOOD[..., 0], r"images\[None\]"),
        (np.repeat(GOOD, 4, axis=-1), "channels"),
        (GOOD[:0], "nothing"),
        (np.array([0.0, 255.5]).reshape(1, 1, 2, 1), "255.5; give 0 to 255"),
        (np.array([-0.5, 200.0]).reshape(1, 1, 2, 1), "-0.5 to 200; give 0 to 255"),
        (np.array([0.0, 1.0]).reshape(1, 1, 2, 1), "0-1"),
        (np.array([1.0, np.inf]).reshape(1, 1, 2, 1), "infinite"),
        (np.array([1.0, -np.inf]).reshape(1, 1, 2, 1), "infinite"),
        (GOOD[..., :1].repeat(2, axis=-1), "channels"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(images, words):
    with pytest.raises(ImageInputError, match=words):
        check_images(images)


EDGES = np.array([0.0, 255.0, 0.25, 1.5]).reshape(1, 2, 2, 1)


@pytest.mark.parametrize(
    "images", [GOOD, GOOD.astype(np.uint8), GOOD.astype(np.float32), np.zeros((1, 8, 8, 3)), EDGES, EDGES[:, 1:] + 0.5]
)
def test_what_fits_is_accepted(images):
    check_images(images)


def test_rgb_becomes_luma_and_grey_becomes_rgb():
    rgb = np.random.default_rng(1).integers(0, 256, (1, 5, 6, 3), dtype=np.uint8)
    luma = keras.ops.convert_to_numpy(SelectChannels(1)(rgb.astype("float32")))
    assert np.abs(luma[0, ..., 0] - to_array(Image.fromarray(rgb[0]))).max() < 1
    three = keras.ops.convert_to_numpy(SelectChannels(3)(luma))
    np.testing.assert_allclose(three, np.repeat(luma, 3, axis=-1))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(SelectChannels(3)(rgb.astype("float32"))), rgb)


def test_resizing_agrees_with_reading_at_that_size():
    rows, columns = np.mgrid[:120, :90]
    image = np.uint8(127 + 120 * np.sin(rows / 9.0) * np.cos(columns / 7.0))
    layer = keras.ops.convert_to_numpy(FitSize(32, 24)(image[None, ..., None].astype("float32")))[0, ..., 0]
    assert np.abs(layer - to_array(Image.fromarray(image), size=(32, 24))).max() < 3
    same = keras.ops.convert_to_numpy(FitSize(120, 90)(image[None, ..., None].astype("float32")))
    np.testing.assert_array_equal(same[0, ..., 0], image)


@pytest.mark.parametrize("size", [(20, 15), (90, 70), (31, 64)], ids=["smaller", "larger", "both"])
def test_noise_is_resized_as_pillow_resizes_it(size):
    """Noise tells apart what smooth images do not: another kernel, no antialiasing, a shift by half a pixel."""
    image = np.random.default_rng(3).uniform(0, 255, (60, 45)).astype("float32")
    layer = keras.ops.convert_to_numpy(FitSize(*size)(image[None, ..., None]))[0, ..., 0]
    pillow = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_allclose(layer, pillow, atol=0.1)


def test_colours_are_weighed_red_green_blue():
    answers = keras.ops.convert_to_numpy(SelectChannels(1)(255 * np.eye(3, dtype="float32")[None, None]))
    np.testing.assert_allclose(answers[0, 0, :, 0], 255 * np.array([0.299, 0.587, 0.114]), atol=1e-3)


def test_a_wrong_number_of_channels_is_refused_by_the_layer():
    with pytest.raises(ImageInputError, match="1 or 3"):
        SelectChannels(1)(np.zeros((1, 8, 8, 2), "float32"))
    with pytest.raises(ImageInputError, match="2 channels"):
        SelectChannels(2)
