"""The masking and outside checks against numbers worked out picture by picture."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from braintumor_tf import explanation
from braintumor_tf.explanation.checks.masking import lesion_versions
from braintumor_tf.explanation.checks.masks import border_mask, cover, grow, place_elsewhere
from braintumor_tf.explanation.checks.outside_head import BACKGROUND, OUTLINE, WHOLE, outside_versions

SHAPE = (60, 80)
CLASSES = ("low", "high", "other")
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
HEAD = ((ROWS - 30) / 26) ** 2 + ((COLUMNS - 40) / 34) ** 2 <= 1


class BrightnessReader:
    """The probability of ``high`` is twice the mean brightness of the whole picture, that of ``other`` 0.1."""

    classes = CLASSES
    channels = 1
    crop = None
    image_size = SHAPE

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities of images of shape ``(images, height, width, 1)``."""
        high = np.clip(2 * images.mean(axis=(1, 2, 3), dtype=float) / 255, 0, 0.9)
        return np.stack([0.9 - high, high, np.full(len(high), 0.1)], axis=1)


STRIP = np.ones(SHAPE, bool)
STRIP[3:-3, 4:-4] = False


def answer(image: np.ndarray, label: str) -> float:
    return float(BrightnessReader().predict_images(image[None, ..., None].astype(np.float32))[0, CLASSES.index(label)])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, list, list[np.ndarray]]:
    """Heads with a bright lesion and a bright column of the background; every fourth has no mask."""
    folder, rows, masks, images = tmp_path_factory.mktemp("pictures"), [], [], []
    generator = np.random.default_rng(0)
    for number in range(10):
        image = np.where(HEAD, generator.integers(60, 90 + 6 * number, SHAPE), 0).astype(np.uint8)
        mask = (ROWS - 24 - number) ** 2 + (COLUMNS - 30 - 2 * number) ** 2 <= 25
        image[mask] = 250
        image[:, 0] = 200
        cv2.imwrite(str(folder / f"{number}.png"), image)
        rows.append((str(folder / f"{number}.png"), CLASSES[number % 2], f"g{number // 2}"))
        masks.append(None if number % 4 == 3 else mask)
        images.append(image)
    return pd.DataFrame(rows, columns=["path", "label", "group"]), masks, images


