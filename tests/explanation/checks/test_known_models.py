"""Whether the checks of explanations can tell a good explanation from a bad one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf import explanation
from braintumor_tf.errors import DatasetError, ExplanationError
from braintumor_tf.explanation.checks.covered_images import masked_probabilities
from braintumor_tf.explanation.checks.map_scores import area_share, pointing_by_chance
from braintumor_tf.explanation.checks.masks import border_mask, cover, grow, place_elsewhere
from braintumor_tf.explanation.checks.outside_head import SHOWN, WHOLE
from braintumor_tf.explanation.checks.results import CheckResult, CheckRow, as_table
from braintumor_tf.explanation.checks.run_checks import draw_images
from braintumor_tf.types import Score

SHAPE = (40, 52)
CLASSES = ("left", "right")


def disc(row: float = 20, column: float = 26, radius: float = 6, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


@st.composite
def discs(draw: st.DrawFn) -> np.ndarray:
    return disc(draw(st.integers(0, SHAPE[0] - 1)), draw(st.integers(0, SHAPE[1] - 1)), draw(st.integers(1, 15)))


# === Scores of maps ===


@settings(max_examples=30, deadline=None)
@given(mask=discs())
def test_a_perfect_map_scores_one_and_its_opposite_nothing(mask):
    for scorer in (explanation.pointing_game, explanation.energy_inside):
        assert scorer([mask.astype(np.float32)], [mask]) == 1.0
    assert explanation.energy_inside([(~mask).astype(np.float32)], [mask]) == 0.0
    assert explanation.pointing_game([(~mask).astype(np.float32)], [mask], tolerance=0) == 0.0


@settings(max_examples=30, deadline=None)
@given(mask=discs(), level=st.floats(0, 1))
def test_a_map_that_says_nothing_scores_its_share_of_the_picture(mask, level):
    flat = np.full(SHAPE, level, np.float32)
    np.testing.assert_allclose(explanation.energy_inside([flat], [mask]), area_share([mask]))
    np.testing.assert_allclose(explanation.pointing_game([flat], [mask]), pointing_by_chance([mask]))


def test_random_maps_score_what_chance_gives():
    generator, mask = np.random.default_rng(0), disc()
    maps = generator.random((3000, *SHAPE))
    masks = np.broadcast_to(mask, maps.shape)
    energies = explanation.energy_inside(maps, masks)
    assert energies.mean() == pytest.approx(mask.mean(), abs=4 * energies.std() / len(maps) ** 0.5)
    chance = grow(mask, 0.03).mean()
    hits = explanation.pointing_game(maps, masks)
    assert set(hits) == {0.0, 1.0} and hits.mean() == pytest.approx(chance, abs=4 * (chance / len(maps)) ** 0.5)


@settings(max_examples=30, deadline=None)
@given(mask=discs(), seed=st.integers(0, 99), factor=st.floats(0.01, 100))
def test_scores_depend_neither_on_scale_nor_on_orientation(mask, seed, factor):
    heat = np.random.default_rng(seed).random(SHAPE)
    for scorer in (explanation.pointing_game, explanation.energy_inside):
        found = scorer([heat], [mask])
        np.testing.assert_allclose(scorer([heat * factor], [mask]), found)
        np.testing.assert_allclose(scorer([heat[::-1]], [mask[::-1]]), found)
        np.testing.assert_allclose(scorer([heat.T], [mask.T]), found)


def test_tolerance_reaches_as_far_as_it_says():
    heat, mask = np.zeros(SHAPE), disc(radius=0.5)
    heat[20, 26 + 5] = 1
    assert explanation.pointing_game([heat], [mask], tolerance=5 / 52) == 1.0
    assert explanation.pointing_game([heat], [mask], tolerance=4.9 / 52) == 0.0


@pytest.mark.parametrize(
    ("maps", "masks", "message"),
    [
        (np.ones((2, 4, 4)), np.ones((1, 4, 4)), "2 maps and 1 masks"),
        (np.ones((1, 4, 4)), np.ones((1, 4, 5)), "map 0 has shape"),
        (np.ones((1, 4, 4)), np.zeros((1, 4, 4)), "mask 0 is empty"),
        (np.full((1, 4, 4), np.nan), np.ones((1, 4, 4)), "NaN"),
        (-np.ones((1, 4, 4)), np.ones((1, 4, 4)), "negative"),
    ],
)
def test_what_cannot_be_scored_is_refused(maps, masks, message):
    for scorer in (explanation.pointing_game, explanation.energy_inside):
        with pytest.raises(ExplanationError, match=message):
            scorer(maps, masks)


# === Masks and covers ===


@settings(max_examples=30, deadline=None)
@given(row=st.integers(12, 28), column=st.integers(14, 38), radius=st.integers(1, 6), seed=st.integers(0, 9))
def test_the_control_is_as_large_and_elsewhere_in_the_head(row, column, radius, seed):
    head, mask = disc(20, 26, 18), disc(row, column, radius)
    moved = place_elsewhere(mask, head, np.random.default_rng(seed))
    assert moved.sum() == mask.sum() and not (moved & mask).any() and not (moved & ~head).any()


def test_a_cover_changes_what_it_covers_and_nothing_else():
    image = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    before, mask = image.copy(), disc()
    for fill in (None, 0, 77.4):
        covered = cover(image, mask, fill=fill)
        np.testing.assert_array_equal(covered[~mask], image[~mask])
        assert (covered[mask] != image[mask]).any() and (fill is None or (covered[mask] == round(fill)).all())
    np.testing.assert_array_equal(image, before)
    assert border_mask((64, 128))[:3].all() and not border_mask((64, 128))[3:61, 6:122].any()


# === Checks of a model that is known ===


def known_model(where: tuple[slice, slice]) -> SimpleNamespace:
    """A model that answers by the brightness of one place of its 40 x 52 picture alone."""

    def predict_images(images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        bright = images[(slice(None), *where)].mean(axis=(1, 2, 3)) / 255
        right = np.clip((bright - 0.3) * 3, 0.02, 0.98)
        return np.stack([1 - right, right], axis=1)

    return SimpleNamespace(classes=CLASSES, channels=1, crop=None, image_size=SHAPE, predict_images=predict_images)


LESION, CORNER = (slice(14, 27), slice(20, 33)), (slice(0, 2), slice(0, 2))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Heads whose lesion is bright in one class, with a corner that is bright in the same class."""
    folder, rows, masks = tmp_path_factory.mktemp("pictures"), [], []
    generator = np.random.default_rng(0)
    for number in range(24):
        label = CLASSES[number % 2]
        image = np.where(disc(radius=18), 60, 0) + generator.integers(0, 6, SHAPE)
        image[disc()] = 200 if label == "right" else 60
        image[CORNER] = 250 if label == "right" else 0
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), image.astype(np.uint8))
        rows.append({"path": str(path), "label": label, "split": "test", "group": f"g{number // 2}"})
        masks.append(disc())
    return pd.DataFrame(rows), masks


