"""How equalised pictures are told and darkened, against SciPy's Kolmogorov-Smirnov test and Pillow's equaliser."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import kstest

from braintumor_tf.matching import other_poses, pose_pairs
from braintumor_tf.matching.tones import EVEN, POWER, darkened, equalised, unevenness
from tests.matching.altered import equalised as pillow_equalised
from tests.matching.altered import heads
from tests.matching.test_polar_maps import small


def noisy(image: np.ndarray, seed: int = 0) -> np.ndarray:
    """A slice as JPEG leaves it: its background is not quite black, so that equalising makes it bright."""
    noise = np.random.default_rng(seed).normal(3, 1.5, image.shape)
    return np.uint8(np.clip(image * 0.9 + np.abs(noise), 0, 255))


def test_the_distance_from_even_is_that_of_scipy():
    rng = np.random.default_rng(0)
    pictures = np.uint8([rng.integers(3, 256, (96, 96)), rng.integers(3, 120, (96, 96)), rng.normal(90, 20, (96, 96))])
    expected = [kstest((picture.ravel() + 0.5) / 256, "uniform").statistic for picture in pictures]
    np.testing.assert_allclose(unevenness(pictures), expected, atol=0.02)


def test_black_is_left_out_and_black_pictures_are_not_equalised():
    half = np.tile(np.arange(256, dtype=np.uint8), (96, 1))
    with_black = half.copy()
    with_black[:40] = 0
    np.testing.assert_allclose(unevenness(np.stack([half, with_black])), [0, 0], atol=0.02)
    assert unevenness(np.zeros((1, 96, 96), np.uint8)).tolist() == [1]


@pytest.mark.parametrize(("brightest", "told"), [(210, True), (190, False)])
def test_the_threshold(brightest, told):
    """Levels spread evenly up to a share of white are 1 less that share away from even: 0.18 and 0.25."""
    assert EVEN == 0.22
    picture = np.uint8(np.linspace(3, brightest, 96 * 96)).reshape(1, 96, 96)
    assert (len(equalised(picture)) == 1) is told


def test_equalised_slices_are_told_from_slices():
    slices = [noisy(image, seed) for seed, image in enumerate(heads(6))]
    assert not len(equalised(small(slices)))
    assert equalised(small([pillow_equalised(image) for image in slices])).tolist() == list(range(6))


def test_darkened_levels():
    assert POWER == 3
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(darkened(levels), np.rint(255 * (levels / 255.0) ** 3))
    assert (np.diff(darkened(levels).astype(int)) >= 0).all()


@pytest.fixture(scope="module")
def equalised_set() -> tuple[np.ndarray, np.ndarray]:
    """Six slices and their equalised copies, each mirrored, as small pictures; and their sizes."""
    slices = [noisy(image, seed) for seed, image in enumerate(heads(6))]
    copies = [np.asarray(Image.fromarray(pillow_equalised(image)).transpose(0)) for image in slices]
    return small([*slices, *copies]), np.full((12, 2), 160)


def test_equalised_and_mirrored_copies_are_found(equalised_set):
    pairs = pose_pairs(*equalised_set, np.empty(0, np.int64))
    assert list(zip(pairs["first"], pairs["second"])) == [(number, number + 6) for number in range(6)]
    assert pairs["mirrored"].all() and not pairs["inverted"].any()


def test_they_are_lost_where_none_is_darkened(equalised_set, monkeypatch):
    monkeypatch.setattr(other_poses, "equalised", lambda pictures: np.empty(0, np.int64))
    assert len(pose_pairs(*equalised_set, np.empty(0, np.int64))) < 6


def test_a_darkened_picture_is_no_copy_of_itself_and_known_pairs_stay_away(equalised_set):
    pictures, sizes = equalised_set
    known = np.array([number * 12 + number + 6 for number in range(6)])
    assert pose_pairs(pictures, sizes, known).empty


def test_two_equalised_pictures_are_one_pair_in_the_better_of_their_tones(equalised_set):
    pictures, sizes = equalised_set
    both = np.concatenate([pictures[6:], pictures[6:, ::-1]])
    pairs = pose_pairs(both, sizes, np.empty(0, np.int64))
    assert list(zip(pairs["first"], pairs["second"])) == [(number, number + 6) for number in range(6)]
    assert isinstance(pairs, pd.DataFrame) and set(pairs["pose"]) == {"mirrored and turned 180"}
