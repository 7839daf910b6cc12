"""Parameters that iterators draw: distributed as stock Keras draws them, on images that are not square."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.augment.keras_compat import KerasImageDataGenerator as Stock

HEIGHT, WIDTH, COUNT = 12, 40, 3000
RANGES: dict[str, Any] = {
    "rotation_range": 35,
    "width_shift_range": 0.3,
    "height_shift_range": 0.2,
    "shear_range": 12,
    "zoom_range": [0.8, 1.6],
    "channel_shift_range": 25.0,
    "brightness_range": (0.6, 1.5),
    "horizontal_flip": True,
    "vertical_flip": True,
}
NAMES = ("theta", "tx", "ty", "shear", "zx", "zy", "channel_shift_intensity", "brightness")
FLIPS = ("flip_horizontal", "flip_vertical")


def drawn(data_format: str) -> dict[str, np.ndarray]:
    """What an iterator over `COUNT` images draws in its first epoch."""
    shape = (COUNT, HEIGHT, WIDTH, 1) if data_format == "channels_last" else (COUNT, 1, HEIGHT, WIDTH)
    flow = ImageDataGenerator(**RANGES, data_format=data_format).flow(np.zeros(shape, np.uint8), seed=4)
    found = [flow.parameters(number) for number in range(COUNT)]
    return {name: np.array([one[name] for one in found], float) for name in (*NAMES, *FLIPS)}


@pytest.fixture(scope="module")
def ours() -> dict[str, np.ndarray]:
    return drawn("channels_last")


@pytest.fixture(scope="module")
def theirs() -> dict[str, np.ndarray]:
    generator = Stock(**RANGES)
    found = [generator.get_random_transform((HEIGHT, WIDTH, 1), seed) for seed in range(COUNT)]
    return {name: np.array([one[name] for one in found], float) for name in (*NAMES, *FLIPS)}


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_is_distributed_as_keras_draws_it(ours: dict, theirs: dict, name: str) -> None:
    assert stats.ks_2samp(ours[name], theirs[name]).pvalue > 1e-3
    assert np.allclose(np.ptp(ours[name]), np.ptp(theirs[name]), rtol=0.01)


def test_shifts_are_shares_of_their_own_side(ours: dict) -> None:
    for found in (ours, drawn("channels_first")):
        assert 0.3 * WIDTH * 0.99 < np.abs(found["ty"]).max() <= 0.3 * WIDTH  # drawn from width_shift_range
        assert 0.2 * HEIGHT * 0.99 < np.abs(found["tx"]).max() <= 0.2 * HEIGHT  # drawn from height_shift_range


def test_parameters_have_nothing_to_do_with_each_other_nor_with_their_neighbours(ours: dict) -> None:
    table = np.stack([ours[name] for name in (*NAMES, *FLIPS)])
    between = np.corrcoef(table) - np.eye(len(table))
    assert np.abs(between).max() < 0.08
    along = [np.corrcoef(row[1:], row[:-1])[0, 1] for row in table]
    assert np.abs(along).max() < 0.08
    assert all(0.45 < ours[name].mean() < 0.55 for name in FLIPS)


def test_no_two_images_of_a_large_set_get_the_same_numbers(ours: dict) -> None:
    assert len(set(ours["theta"])) == len(set(ours["zy"])) == COUNT