def test_a_model_that_looks_at_the_corner_is_found_out(pictures):
    manifest, masks = pictures
    lesion = explanation.outside_check(known_model(LESION), manifest, resamples=100).table.set_index("shown")
    corner = explanation.outside_check(known_model(CORNER), manifest, resamples=100).table.set_index("shown")
    assert list(lesion.index) == list(SHOWN)
    assert lesion["accuracy"][WHOLE] == corner["accuracy"][WHOLE] == 1
    assert lesion["share"].round(6).tolist() == [1, 1, 1, 0, 0]
    assert corner["share"].round(6).tolist() == [1, 0, 0, 1, 1]
    assert corner["change"].tolist() == [0, -0.5, -0.5, 0, 0] and (corner["constant"] == 0.5).all()
    checked = explanation.masking_check(known_model(LESION), manifest, masks=masks, resamples=100).table.set_index(
        "masked"
    )
    assert checked["drop"]["lesion"] > 0.2 and checked["beyond_elsewhere_low"]["lesion"] > 0.2
    assert abs(checked["drop"][["elsewhere", "border"]]).max() < 0.01
    checked = explanation.masking_check(known_model(CORNER), manifest, masks=masks, resamples=100).table.set_index(
        "masked"
    )
    assert abs(checked["drop"]["lesion"]) < 0.01 and checked["drop"]["border"] > 0.2


