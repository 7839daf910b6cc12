"""Circles of heads against geometry, and fingerprints that a turn, a mirror and inverted grey levels do not change."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.matching.polar_maps import ANGLES, CROPS, head_circles, measure, picture_shapes
from braintumor_tf.matching.poses import best_turn, candidates, invariants, inverse, pose_fingerprints, similarity
from tests.matching.altered import heads, turned


def small(images: list[np.ndarray]) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(image).resize((96, 96), Image.Resampling.BOX)) for image in images])


@pytest.fixture(scope="module")
def slices() -> np.ndarray:
    return small(heads(6))


def measured(pictures):
    return measure(pictures, np.full((len(pictures), 2), 96))


@pytest.mark.parametrize("inverted", [False, True])
def test_the_circle_of_an_ellipse_has_its_centre_and_area(inverted):
    y, x = np.mgrid[:96, :96]
    picture = np.where(((x - 50) / 30) ** 2 + ((y - 40) / 20) ** 2 <= 1, 180, 10).astype(np.float32)
    picture[38:43, 45:55] = 10  # a dark hole is filled
    circles = head_circles(255 - picture if inverted else picture)
    np.testing.assert_allclose(circles[: len(CROPS)], [[2.5, -7.5, np.sqrt(600)]] * len(CROPS), atol=0.8)
    np.testing.assert_allclose(circles[-1], [0, 0, np.sqrt(96 * 96 / np.pi)], atol=1e-4)


def test_a_picture_of_nothing_has_the_circle_of_its_frame():
    np.testing.assert_allclose(head_circles(np.full((96, 96), 7, np.float32))[:, :2], 0)


def test_shapes_keep_the_area_and_the_aspect_up_to_two_to_one():
    shapes = picture_shapes(np.array([[400, 300], [100, 1000]]))
    np.testing.assert_allclose(shapes.prod(1), 96 * 96, rtol=0.02)
    np.testing.assert_allclose(shapes[:, 0] / shapes[:, 1], [4 / 3, 0.5], rtol=0.02)


@pytest.mark.parametrize("change", ["turned", "mirrored", "inverted"])
def test_invariants_do_not_change(change):
    """On spectra themselves, so that no sampling of pixels blurs the statement."""
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(3, 20, ANGLES))
    other = {"turned": np.roll(maps, 7, 2), "mirrored": maps[:, :, ::-1], "inverted": -maps}[change]
    made = [invariants(np.fft.rfft(values, axis=-1)[..., :13]) for values in (maps, other)]
    np.testing.assert_allclose(*made, rtol=1e-4, atol=1e-4)
    assert not np.allclose(made[0][0], made[0][1])


@pytest.mark.parametrize(
    "alter", [np.rot90, np.fliplr, lambda image: 255 - image], ids=["turned", "mirrored", "inverted"]
)
def test_fingerprints_of_pictures_hardly_change(slices, alter):
    prints = pose_fingerprints(measured(slices).spectra)
    others = pose_fingerprints(measured(np.stack([alter(image) for image in slices])).spectra)
    likeness = prints[0] @ others[0].T
    assert np.diag(likeness).min() > 0.97 and (likeness - np.eye(len(slices))).max() < 0.8
    np.testing.assert_allclose(np.linalg.norm(prints, axis=2), 1, atol=1e-5)


@pytest.mark.parametrize("steps", [0, 5, 20])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_best_turn_is_the_one_that_was_made(steps, mirrored, sign):
    first = np.random.default_rng(1).normal(size=(1, 20, ANGLES))
    second = sign * np.roll(first, steps, axis=2)
    second = second[:, :, -np.arange(ANGLES) % ANGLES] if mirrored else second
    spectra = [np.fft.rfft(values, axis=-1) for values in (first, second)]
    score, flip, angle = best_turn(*spectra)
    assert np.sign(score[0]) == sign and flip[0] == mirrored
    np.testing.assert_allclose(angle[0], steps * 2 * np.pi / ANGLES, atol=1e-6)


def test_a_candidate_tells_where_its_points_went():
    images = heads(4)
    pictures = small([*images, *(np.ascontiguousarray(turned(image, 30)[:, ::-1]) for image in images)])
    found = candidates(measured(pictures), np.empty(0, np.int64))
    for number in range(4):
        row = np.flatnonzero((found.first == number) & (found.second == number + 4))[0]
        linear = np.array([[-1, 0], [0, 1]]) @ [[np.cos(np.pi / 6), -0.5], [0.5, np.cos(np.pi / 6)]]
        np.testing.assert_allclose(found.maps[row, :, :2], linear, atol=0.06)
    codes = found.first * 8 + found.second
    assert (found.first < found.second).all() and (np.diff(codes) > 0).all()
    again = candidates(measured(pictures), codes[:2])
    assert not np.isin(again.first * 8 + again.second, codes[:2]).any()


def test_a_similarity_carries_one_circle_onto_the_other_and_its_inverse_back():
    first, second = np.array([[3.0, -2.0, 10.0]]), np.array([[-1.0, 5.0, 20.0]])
    made = similarity(first, second, np.array([True]), np.array([0.7]))
    np.testing.assert_allclose(made[0] @ [3, -2, 1], [-1, 5])
    assert np.isclose(np.linalg.det(made[0, :, :2]), -4)
    np.testing.assert_allclose(inverse(made)[0] @ [-1, 5, 1], [3, -2])
