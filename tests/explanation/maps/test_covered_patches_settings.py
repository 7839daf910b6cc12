"""Occlusion's covers and defaults, worked out with a predictor that reads one window of one colour."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.filters import gaussian

from braintumor_tf.explanation import explain
from braintumor_tf.explanation.maps.covered_patches import drops
from braintumor_tf.explanation.subject import Subject

ROWS, COLUMNS = slice(8, 16), slice(20, 32)
GENERATOR = np.random.default_rng(5)
IMAGE = GENERATOR.integers(60, 256, (32, 48, 3)).astype("float32") * np.array([1, 0.6, 0.2], "float32")


class ColourReader:
    """The probability of ``bright`` is the mean of one colour in the window, times `strength`."""

    classes = ("dark", "bright")
    channels = 3
    crop = None
    image_size = (32, 48)

    def __init__(self, colour: int, strength: float = 1.0):
        self.colour, self.strength = colour, strength

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities of images of shape ``(images, height, width, 3)``."""
        bright = images[:, ROWS, COLUMNS, self.colour].mean(axis=(1, 2), dtype=np.float64) / 255 * self.strength
        return np.stack([1 - bright, bright], axis=1)


@pytest.mark.parametrize("colour", [0, 1, 2])
def test_the_mean_cover_is_the_mean_of_each_colour(colour: int) -> None:
    found = drops(Subject(ColourReader(colour)), IMAGE, 1, patch=(8, 12), stride=(8, 4), fill="mean")
    expected = (IMAGE[ROWS, COLUMNS, colour].mean(dtype=float) - IMAGE[..., colour].mean(dtype=float)) / 255
    whole = drops(Subject(ColourReader(colour)), IMAGE, 1, patch=1.0, fill="mean")
    np.testing.assert_allclose(whole, expected, atol=1e-6)
    assert np.abs(found[24:]).max() < 1e-7, "patches beside the window change nothing"


@pytest.mark.parametrize("colour", [0, 2])
def test_the_blurred_cover_is_a_gaussian_of_half_a_patch_within_each_colour(colour: int) -> None:
    image = IMAGE.copy()
    image[:10] = 0
    found = drops(Subject(ColourReader(colour)), image, 1, patch=(32, 48), fill="blur")
    blurred = gaussian(image, sigma=(16, 24), mode="nearest", channel_axis=-1, preserve_range=True, truncate=4.0)
    expected = (image[ROWS, COLUMNS, colour].mean(dtype=float) - blurred[ROWS, COLUMNS, colour].mean(dtype=float)) / 255
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_unless_told_otherwise_an_eighth_of_each_side_is_covered_by_the_mean_in_half_steps() -> None:
    reader = ColourReader(0)
    expected = explain(reader, IMAGE, target=1, patch=(4, 6), stride=(2, 3), fill="mean")
    np.testing.assert_array_equal(explain(reader, IMAGE, target=1), expected)
    np.testing.assert_array_equal(explain(reader, IMAGE, target=1, patch=0.125, fill="mean"), expected)
    value = drops(Subject(reader), IMAGE, 1)
    np.testing.assert_allclose(
        value, drops(Subject(reader), IMAGE, 1, batch_size=16, patch=(4, 6), stride=(2, 3), fill="mean"), atol=1e-9
    )
    assert np.ptp(value) > 1e-3


def test_a_small_drop_is_a_finding_and_rounding_is_none() -> None:
    image = np.full((32, 48, 3), 200, np.float32)
    for strength, highest in ((1e-3, 1), (1e-5, 1), (1e-7, 0)):
        assert explain(ColourReader(0, strength), image, target=1, patch=8, fill=0).max() == highest


def test_where_covering_raises_the_probability_the_map_is_0() -> None:
    image = np.full((32, 48, 3), 120, np.float32)
    image[ROWS, 20:26], image[ROWS, 26:32] = 60, 200
    found = drops(Subject(ColourReader(0)), image, 1, patch=(8, 6), stride=(8, 6), fill=120)
    assert found.min() < -0.05 and found.max() > 0.05
    heat = explain(ColourReader(0), image, method="occlusion", target=1, patch=(8, 6), stride=(8, 6), fill=120)[0]
    np.testing.assert_allclose(heat, np.where(found > 0, found, 0) / found.max(), atol=1e-6)


def test_the_last_patch_ends_at_the_border() -> None:
    class Corner(ColourReader):
        def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
            bright = images[:, -1, -1, 0].astype(float) / 255
            return np.stack([1 - bright, bright], axis=1)

    image = np.full((11, 13, 3), 255, np.float32)
    found = drops(Subject(Corner(0)), image, 1, patch=(4, 5), stride=(4, 5), fill=0)
    expected = np.zeros((11, 13))
    expected[7:, 8:] = 1  # the last patch alone covers the corner; where it overlaps the one before, half is left
    expected[7, 8:] = expected[8:, 8:10] = 0.5
    expected[7, 8:10] = 0.25
    np.testing.assert_allclose(found, expected, atol=1e-6)