def test_many_covered_images_keep_their_order(pictures):
    manifest = pictures[0].sample(150, replace=True, random_state=0).reset_index(drop=True)
    numbers = []

    def versions(image, number):
        numbers.append(number)
        return {"as it is": image, "inverted": 255 - image}

    _, found = masked_probabilities(known_model(LESION), manifest, versions, show_progress=False)
    assert numbers == list(range(150))
    for name, right in (("as it is", manifest["label"] == "right"), ("inverted", manifest["label"] == "left")):
        np.testing.assert_array_equal(found[name][:, 1] > found[name][right, 1].min() - 1e-6, right)


def test_what_cannot_be_checked_is_refused(pictures):
    manifest, _ = pictures
    model = known_model(LESION)
    with pytest.raises(ExplanationError, match="no image has a lesion mask"):
        explanation.masking_check(model, manifest)
    with pytest.raises(ExplanationError, match="no image has a lesion mask"):
        explanation.localisation_check(model, manifest)
    with pytest.raises(DatasetError, match="mask of shape"):
        explanation.masking_check(model, manifest, masks=[np.ones((3, 3))] * len(manifest))
    with pytest.raises(ExplanationError, match="split 'validation'"):
        explanation.outside_check(model, manifest, split="validation")
    with pytest.raises(ExplanationError, match="'odd' is not among the model's classes left, right"):
        explanation.outside_check(model, manifest.assign(label="odd"))
    with pytest.raises(ExplanationError, match="no layers to randomise"):
        explanation.randomisation_check(model, manifest["path"].tolist())


def test_occlusion_of_a_known_model_points_at_what_it_looks_at(pictures):
    manifest, masks = pictures
    table = explanation.localisation_check(
        known_model(LESION), manifest[1::2], masks=masks[1::2], methods=["occlusion"], resamples=50
    ).table.set_index("method")
    assert list(table.index) == ["occlusion", "random", "uniform", "head", "centre"]
    assert table["pointing"]["occlusion"] == 1 and table["energy"]["occlusion"] > 3 * table["energy"]["random"]
    assert table["energy"]["uniform"] == pytest.approx(disc().mean())
    assert table["energy_beyond_head"]["occlusion"] > 0 == table["energy_beyond_head"]["head"]


def test_rows_are_records_and_a_table():
    @dataclass(frozen=True, kw_only=True)
    class Row(CheckRow):
        a: str
        b: Score
        c: int

    result = CheckResult((Row(a="x", b=Score(0.5, 0.4, 0.6), c=1), Row(a="y", b=Score(None), c=2)))
    records = result.to_records()
    assert records[0] == {"a": "x", "b": {"value": 0.5, "low": 0.4, "high": 0.6}, "c": 1}
    assert records[1]["b"] == {"value": None, "low": None, "high": None}
    table = pd.DataFrame({"a": ["x", "y"], "b": [0.5, None], "b_low": [0.4, None], "b_high": [0.6, None], "c": [1, 2]})
    pd.testing.assert_frame_equal(result.table, table)
    pd.testing.assert_frame_equal(as_table(json.loads(json.dumps(records))), table)
    assert result["y"].c == 2 and len(result) == 2 and [row.a for row in result] == ["x", "y"]
    with pytest.raises(KeyError, match="z"):
        result["z"]
    assert CheckResult().table.empty and CheckResult().to_records() == []


def test_images_are_drawn_from_all_groups_first():
    rows = pd.DataFrame({"path": list("abcdefgh"), "group": ["1"] * 5 + ["2", "", ""]})
    assert sorted(draw_images(rows, 4, seed=3)["group"]) == ["", "", "1", "2"]
    assert len(draw_images(rows, 20)) == 8
