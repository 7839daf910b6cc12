"""Noise that was there before an image was made smaller."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.augment import (
    GaussianNoise,
    ImageDataGenerator,
    NoiseAtSize,
    NoiseError,
    RandomNoise,
    SaltAndPepperNoise,
    describe,
    noise_at,
    replay,
    training_noise,
)
from braintumor_tf.augment.noise import from_description
from tests.augment.conftest import smooth_image

SEEN = ("gaussian", "salt_and_pepper", "speckle")


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("side", [64, 96, 160, 300])
def test_the_noise_is_that_of_a_picture_that_was_corrupted_and_then_resized(name: str, side: int) -> None:
    pictures = [smooth_image(seed, 224, 224, 1)[..., 0].astype(np.float32) for seed in range(4)]
    changes, expected = [], []
    for seed, picture in enumerate(pictures):
        small = _resized(picture, side)
        noise = noise_at(name, 3)
        changes.append(NoiseAtSize(noise, 224)(small, np.random.default_rng(seed)) - small)
        expected.append(_resized(noise(picture, np.random.default_rng(100 + seed)), side) - small)
    assert np.std(changes) == pytest.approx(np.std(expected), rel=0.06)
    assert np.mean(changes) == pytest.approx(np.mean(expected), abs=1)
    assert _neighbours(changes) == pytest.approx(_neighbours(expected), abs=0.05)


def test_what_the_noise_leaves_alone_is_as_sharp_as_before() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.float32)
    noisy = NoiseAtSize(SaltAndPepperNoise(0.001), 80)(image, np.random.default_rng(1))
    same = np.isclose(noisy, image, atol=1e-3)
    assert 0.9 < same.mean() < 1
    none = NoiseAtSize(GaussianNoise(0), 80)(image, np.random.default_rng(1))
    np.testing.assert_array_equal(none, image)


def test_at_the_image_s_own_size_it_is_the_noise_itself() -> None:
    image = smooth_image(0, 32, 48, 1)
    sized = NoiseAtSize(GaussianNoise(20), (32, 48))(image, np.random.default_rng(0))
    np.testing.assert_array_equal(sized, GaussianNoise(20)(image, np.random.default_rng(0)))


def test_records_say_the_size_and_replay() -> None:
    image = smooth_image(2).astype(np.uint8)
    noise = NoiseAtSize(RandomNoise([GaussianNoise(20), SaltAndPepperNoise(0.1)], probability=0.5), 100)
    records = [noise.sample(np.random.default_rng(seed)) for seed in range(30)]
    made = [record for record in records if record is not None]
    assert 5 < len(made) < 25 and all(record["size"] == [100, 100] for record in made)
    for record in made:
        noisy = replay(image, json.loads(json.dumps(record)))
        assert noisy.dtype == np.uint8 and noisy.shape == image.shape
        np.testing.assert_array_equal(noisy, replay(image, record))
        assert not np.array_equal(noisy, replay(image, {**record, "size": None}))


def test_grey_stays_grey_and_colour_gets_its_own_noise_in_each_channel() -> None:
    noise, colour = NoiseAtSize(GaussianNoise(20), 96), smooth_image(3) * 0.5 + 60
    difference = noise(colour, np.random.default_rng(0)) - colour
    assert abs(np.corrcoef(difference[..., 0].ravel(), difference[..., 1].ravel())[0, 1]) < 0.3
    grey = np.repeat(smooth_image(3, channels=1), 3, axis=2)
    noisy = noise(grey, np.random.default_rng(0))
    assert np.array_equal(noisy[..., 0], noisy[..., 1]) and np.array_equal(noisy[..., 0], noisy[..., 2])


def test_the_generator_adds_it() -> None:
    image, noise = np.full((4, 48, 48, 3), 128, np.uint8), NoiseAtSize(GaussianNoise(20), 224)
    sized = next(ImageDataGenerator(noise=noise, seed=0).flow(image, batch_size=4, shuffle=False))
    plain = next(ImageDataGenerator(noise=GaussianNoise(20), seed=0).flow(image, batch_size=4, shuffle=False))
    assert 0 < sized.std() < 0.4 * plain.std()


def test_training_noise_takes_a_size() -> None:
    noise = training_noise(SEEN, (1, 3), probability=0.5, size=224)
    assert noise == NoiseAtSize(training_noise(SEEN, (1, 3), probability=0.5), (224, 224))
    assert from_description(json.loads(json.dumps(describe(noise)))) == noise


@pytest.mark.parametrize(
    "make",
    [
        lambda: NoiseAtSize("gaussian", 224),
        lambda: NoiseAtSize(GaussianNoise(), 0),
        lambda: NoiseAtSize(GaussianNoise(), (224,)),
        lambda: NoiseAtSize(GaussianNoise(), 22.4),
        lambda: NoiseAtSize(GaussianNoise(), "22"),
        lambda: NoiseAtSize.render(np.zeros((4, 4), np.float32), {}),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(make: object) -> None:
    with pytest.raises(NoiseError) as caught:
        make()
    assert "\n" not in str(caught.value)


def _resized(image: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def _neighbours(changes: list[np.ndarray]) -> float:
    """How alike the change is in horizontal neighbours: their correlation."""
    stacked = np.stack(changes)
    return float(np.corrcoef(stacked[..., 1:].ravel(), stacked[..., :-1].ravel())[0, 1])
