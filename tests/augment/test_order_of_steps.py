"""What comes after what: geometry, channel shift, brightness, noise, own function, rescaling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keras.utils import load_img
from PIL import Image

from braintumor_tf.augment import ImageDataGenerator, SaltAndPepperNoise
from braintumor_tf.augment.keras_compat import KerasImageDataGenerator as Stock
from tests.augment.conftest import smooth_image

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")


@pytest.mark.parametrize("geometry", [{}, {"theta": 33, "zx": 0.8, "ty": 3}], ids=["still", "moved"])
@pytest.mark.parametrize("shift", [-70.0, 70.0])
@pytest.mark.parametrize("brightness", [0.4, 1.7])
def test_channel_shift_comes_before_brightness_as_in_keras(geometry: dict, shift: float, brightness: float) -> None:
    image = np.rint(smooth_image(7, 18, 26) * 0.6 + 30)
    parameters = {**geometry, "channel_shift_intensity": shift, "brightness": brightness, "flip_horizontal": True}
    ours, theirs = (
        kind(interpolation_order=0, fill_mode="constant", cval=40).apply_transform(image.copy(), dict(parameters))
        for kind in (ImageDataGenerator, Stock)
    )
    assert (np.abs(ours - theirs) > 1).mean() < 0.01  # ties of the nearest neighbour


def test_noise_comes_after_brightness_and_before_rescaling() -> None:
    images = np.full((2, 30, 30, 1), 100, np.uint8)
    generator = ImageDataGenerator(
        brightness_range=(0.5, 0.5), noise=SaltAndPepperNoise(0.3), rescale=1 / 255, fill_mode="constant",
        rotation_range=45, cval=7, seed=0,
    )  # fmt: skip
    values = np.unique(np.rint(generator.flow(images, batch_size=2)[0] * 255))
    assert values.tolist() == [0, 3, 50, 255]  # pepper, the dimmed border and the dimmed image, salt


def test_whole_numbers_are_rounded_by_a_transform_and_limited_to_their_type() -> None:
    image = smooth_image(3, 20, 24).astype(np.uint8)
    parameters = {"theta": 20, "zx": 0.9, "zy": 0.9}
    exact = ImageDataGenerator().apply_transform(image.astype(np.float32), parameters)
    turned = ImageDataGenerator().apply_transform(image, parameters)
    assert turned.dtype == np.uint8
    np.testing.assert_allclose(turned, exact, atol=0.5001)


def test_the_generator_s_own_draws_follow_its_seed() -> None:
    arguments = {"rotation_range": 30, "noise": SaltAndPepperNoise((0.1, 0.3)), "seed": 6}
    first, second = ([make.get_random_transform((9, 9, 3)) for _ in range(3)] for make in (
        ImageDataGenerator(**arguments), ImageDataGenerator(**arguments)))  # fmt: skip
    assert first == second and len({one["theta"] for one in first}) == 3
    assert len({one["noise"]["seed"] for one in first}) == len({one["noise"]["amount"] for one in first}) == 3
    other = ImageDataGenerator(**{**arguments, "seed": 7}).get_random_transform((9, 9, 3))
    assert other["theta"] not in {one["theta"] for one in first}
    seeded = [ImageDataGenerator(**arguments).get_random_transform((9, 9, 3), seed=seed)["noise"] for seed in (0, 0, 1)]
    assert seeded[0] == seeded[1] != seeded[2]


def test_alpha_gets_no_noise_in_a_batch() -> None:
    images = np.full((2, 20, 20, 4), 90, np.uint8)
    flow = ImageDataGenerator(noise=SaltAndPepperNoise(0.5), seed=0).flow(images, batch_size=2)
    batch = flow[0]
    assert (batch[..., 3] == 90).all() and 0.4 < (batch[..., :3] != 90).mean() < 0.6


@pytest.mark.parametrize(("grey", "alike"), [(None, True), (True, True), (False, False)])
def test_a_replayed_record_gives_grey_channels_the_noise_that_the_generator_gives(grey: bool, alike: bool) -> None:
    images = np.repeat(smooth_image(2, 16, 18, 1), 3, axis=2)[None].repeat(3, axis=0)
    generator = ImageDataGenerator(noise=SaltAndPepperNoise(0.4), grey=grey, seed=0)
    flow = generator.flow(images, batch_size=3, shuffle=False)
    for number, image in enumerate(flow[0]):
        again = generator.apply_transform(images[number], flow.parameters(number))
        np.testing.assert_allclose(again, image, atol=1e-3)
        assert (np.ptp(again, axis=2).max() == 0) == alike


@pytest.mark.parametrize("source", ["folder", "table"])
def test_the_aspect_ratio_is_kept_by_cutting(tmp_path: Path, source: str) -> None:
    (tmp_path / "a").mkdir()
    Image.fromarray(smooth_image(1, 30, 60).astype(np.uint8)).save(tmp_path / "a" / "wide.png")
    options = {"target_size": (20, 20), "class_mode": None, "interpolation": "bilinear"}

    def read(keep: bool) -> np.ndarray:
        make = ImageDataGenerator()
        if source == "folder":
            return make.flow_from_directory(str(tmp_path), keep_aspect_ratio=keep, **options)[0][0]
        frame = pd.DataFrame({"filename": ["a/wide.png"]})
        return make.flow_from_dataframe(frame, str(tmp_path), keep_aspect_ratio=keep, **options)[0][0]

    for keep in (True, False):
        expected = load_img(tmp_path / "a" / "wide.png", target_size=(20, 20), interpolation="bilinear",
                            keep_aspect_ratio=keep)  # fmt: skip
        np.testing.assert_array_equal(read(keep), np.asarray(expected, np.float32))
    assert np.abs(read(True) - read(False)).mean() > 5
