"""Corruption of test images: what it depends on, what it does not, and that severities are severities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.augment import (
    NOISE_PRESETS,
    SEVERITIES,
    GaussianNoise,
    NoiseError,
    RandomNoise,
    SpeckleNoise,
    noise_at,
)
from braintumor_tf.datasets import read_image
from braintumor_tf.errors import ImageReadError
from braintumor_tf.evaluation import EvaluationError
from braintumor_tf.evaluation.robustness.corruptions import (
    NOISES,
    Corruption,
    choose_corruptions,
    corrupt,
    read_picture,
)
from braintumor_tf.evaluation.robustness.corruptions import SIZE as SIDE
from braintumor_tf.models.image_fitting import fit_picture

SIZE = (64, 64)


class Eye:
    """What a model says of how it wants its images."""

    def __init__(self, side: int, channels: int):
        self.image_size, self.channels, self.crop = (side, side), channels, None


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> dict[str, Path]:
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    smooth = np.add.outer(np.arange(96), np.arange(80)).astype(np.uint8)
    grey = np.clip(smooth + rng.integers(0, 30, smooth.shape), 0, 255).astype(np.uint8)
    pictures = {
        "grey": grey,
        "grey_rgb": np.repeat(grey[..., None], 3, 2),
        "colour": np.stack([grey, smooth, grey // 2], 2),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in pictures}


def test_all_presets_are_tested_by_default():
    assert set(NOISES) == set(NOISE_PRESETS)
    found = choose_corruptions()
    assert [(each.name, each.severity) for each in found] == [(name, level) for name in NOISES for level in SEVERITIES]
    assert all(each.noise == noise_at(each.name, each.severity) for each in found)


def test_noise_models_keep_their_own_strength_and_come_once():
    found = choose_corruptions([GaussianNoise(sigma=12), SpeckleNoise(sigma=(0.1, 0.2)), "rician"], severities=(2, 4))
    assert [(each.name, each.severity) for each in found] == [
        ("GaussianNoise sigma 12", 1), ("SpeckleNoise sigma 0.1-0.2", 1), ("rician", 2), ("rician", 4),
    ]  # fmt: skip
    assert choose_corruptions(RandomNoise([GaussianNoise()]))[0].name == "RandomNoise"
    assert choose_corruptions("gaussian", severities=[3])[0].record()["model"] == {
        "noise": "GaussianNoise", "per_channel": None, "sigma": [45.9, 45.9],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("noises", "severities", "error"),
    [
        (["gaussian"], (), EvaluationError),
        (["gaussian"], (0, 1), EvaluationError),
        (["gaussian"], (1, 6), EvaluationError),
        (["gaussian"], (1, 1), EvaluationError),
        ([], (1,), EvaluationError),
        (["gaussian", "gaussian"], (1,), EvaluationError),
        ([GaussianNoise(sigma=3), GaussianNoise(sigma=3)], (1,), EvaluationError),
        (["gausian"], (1,), NoiseError),
    ],
)
def test_what_makes_no_sense_is_refused(noises, severities, error):
    with pytest.raises(error):
        choose_corruptions(noises, severities=severities)


@pytest.mark.parametrize("name", NOISES)
def test_what_is_drawn_depends_on_seed_image_noise_and_severity_alone(name, paths):
    mild, heavy = choose_corruptions([name], severities=(1, 5))
    picture = read_picture(paths["grey"], size=SIZE)
    found = corrupt(picture, mild, seed=0)
    assert found.dtype == np.uint8 and found.shape == SIZE
    for other in choose_corruptions(None, severities=(2,)):
        corrupt(picture, other, seed=0)  # what came before leaves no trace
    again = read_picture(paths["grey"].rename(paths["grey"].with_name("moved.png")), size=SIZE)
    again.pixels.setflags(write=False)
    np.testing.assert_array_equal(found, corrupt(again, mild, seed=0))
    (paths["grey"].with_name("moved.png")).rename(paths["grey"])
    others = [corrupt(picture, heavy, seed=0)]
    if name != "gaussian_blur":  # nothing about it is random
        others.append(corrupt(picture, mild, seed=1))
    assert not any(np.array_equal(found, other) for other in others)
    np.testing.assert_array_equal(corrupt(picture, None, seed=0), picture.pixels)


@pytest.mark.parametrize("name", [name for name in NOISES if name not in ("motion_blur", "bias_field")])
def test_a_higher_severity_changes_more(name, paths):
    picture = read_picture(paths["grey"], size=SIZE)
    distances = [
        np.square(corrupt(picture, each, seed=0).astype(float) - picture.pixels).mean()
        for each in choose_corruptions(name)
    ]
    assert distances == sorted(distances) and distances[0] > 0


def test_each_severity_draws_its_own_numbers(paths):
    picture = read_picture(paths["grey"], size=SIZE)
    mild, strong = (
        corrupt(picture, each, seed=0).astype(float) - picture.pixels
        for each in choose_corruptions("gaussian", severities=(1, 2))
    )
    assert abs(np.corrcoef(mild.ravel(), strong.ravel())[0, 1]) < 0.1


def test_grey_pictures_stay_grey_and_colour_gets_its_own_noise_in_each_channel(paths):
    (gaussian,) = choose_corruptions("gaussian", severities=[2])
    grey, rgb, colour = (read_picture(path, size=SIZE) for path in paths.values())
    np.testing.assert_array_equal(grey.pixels, rgb.pixels)
    assert grey.pixels.shape == SIZE and colour.pixels.shape == (*SIZE, 3) and grey.identity != rgb.identity
    change = corrupt(colour, gaussian, seed=0).astype(float) - colour.pixels
    assert abs(np.corrcoef(change[..., 0].ravel(), change[..., 1].ravel())[0, 1]) < 0.2
    np.testing.assert_array_equal(
        read_picture(paths["colour"], size=SIZE).pixels, read_image(paths["colour"], grey=False, size=SIZE)
    )


def test_every_model_gets_the_same_corrupted_picture_at_its_own_size_and_channels(paths):
    (speckle,) = choose_corruptions("speckle", severities=[3])
    noisy = corrupt(read_picture(paths["grey"], size=SIZE), speckle, seed=0)
    np.testing.assert_array_equal(fit_picture(Eye(64, 1), noisy)[..., 0], noisy)
    np.testing.assert_array_equal(fit_picture(Eye(64, 3), noisy), np.repeat(noisy[..., None], 3, 2))
    small = fit_picture(Eye(32, 1), noisy)
    assert small.shape == (32, 32, 1) and small.dtype == np.uint8
    np.testing.assert_array_equal(
        small[..., 0], np.asarray(Image.fromarray(noisy).resize((32, 32), Image.Resampling.BILINEAR))
    )


@pytest.mark.parametrize(("side", "left"), [(160, 0.48), (128, 0.38)])
def test_resizing_averages_independent_noise_away_as_documented(side, left):
    noise = np.random.default_rng(0).normal(128, 20, (224, 224)).round().astype(np.uint8)
    assert fit_picture(Eye(side, 1), noise).std() / noise.std() == pytest.approx(left, abs=0.01)


def test_an_unreadable_image_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(ImageReadError, match="broken.png"):
        read_picture(tmp_path / "broken.png", size=SIZE)


def test_noises_of_other_names_draw_other_numbers(paths):
    """The same noise model under two names, as every noise of a comparison should have numbers of its own."""
    picture, noise = read_picture(paths["grey"], size=SIZE), GaussianNoise(sigma=20)
    one, other = (corrupt(picture, Corruption(name, 1, noise), seed=0).astype(float) for name in ("one", "other"))
    changes = [(each - picture.pixels).ravel() for each in (one, other)]
    assert abs(np.corrcoef(*changes)[0, 1]) < 0.1
    np.testing.assert_array_equal(one, corrupt(picture, Corruption("one", 1, GaussianNoise(sigma=20)), seed=0))


def test_files_of_other_content_draw_other_numbers_though_they_look_the_same(paths, tmp_path):
    (noise,) = choose_corruptions("gaussian", severities=(1,))
    Image.open(paths["grey"]).save(tmp_path / "packed.png", compress_level=0)
    first, second = read_picture(paths["grey"], size=SIZE), read_picture(tmp_path / "packed.png", size=SIZE)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    changes = [(corrupt(each, noise, seed=0).astype(float) - each.pixels).ravel() for each in (first, second)]
    assert abs(np.corrcoef(*changes)[0, 1]) < 0.1


def test_severities_are_for_pictures_of_224_pixels():
    assert SIDE == 224
