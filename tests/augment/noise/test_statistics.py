"""The noise models do what their formulas say: against skimage's `random_noise`, and against theory."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from skimage.filters import gaussian
from skimage.util import random_noise

from braintumor_tf.augment import (
    BiasField,
    GaussianBlur,
    GaussianNoise,
    MotionBlur,
    RicianNoise,
    SaltAndPepperNoise,
    SpeckleNoise,
    replay,
)
from braintumor_tf.augment.noise.fields import standard_normal
from tests.augment.conftest import smooth_image

SHAPE = (256, 256)


def flat(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


@pytest.mark.parametrize("value", [0, 40, 128, 250])
@pytest.mark.parametrize("sigma", [5, 25, 60])
def test_gaussian_is_distributed_as_skimage(value: int, sigma: int) -> None:
    ours = GaussianNoise(sigma)(flat(value), np.random.default_rng(0))
    theirs = random_noise(flat(value) / 255, mode="gaussian", var=(sigma / 255) ** 2, rng=1) * 255
    # Both are limited to 0..255, so the mass at the ends is compared first, then the distribution between.
    for end in (0, 255):
        assert abs((ours == end).mean() - np.isclose(theirs, end).mean()) < 0.01
    inside = (ours > 0) & (ours < 255), (theirs > 0) & (theirs < 255)
    assert stats.ks_2samp(ours[inside[0]], theirs[inside[1]]).pvalue > 1e-3


@pytest.mark.parametrize("sigma", [0.1, 0.4])
def test_speckle_is_distributed_as_skimage(sigma: float) -> None:
    ours = SpeckleNoise(sigma)(flat(100), np.random.default_rng(0))
    theirs = random_noise(flat(100) / 255, mode="speckle", var=sigma**2, rng=1) * 255
    inside = (ours > 0) & (ours < 255), (theirs > 0) & (theirs < 255)
    assert stats.ks_2samp(ours[inside[0]], theirs[inside[1]]).pvalue > 1e-3
    assert (SpeckleNoise(0.5)(flat(0), np.random.default_rng(0)) == 0).all()


@pytest.mark.parametrize("amount", [0.001, 0.05, 0.27, 0.5, 1.0])
def test_salt_and_pepper_hits_the_share_that_skimage_hits(amount: float) -> None:
    ours = SaltAndPepperNoise(amount)(flat(100), np.random.default_rng(0))
    theirs = random_noise(flat(100) / 255, mode="s&p", amount=amount, rng=1)
    tolerance = 5 * np.sqrt(amount * (1 - amount) / ours.size) + 1e-4
    assert abs((ours != 100).mean() - amount) < tolerance
    assert abs((ours == 255).mean() - (theirs == 1).mean()) < 2 * tolerance + 0.01 * amount
    assert set(np.unique(ours)) <= {0, 100, 255}


def test_salt_and_pepper_hits_pixels_independently() -> None:
    hit = SaltAndPepperNoise(0.2)(flat(100), np.random.default_rng(0)) != 100
    neighbours = np.corrcoef(hit[:, 1:].ravel(), hit[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.02


@pytest.mark.parametrize(("value", "sigma"), [(0, 20), (60, 20), (150, 10)])
def test_rician_follows_the_rice_distribution(value: int, sigma: int) -> None:
    ours = RicianNoise(sigma)(flat(value), np.random.default_rng(0))
    assert stats.kstest(ours.ravel(), stats.rice(value / sigma, scale=sigma).cdf).pvalue > 1e-3


def test_uint8_is_rounded_not_cut() -> None:
    image = np.full(SHAPE, 100, np.uint8)
    noisy = GaussianNoise(10)(image, np.random.default_rng(0)).astype(float)
    assert abs(noisy.mean() - 100) < 0.15
    assert abs(noisy.std() - np.sqrt(100 + 1 / 12)) < 0.15


def test_normal_numbers_are_normal_and_independent() -> None:
    values = standard_normal(np.random.Generator(np.random.SFC64(0)), (512, 512)).ravel()
    assert stats.kstest(values, "norm").pvalue > 1e-3
    assert abs(stats.kurtosis(values)) < 0.05 and abs(stats.skew(values)) < 0.02
    for lag in (1, 2, 4, 512):
        assert abs(np.corrcoef(values[lag:], values[:-lag])[0, 1]) < 0.01


@pytest.mark.parametrize("sigma", [0.8, 2.5])
def test_gaussian_blur_is_skimage_s(sigma: float) -> None:
    image = smooth_image(0, 48, 40, 1)[..., 0]
    blurred = GaussianBlur(sigma)(image, np.random.default_rng(0))
    assert np.abs(blurred - gaussian(image, sigma, mode="nearest", preserve_range=True)).max() < 0.5


def test_motion_blur_smears_along_its_angle_only() -> None:
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 250
    for angle, (down, right) in ((0, (0, 1)), (90, (1, 0)), (180, (0, -1))):
        smeared = replay(point, MotionBlur(4, radius=5, angle=angle).sample(np.random.default_rng(0)))
        rows, columns = np.nonzero(smeared > 0.01)
        assert np.ptp(columns if down else rows) == 0
        moved = (columns - 20) * right + (rows - 20) * down
        assert (moved.min(), moved.max()) in ((-10, 0), (0, 10))
        assert smeared.sum() == pytest.approx(250, rel=1e-3)
        expected = np.exp(-(np.arange(11) ** 2) / 32)
        line = np.sort(smeared[smeared > 0.01])[::-1]
        assert np.allclose(line / line[0], expected, atol=1e-3)


def test_bias_field_is_smooth_and_as_strong_as_asked() -> None:
    rng = np.random.default_rng(0)
    spans = [
        np.ptp(np.log(BiasField(strength)(flat(50), rng)), axis=None) for strength in (0.05, 0.1) for _ in range(20)
    ]
    assert np.mean(spans[:20]) * 1.6 < np.mean(spans[20:]) < np.mean(spans[:20]) * 2.4
    field = BiasField(0.4)(flat(50), rng)
    assert np.abs(np.diff(field, axis=0)).max() < 2