def test_the_masking_table_is_what_its_pictures_give(pictures: tuple) -> None:
    manifest, masks, images = pictures
    table = explanation.masking_check(
        BrightnessReader(), manifest, masks=masks, resamples=20, show_progress=False
    ).table
    table = table.set_index("masked")
    there = [number for number in range(10) if masks[number] is not None]
    labels = manifest["label"].tolist()
    nothing = [answer(images[number], labels[number]) for number in there]
    assert table["probability"]["nothing"] == pytest.approx(np.mean(nothing), abs=1e-5)
    dark = []
    for number in there:
        near = cv2.dilate(masks[number].astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        assert not (near & STRIP).any(), "else the lesion would be kept from the strip"
        dark.append(answer(np.where(STRIP, 0, images[number]), labels[number]))
    assert table["probability"]["border"] == pytest.approx(np.mean(dark), abs=1e-5)
    assert table["drop"].tolist() == pytest.approx((np.mean(nothing) - table["probability"]).tolist())
    beyond = table["drop"] - table["drop"]["elsewhere"]
    np.testing.assert_allclose(table["beyond_elsewhere"], beyond, atol=1e-9)
    assert np.abs(table["drop"][["lesion", "elsewhere", "border"]]).min() > 1e-4
    assert (table["images"] == len(there)).all() and (table["groups"] == 5).all()


def test_accuracy_is_that_of_the_covered_pictures(pictures: tuple) -> None:
    manifest, masks, images = pictures
    half = float(np.median([answer(image, "high") for image in images]))

    class Threshold(BrightnessReader):
        def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
            high = super().predict_images(images)[:, 1] > half
            return np.stack([~high, high, np.zeros(len(high))], axis=1).astype(float)

    labels = [CLASSES[answer(image, "high") > half] for image in images]
    table = explanation.masking_check(
        Threshold(), manifest.assign(label=labels), masks=masks, resamples=20, show_progress=False
    ).table
    accuracy = table.set_index("masked")["accuracy"]
    there = [number for number in range(10) if masks[number] is not None]
    assert accuracy["nothing"] == 1
    dark = [CLASSES[answer(np.where(STRIP, 0, images[number]), "high") > half] == labels[number] for number in there]
    assert accuracy["border"] == pytest.approx(np.mean(dark)) and np.mean(dark) < 1


def test_the_control_s_place_follows_the_seed_and_differs_from_image_to_image(pictures: tuple) -> None:
    manifest, masks, _ = pictures

    def elsewhere(rows: pd.DataFrame, known: list, seed: int) -> float:
        table = explanation.masking_check(
            BrightnessReader(), rows, masks=known, seed=seed, resamples=5, show_progress=False
        ).table.set_index("masked")
        return float(table["probability"]["elsewhere"])

    found = [elsewhere(manifest, masks, seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    same = pd.concat([manifest.iloc[:1]] * 2, ignore_index=True)
    alone = elsewhere(same.iloc[:1], masks[:1], 0)
    assert elsewhere(same, masks[:1] * 2, 0) != pytest.approx(alone, abs=1e-9)


def test_covers_reach_three_hundredths_of_the_longer_side_beyond_the_lesion() -> None:
    image = np.random.default_rng(0).integers(40, 200, (100, 70)).astype(np.uint8)
    mask = np.zeros((100, 70), bool)
    mask[40:50, 30:40] = True
    versions = lesion_versions(image, mask)
    rows, columns = np.nonzero(versions["lesion"] != image)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (37, 52, 27, 42)
    moved = versions["elsewhere"] != image
    assert not moved[37:53, 27:43].any() and moved.any()
    np.testing.assert_array_equal(versions["nothing"], image)
    wide = lesion_versions(image, mask, margin=0.1)["lesion"] != image
    assert np.nonzero(wide.any(axis=1))[0].tolist() == list(range(30, 60))


def test_a_cover_continues_the_surroundings_by_inpainting_from_three_pixels_around() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    mask = (np.mgrid[:40, :50] - np.array([20, 25])[:, None, None] <= 6).all(axis=0) & (np.mgrid[:40, :50][0] > 15)
    expected = cv2.inpaint(image, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    np.testing.assert_array_equal(cover(image, mask), expected)
    np.testing.assert_array_equal(cover(image, np.ones((40, 50), bool)), np.zeros_like(image))  # nothing to continue


def test_a_lesion_at_the_border_is_kept_when_the_border_is_covered() -> None:
    image, mask = np.full((64, 64), 90, np.uint8), np.zeros((64, 64), bool)
    mask[:6, 20:30] = True
    covered = lesion_versions(image, mask, margin=0)["border"]
    assert (covered[mask] == 90).all() and (covered[:3, :20] == 0).all() and (covered[:3, 30:] == 0).all()


@pytest.mark.parametrize(("shape", "strip"), [((64, 64), (3, 3)), ((128, 192), (6, 9)), ((8, 8), (1, 1))])
def test_the_border_strip_is_three_sixty_fourths_of_each_side(shape: tuple, strip: tuple) -> None:
    expected = np.ones(shape, bool)
    expected[strip[0] : shape[0] - strip[0], strip[1] : shape[1] - strip[1]] = False
    np.testing.assert_array_equal(border_mask(shape), expected)


def test_the_outline_is_filled_with_the_head_s_mean() -> None:
    image = np.where(HEAD, 100, 20).astype(np.uint8)
    image[30, 30:60] = 220
    versions = outside_versions(image, head=HEAD)
    assert (versions[OUTLINE][HEAD] == round(image[HEAD].mean())).all() and (versions[OUTLINE][~HEAD] == 20).all()
    assert (versions[BACKGROUND][HEAD] == 0).all() and (versions[BACKGROUND][~HEAD] == 20).all()


def test_the_outside_table_counts_the_classes_that_are_there_and_the_head_s_share(pictures: tuple) -> None:
    manifest, _, images = pictures
    table = explanation.outside_check(BrightnessReader(), manifest, split=None, resamples=10, show_progress=False).table
    assert (table["constant"] == 0.5).all()  # two of the model's three classes are there
    assert (table["head_share"] == table["head_share"][0]).all()
    assert table["head_share"][0] == pytest.approx(HEAD.mean(), abs=0.05)
    labels = manifest["label"].tolist()
    right = [np.argmax([answer(image, name) for name in CLASSES]) == CLASSES.index(label)
             for image, label in zip(images, labels)]  # fmt: skip
    assert table.set_index("shown")["accuracy"][WHOLE] == pytest.approx(np.mean(right))
    assert (table["images"] == 10).all() and (table["groups"] == 5).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_control_that_fits_nowhere_lies_outside_the_head_rather_than_on_the_lesion(seed: int) -> None:
    mask, head = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    mask[10:20, 12:22] = True
    mask[10, 22:26] = True  # no symmetry, so that a mirrored shape would be seen
    head[8:22, 10:28] = True
    moved = place_elsewhere(mask, head, np.random.default_rng(seed))
    assert moved.sum() == mask.sum() and not (moved & mask).any()
    (top, left), (was_top, was_left) = (np.argwhere(one).min(axis=0) for one in (moved, mask))
    np.testing.assert_array_equal(np.roll(mask, (top - was_top, left - was_left), axis=(0, 1)), moved)
    costs = []
    for down in range(30 - 10 + 1):
        for right in range(40 - 14 + 1):
            other = np.roll(mask, (down - was_top, right - was_left), axis=(0, 1))
            costs.append((other & mask).sum() * 10 + (other & ~mask & ~head).sum())
    assert (moved & mask).sum() * 10 + (moved & ~mask & ~head).sum() == min(costs)


def test_growing_reaches_as_far_along_either_side() -> None:
    mask = np.zeros((20, 100), bool)
    mask[10, 50] = True
    grown = grow(mask, 0.05)
    assert np.nonzero(grown[10])[0].tolist() == list(range(45, 56)) and grown[:, 50].sum() == 11
