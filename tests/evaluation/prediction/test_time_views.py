"""Views of an image at test time: fixed, centred, the first one the image itself, and their mean a prediction."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.evaluation import VIEWS, EvaluationError
from braintumor_tf.evaluation.prediction.test_time_views import (
    InViews,
    choose_views,
    in_views,
    mirrors,
    show,
    views_of,
)
from braintumor_tf.models.image_fitting import read_for

CLASSES = ("glioma", "no_tumor")


class MeanPixels:
    """A model whose answer is what it was shown: the mean of the left half against that of the right half."""

    classes, image_size, channels, crop = CLASSES, (32, 32), 1, None

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        half = images.shape[2] // 2
        sides = np.stack([images[:, :, :half].mean((1, 2, 3)), images[:, :, half:].mean((1, 2, 3))], axis=1)
        return sides / sides.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 1), dtype=np.uint8)


def test_views_are_data_and_the_first_is_the_image_itself(images):
    assert VIEWS[0] == {} and len({str(view) for view in VIEWS}) == len(VIEWS)
    assert show(images, VIEWS[0]) is images
    assert not any("flip_horizontal" in view for view in choose_views(5, mirrored=False))
    assert choose_views(len(VIEWS), mirrored=True) == VIEWS
    for view in VIEWS[1:]:
        shown = show(images, view)
        assert shown.shape == images.shape and shown.dtype == np.float32
        assert shown.min() >= 0 and shown.max() <= 255 and not np.array_equal(shown, images)
        np.testing.assert_array_equal(shown, show(images, view))


@pytest.mark.parametrize("count", [0, -1, 6, 9])
def test_a_number_of_views_that_there_is_not_is_refused(count):
    with pytest.raises(EvaluationError, match=f"views={count}: there are 1 to 5 views without the mirrored"):
        choose_views(count, mirrored=False)


def test_mirroring_reverses_columns_and_nothing_else(images):
    np.testing.assert_array_equal(show(images, {"flip_horizontal": True}), images[:, :, ::-1])


def test_a_view_is_what_the_training_generator_shows_for_the_same_parameters(images):
    generator = ImageDataGenerator(fill_mode="nearest")
    for view in VIEWS[1:]:
        expected = generator.apply_transform(images[0].astype(np.float32), dict(view))
        np.testing.assert_allclose(show(images, view)[0], expected, atol=1e-3)


@pytest.mark.parametrize("shape", [(40, 40), (30, 60), (61, 33)])
def test_views_move_about_the_centre(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    centre = (np.array(shape) - 1) / 2
    blob = 255 * np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / 20)
    for view in VIEWS:
        shown = show(blob[None, :, :, None], view)[0, :, :, 0]
        found = [(shown * axis).sum() / shown.sum() for axis in (rows, columns)]
        np.testing.assert_allclose(found, centre, atol=0.05)


def test_the_mean_over_an_image_and_its_mirror_knows_no_side(images):
    model, both = MeanPixels(), choose_views(2, mirrored=True)
    mean = InViews(model, both).predict_images(images, batch_size=2)
    np.testing.assert_allclose(mean, 0.5, atol=1e-6)
    assert mean.dtype == np.float64 and np.abs(model.predict_images(images) - 0.5).max() > 1e-3


def test_views_are_replaced_not_piled_up():
    model = MeanPixels()
    assert in_views(model, None, mirrored=True) is model and in_views(model, 1, mirrored=True) is model
    three = in_views(model, 3, mirrored=True)
    assert three.predictor is model and len(three.views) == 3
    assert (three.classes, three.image_size) == (CLASSES, (32, 32))
    assert in_views(three, None, mirrored=True) is three and in_views(three, 1, mirrored=True) is model
    assert in_views(three, 2, mirrored=True).predictor is model


def test_views_turn_by_5_degrees_to_either_side_and_change_the_size_by_5_percent():
    """Beside the rotation of SciPy and the size of a smooth spot, on an image whose border is dark."""
    rows, columns = np.mgrid[:65, :65] - 32.0
    spot = 255 * np.exp(-(rows**2 + (columns / 2) ** 2) / 50)
    shown = [show(spot[None, :, :, None], view)[0, :, :, 0] for view in VIEWS]
    left, right = (ndimage.rotate(spot, angle, reshape=False, order=1) for angle in (5, -5))  # left: anticlockwise
    # mirrored comes after turned, as in training, so a mirrored one is turned to the other side
    for place, expected, other in ((2, left, right), (3, right, left), (6, right, left), (7, left, right)):
        assert np.abs(shown[place] - expected).max() < 2, place
        assert np.abs(shown[place] - other).max() > 20, place
    sizes = [one.sum() / spot.sum() for one in shown]
    np.testing.assert_allclose(sizes, [1, 1, 1, 1, 0.95**-2, 1.05**-2, 1, 1], rtol=4e-3)
    assert choose_views(3, mirrored=False) == ({}, {"theta": 5}, {"theta": -5})
    assert choose_views(2, mirrored=True) == ({}, {"flip_horizontal": True})


def test_the_answer_in_views_is_the_mean_over_them(images):
    model, three = MeanPixels(), choose_views(3, mirrored=True)
    parts = [model.predict_images(show(images, view)) for view in three]
    np.testing.assert_allclose(InViews(model, three).predict_images(images), sum(parts) / 3, rtol=1e-6)
    assert np.abs(sum(parts) / 3 - np.median(parts, axis=0)).max() > 1e-4


def test_a_model_in_views_reads_images_cut_as_the_model_does(tmp_path):
    pixels = np.zeros((60, 80), np.uint8)
    pixels[10:40, 20:50] = np.random.default_rng(0).integers(120, 255, (30, 30))
    Image.fromarray(pixels).save(tmp_path / "head.png")
    model = MeanPixels()
    model.crop = "head"
    cut = read_for(model, tmp_path / "head.png")
    np.testing.assert_array_equal(read_for(in_views(model, 3, mirrored=True), tmp_path / "head.png"), cut)
    assert not np.array_equal(read_for(MeanPixels(), tmp_path / "head.png"), cut)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, False),
        ({"training": None}, False),
        ({"training": {"augmentation": None}}, False),
        ({"training": {"augmentation": {"rotation_range": 5}}}, False),
        ({"training": {"augmentation": {"horizontal_flip": False}}}, False),
        ({"training": {"augmentation": {"horizontal_flip": True}}}, True),
    ],
)
def test_only_training_that_says_so_has_mirrored(config, expected):
    assert mirrors(config) is expected
    assert views_of(config) == 1 and views_of({**config, "views": 3}) == 3
