"""The localisation table against numbers worked out map by map; limits of the pointing game."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from braintumor_tf import explanation
from braintumor_tf.datasets import write_synthetic
from braintumor_tf.datasets.synthetic.ground_truth import read_ground_truth
from braintumor_tf.explanation.checks.map_scores import area_share, pointing_by_chance
from braintumor_tf.explanation.checks.masks import grow
from braintumor_tf.identity.lesions import read_mask

SHAPES = ((40, 52), (48, 36))
CLASSES = ("left", "right")


class LesionReader:
    """Answers by the brightness of the middle of a picture of 40 x 52."""

    classes = CLASSES
    channels = 1
    crop = None
    image_size = (40, 52)

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities of images of shape ``(images, height, width, 1)``."""
        height, width = images.shape[1:3]
        middle = images[:, height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
        right = middle.mean(axis=(1, 2, 3), dtype=float) / 255
        return np.stack([1 - right, right], axis=1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, list]:
    """Grey heads of two shapes, bright in the middle; every third has no mask; masks lie away from the middle."""
    folder, rows, masks = tmp_path_factory.mktemp("pictures"), [], []
    generator = np.random.default_rng(0)
    for number in range(9):
        shape = SHAPES[number % 2]
        image = generator.integers(70, 90, shape)
        image[:4] = image[-4:] = 0
        image[:, :5] = image[:, -5:] = 0
        image[shape[0] // 3 : shape[0] // 2, shape[1] // 3 : shape[1] // 2] = 220
        cv2.imwrite(str(folder / f"{number}.png"), image.astype(np.uint8))
        rows.append((str(folder / f"{number}.png"), CLASSES[number % 4 == 1], f"g{number // 3}"))
        mask = np.zeros(shape, np.uint8)
        mask[8 + number : 16 + number, 10:18] = 1
        masks.append(None if number % 3 == 2 else mask)
    return pd.DataFrame(rows, columns=["path", "label", "group"]), masks


def share_inside(heat: np.ndarray, mask: np.ndarray) -> float:
    inside = sum(float(heat[place]) for place in zip(*np.nonzero(mask)))
    return inside / float(heat.sum(dtype=float)) if heat.any() else (mask > 0).mean()


def test_the_table_is_what_its_maps_give(pictures: tuple) -> None:
    manifest, masks = pictures
    table = explanation.localisation_check(
        LesionReader(),
        manifest,
        masks=masks,
        methods=["occlusion"],
        tolerance=0.1,
        seed=11,
        resamples=20,
        show_progress=False,
    ).table.set_index("method")
    there = [number for number in range(9) if masks[number] is not None]
    maps = {"occlusion": [], "random": []}
    for number in there:
        row = manifest.iloc[number]
        maps["occlusion"].append(
            explanation.explain(LesionReader(), [row["path"]], method="occlusion", target=row["label"])[0]
        )
        maps["random"].append(explanation.explain(LesionReader(), [row["path"]], method="random", seed=11)[0])
    maps["uniform"] = [np.ones(masks[number].shape) for number in there]
    energy = {name: [share_inside(heat, masks[number]) for heat, number in zip(found, there)]
              for name, found in maps.items()}  # fmt: skip
    assert abs(np.mean(energy["random"]) - np.mean(energy["uniform"])) > 1e-3, "else the two could be mixed up"
    for name, found in energy.items():
        assert table["energy"][name] == pytest.approx(np.mean(found), abs=1e-5)
        assert table["energy_gain"][name] == pytest.approx(np.mean(found) - np.mean(energy["random"]), abs=1e-5)
    beyond = table["energy"] - table["energy"]["head"]
    np.testing.assert_allclose(table["energy_beyond_head"], beyond, atol=1e-6)
    empty = sum(not heat.any() for heat in maps["occlusion"])
    assert 0 < empty < 6 and table["empty"].tolist() == [empty, 0, 0, 0, 0]
    assert (table["images"] == 6).all() and (table["groups"] == 3).all()
    hits = [np.mean([grow(masks[number] > 0, 0.1)[tuple(place)] for place in np.argwhere(heat == heat.max())])
            for heat, number in zip(maps["random"], there)]  # fmt: skip
    assert table["pointing"]["random"] == pytest.approx(np.mean(hits))
    reached = np.mean([grow(masks[number] > 0, 0.1).mean() for number in there])
    assert table["pointing_by_chance"].tolist() == pytest.approx([reached] * 5)
    assert table["area_share"].tolist() == pytest.approx([np.mean([masks[number].mean() for number in there])] * 5)
    assert table["reference"].tolist() == [False, True, True, True, True]


def test_the_head_is_the_bright_part_of_the_picture(pictures: tuple) -> None:
    manifest, masks = pictures
    inside = [None if mask is None else np.zeros_like(mask) for mask in masks]
    for mask in inside:
        if mask is not None:
            mask[20:24, 14:18] = 1
    table = explanation.localisation_check(
        LesionReader(), manifest, masks=inside, methods=["random"], resamples=20, show_progress=False
    ).table
    energy = table.set_index("method")["energy"]
    shares = [mask.sum() / ((mask.shape[0] - 8) * (mask.shape[1] - 10)) for mask in inside if mask is not None]
    assert energy["head"] == pytest.approx(np.mean(shares), rel=0.1) and energy["head"] > 1.3 * energy["uniform"]


def test_many_images_keep_their_masks(pictures: tuple) -> None:
    manifest, masks = pictures
    numbers = [0, *[number for number in range(9) if masks[number] is not None] * 7]
    many, known = manifest.iloc[numbers].reset_index(drop=True), [masks[number].copy() for number in numbers]
    for place, mask in enumerate(known):
        mask[5 : 5 + place % 30, 20] = 1
    table = explanation.localisation_check(
        LesionReader(), many, masks=known, methods=["random"], seed=3, resamples=5, show_progress=False
    ).table
    maps = explanation.explain(LesionReader(), many["path"].tolist(), method="random", seed=3)
    expected = np.mean([share_inside(heat, mask) for heat, mask in zip(maps, known)])
    energy = table.set_index("method")["energy"]
    assert energy["random"] == pytest.approx(expected, abs=1e-6)
    assert energy["uniform"] == pytest.approx(np.mean([mask.mean() for mask in known]))
    assert (table["images"] == len(numbers)).all() and len(numbers) == 43


@pytest.mark.parametrize("shape", [(100, 100), (60, 100), (100, 40)])
def test_a_peak_three_hundredths_of_the_longer_side_beside_the_lesion_counts(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, bool)
    mask[20:30, 10:20] = True
    for away, expected in ((3, 1.0), (4, 0.0)):
        for place in ((29 + away, 15), (25, 19 + away)):
            heat = np.zeros(shape)
            heat[place] = 1
            assert explanation.pointing_game([heat], [mask]) == expected
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    beside = np.hypot(np.clip(20 - rows, 0, None) + np.clip(rows - 29, 0, None),
                      np.clip(10 - columns, 0, None) + np.clip(columns - 19, 0, None))  # fmt: skip
    assert pointing_by_chance([mask])[0] == pytest.approx((beside <= 3).mean())
    assert area_share([mask])[0] == pytest.approx(100 / mask.size)


def test_peaks_that_share_the_highest_value_count_by_their_share() -> None:
    heat, mask = np.zeros((50, 50)), np.zeros((50, 50), bool)
    mask[:10, :10] = True
    heat[0, 0] = heat[30, 30] = heat[40, 40] = heat[40, 30] = 0.7
    assert explanation.pointing_game([heat], [mask], tolerance=0) == [0.25]
    assert explanation.energy_inside([heat], [mask])[0] == pytest.approx(0.25)


def test_a_mask_s_file_is_bright_where_the_lesion_is(tmp_path) -> None:
    levels = np.repeat(np.array([[0, 1, 127, 128, 255]], np.uint8), 3, axis=0)
    cv2.imwrite(str(tmp_path / "mask.png"), levels)
    assert read_mask(str(tmp_path / "mask.png"), (3, 5))[0].tolist() == [False, False, False, True, True]
    assert read_mask(levels, (3, 5))[0].tolist() == [False, True, True, True, True]


def test_a_picture_under_a_wrong_label_has_no_mask(tmp_path) -> None:
    sizes = {"patients_per_class": 3, "slices_per_patient": 2, "image_size": 32}
    faults = {"byte_copies": 0, "reencoded_copies": 0, "label_conflicts": 3}
    root = write_synthetic(tmp_path / "set", **sizes, **faults, show_progress=False)
    told = read_ground_truth(root).images
    wrong = (told["label"] != told["true_label"]).to_numpy()
    assert wrong.sum() == 3 and told["mask"][wrong].notna().all()
    found = explanation.find_masks(pd.DataFrame({"path": [str(root / path) for path in told["path"]]}))
    assert found[wrong].isna().all()
    for place in np.flatnonzero(~wrong):
        assert (found[place] is None) == (told["label"][place] == "no_tumor")
        assert found[place] is None or cv2.imread(found[place], cv2.IMREAD_GRAYSCALE).max() == 255
