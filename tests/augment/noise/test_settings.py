"""The noise models' published strengths, their defaults, and the formulas of bias field and motion blur."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from braintumor_tf.augment import (
    NOISE_PRESETS,
    SEVERITIES,
    BiasField,
    GaussianBlur,
    GaussianNoise,
    MotionBlur,
    NoiseAtSize,
    RandomNoise,
    RicianNoise,
    SaltAndPepperNoise,
    SpeckleNoise,
    noise_at,
    replay,
)

# make_imagenet_c.py of https://github.com/hendrycks/robustness, whose images lie in 0..1
IMAGENET_C = {
    "gaussian": [255 * value for value in (0.08, 0.12, 0.18, 0.26, 0.38)],
    "salt_and_pepper": [0.03, 0.06, 0.09, 0.17, 0.27],
    "speckle": [0.15, 0.2, 0.35, 0.45, 0.6],
    "gaussian_blur": [1, 2, 3, 4, 6],
    "motion_blur": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
}
OWN = {"rician": IMAGENET_C["gaussian"], "bias_field": [0.1, 0.2, 0.3, 0.4, 0.5]}


def strengths(name: str) -> list:
    """What the records of a preset say at severities 1 to 5."""
    records = [noise_at(name, severity).sample(np.random.default_rng(0)) for severity in SEVERITIES]
    if name == "motion_blur":
        return [(record["radius"], record["sigma"]) for record in records]
    return [getattr(noise_at(name, severity), NOISE_PRESETS[name].noise.strength)[0] for severity in SEVERITIES]


@pytest.mark.parametrize("name", [*IMAGENET_C, *OWN])
def test_severities_are_those_of_their_source(name: str) -> None:
    np.testing.assert_allclose(strengths(name), {**IMAGENET_C, **OWN}[name])
    models = (GaussianNoise, SaltAndPepperNoise, SpeckleNoise, GaussianBlur, MotionBlur, RicianNoise, BiasField)
    assert [preset.noise for preset in NOISE_PRESETS.values()].count(NOISE_PRESETS[name].noise) == 1
    assert {preset.noise for preset in NOISE_PRESETS.values()} == set(models)


def test_defaults() -> None:
    assert GaussianNoise().sigma == RicianNoise().sigma == (0, 25)
    assert SaltAndPepperNoise().amount == (0, 0.05) and SpeckleNoise().sigma == (0, 0.2)
    assert GaussianBlur().sigma == (0, 2) and BiasField().coefficient == (0, 0.5)
    assert (MotionBlur().sigma, MotionBlur().radius, MotionBlur().angle) == ((0, 5), 15, (-45, 45))
    assert RandomNoise([GaussianNoise()]).probability == 1 and NoiseAtSize(GaussianNoise()).size == (224, 224)


@pytest.mark.parametrize("model", [GaussianNoise, SaltAndPepperNoise, SpeckleNoise, RicianNoise, MotionBlur, BiasField])
def test_strengths_are_drawn_evenly_from_their_range(model: type) -> None:
    rng, noise = np.random.default_rng(0), model(**{model.strength: (0.2, 0.6)})
    if model is BiasField:
        drawn = np.array([np.abs(noise.sample(rng)["coefficients"]).max() for _ in range(2000)])
        assert 0.55 < drawn.max() <= 0.6
        return
    drawn = np.array([noise.sample(rng)[model.strength] for _ in range(2000)])
    assert 0.2 <= drawn.min() < 0.21 and 0.59 < drawn.max() <= 0.6 and drawn.mean() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(("order", "terms"), [(1, 2), (2, 5), (3, 9)])
def test_a_bias_field_is_the_exponential_of_a_polynomial_without_constant(order: int, terms: int) -> None:
    record = BiasField(0.4, order=order).sample(np.random.default_rng(order))
    field = np.log(replay(np.full((15, 24), 20, np.float64), record) / 20)
    v, u = np.meshgrid(np.linspace(-1, 1, 15), np.linspace(-1, 1, 24), indexing="ij")
    basis = np.stack([(u**i * v**j).ravel() for i in range(order + 1) for j in range(order + 1 - i)], axis=1)
    fitted, *_ = np.linalg.lstsq(basis, field.ravel(), rcond=None)
    np.testing.assert_allclose(basis @ fitted, field.ravel(), atol=1e-5)
    assert abs(fitted[0]) < 1e-5
    np.testing.assert_allclose(np.sort(fitted[1:]), np.sort(record["coefficients"]), atol=1e-4)
    assert (
        len(record["coefficients"]) == terms and len(BiasField().sample(np.random.default_rng(0))["coefficients"]) == 9
    )


def test_bias_coefficients_lie_evenly_around_0() -> None:
    rng = np.random.default_rng(0)
    drawn = np.concatenate([BiasField(0.3).sample(rng)["coefficients"] for _ in range(500)])
    assert -0.3 <= drawn.min() < -0.29 and 0.29 < drawn.max() <= 0.3 and abs(drawn.mean()) < 0.01


@pytest.mark.parametrize("angle", [-60, -20, 0, 35, 90, 180])
def test_motion_blur_trails_behind_along_its_angle(angle: int) -> None:
    point = np.zeros((61, 61), np.float32)
    point[30, 30] = 250
    smeared = replay(point, {"noise": "MotionBlur", "sigma": 6.0, "radius": 7, "angle": float(angle)})
    assert smeared.sum() == pytest.approx(250, rel=1e-4)
    steps = np.arange(15)
    weights = np.exp(-(steps**2) / 72) / np.exp(-(steps**2) / 72).sum()
    mean = (weights * steps).sum()
    down, right = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    centre = np.array(ndimage.center_of_mass(smeared)) - 30
    np.testing.assert_allclose(centre, [-mean * down, -mean * right], atol=0.02)
    rows, columns = np.mgrid[-30:31, -30:31]
    across = (smeared * (rows * right - columns * down) ** 2).sum() / 250
    along = (smeared * (rows * down + columns * right + mean) ** 2).sum() / 250
    assert across < 0.3 and along == pytest.approx((weights * (steps - mean) ** 2).sum(), abs=0.3)


def test_motion_angles_are_drawn_from_their_range() -> None:
    rng = np.random.default_rng(0)
    for given, (low, high) in ((MotionBlur(2, angle=(10, 50)), (10, 50)), (MotionBlur(2), (-45, 45))):
        drawn = np.array([given.sample(rng)["angle"] for _ in range(1000)])
        assert low <= drawn.min() < low + 1 and high - 1 < drawn.max() <= high


@pytest.mark.parametrize("sigma", [0.4, 1.3, 3.0])
def test_gaussian_blur_reaches_four_standard_deviations_and_repeats_the_border(sigma: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50)).astype(np.float64)
    blurred = replay(image, {"noise": "GaussianBlur", "sigma": sigma})
    radius = max(1, round(4 * sigma))
    expected = ndimage.gaussian_filter(image, sigma, mode="nearest", radius=radius)
    np.testing.assert_allclose(blurred, expected, atol=0.01)
