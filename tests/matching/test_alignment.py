"""Alignment against affine maps that SciPy applied, and the correlation of the overlap against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage

from braintumor_tf.matching.alignment import LEAST_OVERLAP, align_two, prepare
from braintumor_tf.matching.frame_alignment import in_frames, in_pixels, rough_alignment
from braintumor_tf.matching.polar_maps import measure
from tests.matching.altered import heads
from tests.matching.test_polar_maps import small

MIDDLE = np.array([47.5, 47.5])


def seen_through(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The image whose point p shows what `image` shows at the map of p (x, y, from the middle)."""
    linear = matrix[::-1, 1::-1]  # SciPy counts rows first
    offset = matrix[::-1, 2] + MIDDLE - linear @ MIDDLE
    return ndimage.affine_transform(image, linear, offset, order=1)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return small(heads(5, first_seed=7))


def affine(angle: float, scale: float, shear: float, x: float, y: float) -> np.ndarray:
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine + shear, x], [sine, cosine, y]])


@pytest.mark.parametrize("made", [affine(0.2, 1, 0, 0, 0), affine(0, 1.1, 0.05, 3, -4), affine(-0.1, 0.95, 0, -5, 2)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_known_map_is_found_from_a_start_that_is_nearly_right(pictures, made, sign):
    for picture in pictures:
        first = seen_through(picture, made)
        second = picture if sign > 0 else 255 - picture
        start = made + np.array([[0.02, -0.02, 1.0], [0.02, 0.02, -1.0]])
        found, correlation, detail, inverted = align_two(prepare(first, (96, 96)), prepare(second, (96, 96)), start)
        np.testing.assert_allclose(found[:, :2], made[:, :2], atol=0.01)
        np.testing.assert_allclose(found[:, 2], made[:, 2], atol=0.4)
        assert correlation > 0.98 and detail > 0.95 and inverted == (sign < 0)


def test_two_patients_do_not_agree_however_they_are_laid(pictures):
    for first, second in itertools.pairwise(pictures):
        _, _, detail, _ = align_two(prepare(first, (96, 96)), prepare(second, (96, 96)), np.eye(2, 3))
        assert detail < 0.85


@pytest.mark.parametrize(("shift", "enough"), [(60, True), (70, False)])
def test_three_tenths_of_the_frame_must_overlap(monkeypatch, pictures, shift, enough):
    """92 - 60 of 96 columns and 92 of 96 rows are 32 %, 92 - 70 are 22 %; the margin is two pixels."""
    assert LEAST_OVERLAP == 0.3
    monkeypatch.setattr("cv2.findTransformECC", lambda first, second, start, *_: (1.0, start))
    one = prepare(pictures[0], (96, 96))
    _, correlation, _, _ = align_two(one, one, np.array([[1, 0, shift], [0, 1, 0]], float))
    assert (correlation != 0) is enough


def test_equal_ranks_correlate_whatever_the_grey_levels(pictures):
    bent = np.uint8(255 * (pictures[0] / 255.0) ** 3)
    _, correlation, detail, _ = align_two(prepare(pictures[0], (96, 96)), prepare(bent, (96, 96)), np.eye(2, 3))
    assert correlation > 0.95 and detail > 0.85


def test_the_first_steps_come_nearer_to_a_known_map(pictures):
    made = affine(0.05, 1.03, 0, 2, -1)
    both = np.concatenate([[seen_through(picture, made) for picture in pictures], pictures])
    measured = measure(both, np.full((10, 2), 96))
    first, second = np.arange(5), np.arange(5, 10)
    start = np.tile(np.eye(2, 3), (5, 1, 1))
    found, likeness = rough_alignment(measured.details, first, second, in_frames(start, measured.shapes, first, second))
    found = in_pixels(found, measured.shapes, first, second)
    assert (np.abs(found - made).sum((1, 2)) < 0.5 * np.abs(start - made).sum((1, 2))).all()
    assert likeness.min() > 0.9


def test_maps_of_frames_and_of_pixels_are_each_other_s_inverse():
    shapes, one, other = np.array([[80, 115], [96, 96]]), np.array([0]), np.array([1])
    made = affine(0.3, 1.2, 0.1, 7, -3)[None]
    np.testing.assert_allclose(in_pixels(in_frames(made, shapes, one, other), shapes, one, other), made)
    corner = in_frames(made, shapes, one, other)[0] @ [0.5, -0.5, 1]
    np.testing.assert_allclose(corner * 96, made[0] @ [57.5, -40, 1])
