"""Noise at another size stays on the scale 0..255, as its formula says: the image plus the resized change, limited."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.augment import (
    GaussianNoise,
    ImageDataGenerator,
    Noise,
    NoiseAtSize,
    RicianNoise,
    SpeckleNoise,
    replay,
)

GENERATOR = np.random.default_rng(0)
EXTREME = np.where(GENERATOR.random((48, 60)) < 0.5, 0, 255).astype(np.float32)
EXTREME[:, 20:40] = 128


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("noise", [GaussianNoise(60), RicianNoise(60), SpeckleNoise(0.6)])
@pytest.mark.parametrize("size", [(96, 96), (30, 40)])
def test_the_change_at_the_other_size_is_added_and_the_sum_limited(noise: Noise, size: tuple[int, int]) -> None:
    record = NoiseAtSize(noise, size).sample(GENERATOR)
    there = resized(EXTREME, *size)
    change = replay(there, {key: value for key, value in record.items() if key != "size"}) - there
    expected = EXTREME + resized(change, *EXTREME.shape)
    assert expected.min() < -5 and expected.max() > 260, "else nothing is there to be limited"
    noisy = replay(EXTREME, record)
    np.testing.assert_allclose(noisy, np.clip(expected, 0, 255), atol=1e-3)
    assert noisy.min() == 0 and noisy.max() == 255


def test_whole_numbers_do_not_wrap_around() -> None:
    image = EXTREME.astype(np.uint8)
    record = NoiseAtSize(GaussianNoise(60), 96).sample(GENERATOR)
    noisy = replay(image, record)
    np.testing.assert_array_equal(noisy, np.rint(replay(EXTREME, record)))
    assert noisy[image == 255].mean() > 200 and noisy[image == 0].mean() < 55


def test_the_generator_s_batches_stay_on_the_scale() -> None:
    images = np.repeat(EXTREME[None, ..., None], 4, axis=0).astype(np.uint8)
    batch = ImageDataGenerator(noise=NoiseAtSize(GaussianNoise(60), 96), seed=0).flow(images, batch_size=4)[0]
    assert batch.min() == 0 and batch.max() == 255
