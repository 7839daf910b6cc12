"""Details laid into other frames, their correlation, and polar maps made of small details."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.matching.frame_alignment import composed, details_in_frames, masked_correlation, rough_alignment
from braintumor_tf.matching.polar_maps import detail_spectra, measure
from braintumor_tf.matching.poses import best_turn, inverse, turned_onto
from tests.matching.altered import heads, turned

COUNT = 4


def small(images: list[np.ndarray]) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(image).resize((96, 96), Image.Resampling.BOX)) for image in images])


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return small(heads(COUNT))


def unchanged(count: int) -> np.ndarray:
    return np.tile(np.eye(2, 3), (count, 1, 1))


def test_a_picture_in_its_own_frame_has_its_own_detail(pictures):
    measured = measure(pictures, np.full((COUNT, 2), 160))
    details, inside = details_in_frames(pictures, np.arange(COUNT), unchanged(COUNT), measured.shapes)
    np.testing.assert_allclose(details, measured.details, atol=2e-3)
    assert inside.all()


def test_a_mirrored_picture_laid_back_has_the_detail_of_the_first(pictures):
    """A border of a quarter on each side: the frame lies in the middle of the copy, mirrored, half its size."""
    copies = small([np.pad(image[:, ::-1], 80) for image in heads(COUNT)])
    back = np.tile(np.array([[-0.5, 0, 0], [0, 0.5, 0]]), (COUNT, 1, 1))
    shapes = np.full((COUNT, 2), 96)
    wanted, _ = details_in_frames(pictures, np.arange(COUNT), unchanged(COUNT), shapes)
    found, inside = details_in_frames(copies, np.arange(COUNT), back, shapes)
    assert inside.all() and (masked_correlation(wanted, found, inside) > 0.95).all()


def test_what_a_cropped_picture_does_not_reach_is_said(pictures):
    half = np.tile(np.array([[1.0, 0, 0.25], [0, 1, 0]]), (COUNT, 1, 1))
    _, inside = details_in_frames(pictures, np.arange(COUNT), half, np.full((COUNT, 2), 96), grid=48)
    assert inside.shape == (COUNT, 48, 48) and inside[:, :, :35].all() and not inside[:, :, 37:].any()


def test_the_correlation_is_that_of_the_cells_that_count():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 3, 8, 8)).astype(np.float32)
    inside = (rng.random((3, 8, 8)) > 0.4).astype(np.float32)
    inside[2] = 0
    found = masked_correlation(left, right, inside)
    for row in range(2):
        kept = inside[row] > 0
        assert found[row] == pytest.approx(np.corrcoef(left[row][kept], right[row][kept])[0, 1], abs=1e-5)
    assert found[2] == 0


def test_maps_are_composed_and_undone():
    rng = np.random.default_rng(0)
    first, second = unchanged(5) + 0.2 * rng.normal(size=(2, 5, 2, 3))
    point = np.array([0.3, -0.1, 1.0])
    between = np.append(second[0] @ point, 1)
    np.testing.assert_allclose(composed(first, second)[0] @ point, first[0] @ between)
    np.testing.assert_allclose(composed(first, inverse(first)), unchanged(5), atol=1e-12)


def test_alignment_on_a_finer_grid_finds_a_shift():
    place = np.linspace(-3, 3, 48)
    blob = np.exp(-(place[:, None] ** 2) - place**2) * np.cos(2 * place)
    moved = np.roll(blob, 2, axis=1)
    maps, likeness = rough_alignment(np.stack([blob, moved]), np.array([0]), np.array([1]), unchanged(1), steps=6)
    assert maps[0, 0, 2] == pytest.approx(2 / 48, abs=0.004) and likeness[0] > 0.99


def test_small_details_are_enough_to_find_the_turn(pictures):
    copies = small([turned(image, 40) for image in heads(COUNT)])
    here, there = (measure(part, np.full((COUNT, 2), 160)) for part in (pictures, copies))
    spectra = detail_spectra(there.details, there.circles[:, 0], there.shapes)
    score, mirrored, turn = best_turn(here.spectra[:, 0], spectra)
    np.testing.assert_allclose(np.rad2deg(turn), 40, atol=4)
    assert not mirrored.any() and (score > 0.6).all()
    agreement, maps = turned_onto(here.spectra[:, 0], here.circles[:, 0], spectra, there.circles[:, 0])
    np.testing.assert_allclose(agreement, np.abs(score))
    np.testing.assert_allclose(np.rad2deg(np.arctan2(maps[:, 1, 0], maps[:, 0, 0])), 40, atol=4)
