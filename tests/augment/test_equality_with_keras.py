"""The same image as stock Keras for the same parameters; and where Keras has a fault, what happens here."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.augment.keras_compat import KerasImageDataGenerator as Stock
from tests.augment.conftest import smooth_image

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
FILL_MODES = ("constant", "nearest", "reflect", "wrap")
TOLERANCE = 0.05  # grey levels of 0..255, for bilinear and spline interpolation
EVERYTHING: dict[str, Any] = {
    "rotation_range": 90,
    "width_shift_range": 0.6,
    "height_shift_range": 9.5,
    "shear_range": 30,
    "zoom_range": [0.5, 1.8],
    "channel_shift_range": 40.0,
    "horizontal_flip": True,
    "vertical_flip": True,
}


def both(image: np.ndarray, seed: int, **arguments: Any) -> tuple[np.ndarray, np.ndarray]:
    """Draws parameters from both classes, sees that they are equal, and applies them."""
    stock, ours = Stock(**arguments), ImageDataGenerator(**arguments)
    parameters = stock.get_random_transform(image.shape, seed)
    drawn = ours.get_random_transform(image.shape, seed)
    assert drawn.pop("noise") is None
    assert drawn == parameters
    return stock.apply_transform(image.copy(), parameters), ours.apply_transform(image.copy(), parameters)


@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("order", [1, 3])
@given(
    seed=st.integers(0, 2**31),
    size=st.tuples(st.integers(4, 40), st.integers(4, 40)),
    channels=st.sampled_from([1, 3, 4]),
    first=st.booleans(),
    cval=st.floats(0, 255),
)
@settings(max_examples=40, deadline=None)
def test_random_parameters(
    fill_mode: str, order: int, seed: int, size: tuple[int, int], channels: int, first: bool, cval: float
) -> None:
    image = smooth_image(seed % 1000, *size, channels)
    if first:
        image = np.ascontiguousarray(np.moveaxis(image, 2, 0))
    theirs, ours = both(
        image,
        seed,
        **EVERYTHING,
        fill_mode=fill_mode,
        cval=cval,
        interpolation_order=order,
        data_format="channels_first" if first else "channels_last",
    )
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert np.abs(ours - theirs).max() < TOLERANCE


@pytest.mark.parametrize("fill_mode", FILL_MODES)
def test_nearest_neighbour_differs_on_ties_only(fill_mode: str) -> None:
    different = []
    for seed in range(30):
        theirs, ours = both(smooth_image(seed), seed, **EVERYTHING, fill_mode=fill_mode, interpolation_order=0, cval=17)
        different.append((np.abs(theirs - ours) > TOLERANCE).mean())
    assert np.mean(different) < 0.002


@given(seed=st.integers(0, 2**31), high=st.sampled_from([255, 40, 400]), channels=st.sampled_from([1, 3]))
@settings(max_examples=40, deadline=None)
def test_brightness(seed: int, high: int, channels: int) -> None:
    image = np.rint(smooth_image(seed % 100, channels=channels) * (high / 255))
    theirs, ours = both(image, seed, brightness_range=(0.2, 1.9))
    assert np.abs(ours - theirs).max() < (TOLERANCE if high <= 255 else high / 255 + TOLERANCE)


@pytest.mark.parametrize("shift", [3, [-4, 2, 5], [0.1, 0.3], 0.2, 2.5])
def test_every_form_of_shift(shift: Any) -> None:
    for seed in range(5):
        theirs, ours = both(smooth_image(seed), seed, width_shift_range=shift, height_shift_range=shift)
        assert np.abs(ours - theirs).max() < TOLERANCE


def test_flips_alone_are_exact() -> None:
    for seed in range(8):
        theirs, ours = both(smooth_image(seed, 5, 7), seed, horizontal_flip=True, vertical_flip=True)
        assert np.array_equal(theirs, ours)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rescale": 1 / 255},
        {"samplewise_center": True},
        {"samplewise_std_normalization": True, "rescale": 1 / 255},
        {"featurewise_center": True},
        {"featurewise_std_normalization": True},
        {"zca_whitening": True},
        {"preprocessing_function": lambda image: image / 2 + 3, "rescale": 2.0},
        {"dtype": "float64", "rescale": 0.5},
        {"data_format": "channels_first", "samplewise_center": True},
        {"data_format": "channels_first", "featurewise_std_normalization": True},
    ],
    ids="+".join,
)
@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_standardisation(arguments: dict[str, Any], grey: bool) -> None:
    images = np.stack([smooth_image(seed, 12, 12) for seed in range(6)])
    if grey:
        images = np.repeat(images[..., :1], 3, axis=3)
    if arguments.get("data_format") == "channels_first":
        images = np.ascontiguousarray(np.moveaxis(images, 3, 1))
    batches = []
    for kind in (Stock, ImageDataGenerator):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            generator = kind(**arguments)
        generator.fit(images)
        batches.append(generator.flow(images, batch_size=6, shuffle=False)[0])
    assert batches[0].dtype == batches[1].dtype
    assert np.allclose(batches[0], batches[1], rtol=1e-4, atol=1e-3)


def test_fit_on_augmented_images_with_a_seed() -> None:
    images = np.stack([smooth_image(seed, 12, 12) for seed in range(6)])
    generators = [kind(featurewise_center=True, rotation_range=30) for kind in (Stock, ImageDataGenerator)]
    for generator in generators:
        generator.fit(images, augment=True, rounds=2, seed=5)
    assert np.abs(generators[0].mean - generators[1].mean).max() < 1  # the same kind of images, other random numbers
    again = ImageDataGenerator(featurewise_center=True, rotation_range=30)
    again.fit(images, augment=True, rounds=2, seed=5)
    assert np.array_equal(again.mean, generators[1].mean)


# === Keras's faults ===


def test_width_shift_moves_rows_as_in_keras() -> None:
    image = np.zeros((20, 20, 1), np.float32)
    image[10, 10] = 255
    moved = ImageDataGenerator(fill_mode="constant").apply_transform(image, {"ty": 4})
    assert np.argwhere(moved[..., 0] > 0).tolist() == [[6, 10]]  # ty is drawn from width_shift_range
    parameters = ImageDataGenerator(width_shift_range=0.5).get_random_transform((20, 20, 1), seed=1)
    assert parameters["ty"] != 0 and parameters["tx"] == 0


def test_images_that_are_not_square_turn_beside_their_centre_as_in_keras() -> None:
    image = smooth_image(0, 20, 60, 1)
    turned = ImageDataGenerator(fill_mode="constant").apply_transform(image, {"theta": 180})
    assert not np.allclose(turned, image[::-1, ::-1], atol=1)
    assert np.allclose(turned, Stock(fill_mode="constant").apply_transform(image, {"theta": 180}), atol=TOLERANCE)


def test_brightness_works_on_images_in_0_to_1() -> None:
    image = smooth_image(0) / 255
    bright = ImageDataGenerator(brightness_range=(1, 1)).apply_transform(image, {"brightness": 1.3})
    assert np.allclose(bright, np.clip(image * 1.3, 0, 1))
    theirs = Stock(brightness_range=(1, 1)).apply_transform(image, {"brightness": 1.3})
    assert set(np.unique(theirs)) <= {0, 1}  # the fault, should Keras ever mend it


def test_brightness_works_with_channels_first() -> None:
    image = smooth_image(0)
    last = ImageDataGenerator().apply_transform(image, {"brightness": 0.5})
    first = ImageDataGenerator(data_format="channels_first").apply_transform(
        np.moveaxis(image, 2, 0), {"brightness": 0.5}
    )
    assert np.array_equal(np.moveaxis(first, 0, 2), last)
    with pytest.raises(ValueError):
        Stock(data_format="channels_first").apply_transform(np.moveaxis(image, 2, 0), {"brightness": 0.5})


def test_global_random_state_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    generator = ImageDataGenerator(**EVERYTHING, brightness_range=(0.5, 1.5), seed=1)
    generator.random_transform(smooth_image(0), seed=7)
    generator.flow(np.zeros((4, 8, 8, 3)), batch_size=2)[0]
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
