"""Lesions taken out and put in, and the controls: what changes, what stays, and what is drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from braintumor_tf.augment.counterfactual import lesion_region, paste_lesion, paste_patch, refill_region, remove_lesion
from braintumor_tf.augment.counterfactual.blending import band_width, blend, ramp
from braintumor_tf.augment.counterfactual.filling import fill_region, mirror_axis
from braintumor_tf.augment.counterfactual.heads import elsewhere, find_head, inner_head
from braintumor_tf.identity.lesions import LesionBox

SIDE = 120


def head(seed: int = 0, *, tilt: float = 0.0, level: float = 110.0) -> np.ndarray:
    """A symmetric head with a bright skull, two dark ventricles and noise."""
    image = np.zeros((SIDE, SIDE), np.float32)
    cv2.ellipse(image, (60, 60), (44, 54), tilt, 0, 360, 220, -1)
    cv2.ellipse(image, (60, 60), (39, 49), tilt, 0, 360, level, -1)
    turn = np.deg2rad(tilt)
    for side in (-12, 12):
        middle = (round(60 + side * np.cos(turn)), round(60 + side * np.sin(turn)))
        cv2.ellipse(image, middle, (4, 12), tilt, 0, 360, 40, -1)
    noise = np.random.default_rng(seed).normal(0, 4, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8)


def with_lesion(
    image: np.ndarray, middle: tuple[int, int] = (82, 50), radius: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros(image.shape, np.uint8)
    cv2.circle(mask, middle, radius, 1, -1)
    noise = np.random.default_rng(9).normal(0, 4, image.shape)
    return np.where(mask > 0, np.clip(235 + noise, 0, 255), image).astype(np.uint8), mask.astype(bool)


def far_from(region: np.ndarray) -> np.ndarray:
    """Where nothing may change: by the definition of the band, in plain distances."""
    rows, columns = np.nonzero(region)
    grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), -1).reshape(-1, 1, 2)
    distance = np.sqrt(((grid - np.stack([rows, columns], -1)) ** 2).sum(-1)).min(1).reshape(region.shape)
    return distance > band_width(region) + 1


@pytest.mark.parametrize("tilt", [0.0, 8.0])
def test_a_removed_lesion_leaves_tissue_of_the_other_side_and_all_else_as_it_was(tilt):
    healthy = head(tilt=tilt)
    image, mask = with_lesion(healthy)
    region = lesion_region(mask, image.shape)
    removed, source = fill_region(image, region)
    assert source == "mirrored" and np.array_equal(removed, remove_lesion(image, region))
    np.testing.assert_array_equal(removed[far_from(region)], image[far_from(region)])
    assert abs(float(removed[mask].mean()) - float(healthy[mask].mean())) < 8
    grain = [float((each - cv2.GaussianBlur(each, (0, 0), 1.5))[mask].std()) for each in (
        removed.astype(np.float32), healthy.astype(np.float32))]  # fmt: skip
    assert 0.6 < grain[0] / grain[1] < 1.4, "neither smooth nor noisier"


def test_the_axis_is_that_of_the_head_and_the_lesion_does_not_pull_it():
    for tilt in (-9.0, 0.0, 6.0):
        image, mask = with_lesion(head(tilt=tilt))
        axis = mirror_axis(image, ignored=lesion_region(mask, image.shape))
        turn = np.deg2rad(2 * tilt)
        np.testing.assert_allclose(axis.matrix[:, :2], [[-np.cos(turn), -np.sin(turn)], [-np.sin(turn), np.cos(turn)]],
                                   atol=0.12)  # fmt: skip
        assert axis.correlation > 0.9


def test_a_lesion_on_the_midline_is_filled_from_elsewhere_and_a_huge_one_is_refused():
    image, mask = with_lesion(head(), middle=(60, 85), radius=7)
    removed, source = fill_region(image, lesion_region(mask, image.shape))
    assert source == "elsewhere" and removed[mask].mean() < 150
    whole = lesion_region(LesionBox(0.5, 0.5, 0.62, 0.8), image.shape)
    assert remove_lesion(image, whole) is None


def test_a_region_holds_the_lesion_and_little_more():
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(mask, (40, 60), 15, 255, -1)
    region = lesion_region(mask, mask.shape)
    assert region[mask > 0].all() and region.sum() < 1.4 * (mask > 0).sum()
    box = LesionBox(0.4, 0.5, 0.2, 0.3)
    rounded = lesion_region(box, (100, 200))
    assert rounded[50, 80] and rounded[36:65, 80].all() and not rounded[30, 55], "the corners of the box are cut"
    assert lesion_region(LesionBox(0.5, 0.5, 0.001, 0.001), (10, 10)).sum() == 1


def test_a_pasted_lesion_keeps_its_contrast_and_all_else_stays():
    donor, mask = with_lesion(head(1, level=80.0))
    image = head(2, level=140.0)
    pasted, region = paste_lesion(image, donor, lesion_region(mask, donor.shape), np.random.default_rng(0))
    np.testing.assert_array_equal(pasted[far_from(region)], image[far_from(region)])
    core = cv2.erode(region.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    assert pasted[core].mean() > 200 and find_head(image)[region].mean() > 0.95
    again = paste_lesion(image, donor, lesion_region(mask, donor.shape), np.random.default_rng(0))
    other = paste_lesion(image, donor, lesion_region(mask, donor.shape), np.random.default_rng(1))
    assert np.array_equal(pasted, again[0]) and not np.array_equal(pasted, other[0])


def test_a_pasted_lesion_has_the_size_that_it_has_in_its_own_head():
    donor, mask = with_lesion(head(1))
    small = np.zeros((SIDE, SIDE), np.uint8)
    small[30:90, 30:90] = cv2.resize(head(2), (60, 60), interpolation=cv2.INTER_AREA)
    part = lesion_region(mask, donor.shape)
    drawn = [paste_lesion(small, donor, part, np.random.default_rng(seed)) for seed in range(8)]
    ratios = [np.sqrt(found[1].sum() / part.sum()) for found in drawn if found is not None]
    assert len(ratios) > 4 and min(ratios) > 0.5 * 0.8 and max(ratios) < 0.5 * 1.25
    sides = {bool(np.nonzero(found[1])[1].mean() > 60) for found in drawn if found is not None}
    assert sides == {True, False}, "either side of the head"


def test_controls_change_as_much_elsewhere_and_leave_the_lesion():
    image, mask = with_lesion(head())
    region = lesion_region(mask, image.shape)
    control, where = refill_region(image, region, np.random.default_rng(0))
    assert not (where & region).any() and where.sum() == region.sum()
    np.testing.assert_array_equal(control[far_from(where)], image[far_from(where)])
    assert control[mask].mean() == pytest.approx(image[mask].mean(), abs=2)
    patched, place = paste_patch(head(3), head(4), region, np.random.default_rng(0))
    np.testing.assert_array_equal(patched[far_from(place)], head(3)[far_from(place)])
    assert (patched != head(3)).any()


def test_a_region_moves_into_the_head_beside_what_is_avoided():
    image, mask = with_lesion(head())
    inner = inner_head(find_head(image))
    for seed in range(5):
        moved = elsewhere(mask, inner, np.random.default_rng(seed), avoided=mask)
        assert moved.sum() == mask.sum() and inner[moved].mean() > 0.9 and not (moved & mask).any()


def test_blending_keeps_the_strength_of_noise_in_the_band():
    generator = np.random.default_rng(0)
    target, source = (generator.normal(mean, 10, (160, 160)).astype(np.float32) for mean in (100, 150))
    region = np.zeros((160, 160), bool)
    region[50:110, 50:110] = True
    found = blend(target, source, region)
    weight = ramp(region, band_width(region))
    band = (weight > 0.2) & (weight < 0.8)
    assert found[band].std() == pytest.approx(10, rel=0.12), "0.7 of it where noises are averaged"
    assert found[region].std() == pytest.approx(10, rel=0.12)
    assert found[region].mean() == pytest.approx(100, abs=3)
    louder = blend(target, source * 1.6 - 90, region)
    assert louder[region].std() == pytest.approx(10, rel=0.2), "noise is brought to the target's strength"
