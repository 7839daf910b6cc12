"""Lesion boxes of a manifest: their pixels worked out by hand, which of them count, and maps that lie in them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf import explanation
from braintumor_tf.datasets import write_synthetic
from braintumor_tf.datasets.head_crop import head_box
from braintumor_tf.datasets.manifest import COLUMNS
from braintumor_tf.datasets.synthetic.ground_truth import read_ground_truth
from braintumor_tf.errors import DatasetError
from braintumor_tf.explanation import LesionBox
from braintumor_tf.explanation.checks import run_checks
from braintumor_tf.explanation.checks.map_scores import area_share
from braintumor_tf.identity.lesions import read_mask
from braintumor_tf.report.sections.trust import map_sentences
from braintumor_tf.runs import Run

FIGSHARE = Path(os.environ.get("BRAINTUMOR_TF_DATA", "../shared/data")) / "figshare" / "patients.csv"


# === Pixels ===


@pytest.mark.parametrize(
    ("text", "shape", "rows", "columns"),
    [
        ("0.5 0.5 0.5 0.5", (4, 8), (1, 3), (2, 6)),
        ("0.25 0.5 0.5 1", (4, 8), (0, 4), (0, 4)),  # x goes with the columns
        ("0.5 0.9 0.2 0.4", (10, 10, 3), (7, 10), (4, 6)),  # hangs over the lower edge: cut off there
        ("0.63 0.42 0.22 0.15", (512, 512), (177, 253), (266, 379)),  # picture 1 of figshare
        ("0.3 0.8 0.01 0.01", (4, 4), (3, 4), (1, 2)),  # holds no pixel's centre: the pixel in its middle
        ("1 1 0.001 0.001", (4, 4), (3, 4), (3, 4)),
    ],
)
def test_the_pixels_of_a_box_are_those_whose_centre_lies_in_it(text, shape, rows, columns):
    expected = np.zeros(shape[:2], bool)
    expected[slice(*rows), slice(*columns)] = True
    np.testing.assert_array_equal(LesionBox.of(text).mask(shape), expected)
    np.testing.assert_array_equal(read_mask(LesionBox.of(text), shape), expected)


@settings(max_examples=40, deadline=None)
@given(
    box=st.builds(
        LesionBox, x=st.floats(0.3, 0.7), y=st.floats(0.3, 0.7), width=st.floats(0.1, 0.6), height=st.floats(0.1, 0.6)
    ),
    size=st.tuples(st.integers(50, 300), st.integers(50, 300)),
)
def test_a_box_covers_its_share_of_the_picture_at_any_size(box, size):
    assert area_share([box.mask(size)])[0] == pytest.approx(box.width * box.height, abs=2 / min(size))


@pytest.mark.parametrize(
    "text",
    ["0.5 0.5 0.1", "0.5 0.5 0.1 x", "0.5 0.5 -0.1 0.1", "0.5 1.2 0.1 0.1", "0.5 0.5 0.1 1.1", "nan 0.5 0.1 0.1"],
)
def test_what_is_no_box_is_refused_with_the_image_s_name(text):
    with pytest.raises(DatasetError, match="lesion box"):
        LesionBox.of(text)
    with pytest.raises(DatasetError, match=r"3\.jpg: lesion box"):
        explanation.find_masks(pd.DataFrame({"path": ["3.jpg"], "label": ["glioma"], "lesion_box": [text]}))


@pytest.mark.parametrize("text", ["", "0 0 0 0", "0.5 0.5 0.0 0.1", "0.5 0.5 0.1 0.0000"])
def test_a_box_without_area_is_none(text):
    rows = {"path": ["a", "b"], "label": "glioma", "lesion_box": [text, "0.5 0.5 0.1 0.001"]}
    assert explanation.find_masks(pd.DataFrame(rows)).notna().tolist() == [False, True]
    if text:
        with pytest.raises(DatasetError, match="lesion box"):
            LesionBox.of(text)


def test_a_box_is_written_as_it_is_read():
    assert LesionBox.of(LesionBox(0.63, 0.42, 0.22, 0.15).text) == LesionBox(0.63, 0.42, 0.22, 0.15)


# === Which boxes count ===


@pytest.mark.parametrize(
    ("label", "origin_label", "counts"),
    [
        ("glioma", "", True),
        ("glioma", "glioma", True),
        ("tumor", "glioma", True),
        ("glioma", "tumor", True),
        ("pituitary", "meningioma", False),  # 14 images of Sartaj: the lesion is not of the class that is asked about
        ("no_tumor", "glioma", False),
        ("no_tumor", "", False),
        ("tumor", "no_tumor", False),
    ],
)
def test_a_box_counts_only_where_the_label_can_be_that_of_its_lesion(label, origin_label, counts):
    rows = {"path": ["a"], "label": [label], "lesion_box": ["0.5 0.5 0.1 0.1"], "origin_label": [origin_label]}
    found = explanation.find_masks(pd.DataFrame(rows, index=[7]))
    assert found.index.tolist() == [7]
    assert found[7] == (LesionBox(0.5, 0.5, 0.1, 0.1) if counts else None)


def test_a_mask_goes_before_a_box(tmp_path):
    root = write_synthetic(
        tmp_path / "set", patients_per_class=2, slices_per_patient=1, image_size=32, byte_copies=0,
        reencoded_copies=0, label_conflicts=0, show_progress=False,
    )  # fmt: skip
    told = read_ground_truth(root).images
    rows = told[told["mask"].notna()].head(2)
    paths = [str(root / path) for path in rows["path"]] + [str(tmp_path / "elsewhere.png")]
    labels = [*rows["label"], "glioma"]
    found = explanation.find_masks(pd.DataFrame({"path": paths, "label": labels, "lesion_box": "0.5 0.5 0.2 0.2"}))
    assert [isinstance(one, str) for one in found] == [True, True, False] and isinstance(found[2], LesionBox)


# === Maps in boxes ===


@settings(max_examples=30, deadline=None)
@given(x=st.floats(0, 1), y=st.floats(0, 1), width=st.floats(0.02, 0.6), height=st.floats(0.02, 0.6))
def test_a_map_that_is_the_box_scores_one_and_what_is_left_nothing(x, y, width, height):
    mask = LesionBox(x, y, width, height).mask((40, 52))
    for scorer in (explanation.pointing_game, explanation.energy_inside):
        assert scorer([mask.astype(float)], [mask]) == 1.0
    assert explanation.energy_inside([(~mask).astype(float)], [mask]) == 0.0


class Constant:
    """Answers 0.6 for the first class, whatever it sees."""

    classes = ("glioma", "meningioma")
    channels = 1
    image_size = (32, 32)

    def __init__(self, crop: str | None = None):
        self.crop = crop

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        return np.tile([0.6, 0.4], (len(images), 1))


class LesionReader(Constant):
    """Answers by the brightness of the second quarter of its picture, from above and from the left."""

    def predict_images(self, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """Returns probabilities of images of shape ``(images, height, width, 1)``."""
        height, width = images.shape[1:3]
        looked_at = images[:, height // 4 : height // 2, width // 4 : width // 2]
        bright = looked_at.mean(axis=(1, 2, 3), dtype=float) / 255
        return np.stack([bright, 1 - bright], axis=1)


def write_heads(folder: Path, count: int, seed: int = 0) -> pd.DataFrame:
    """Noisy heads on black, away from the picture's middle, with random boxes."""
    generator, rows = np.random.default_rng(seed), []
    for number in range(count):
        image = np.zeros((60, 80), np.uint8)
        image[16:56, 36:76] = generator.integers(80, 120, (40, 40))
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), image)
        box = LesionBox(*generator.uniform(0.3, 0.7, 2), *generator.uniform(0.1, 0.5, 2))
        rows.append((str(path), "glioma" if number % 4 else "meningioma", f"g{number // 2}", box.text))
    return pd.DataFrame(rows, columns=["path", "label", "group", "lesion_box"])


def test_a_random_map_scores_the_box_s_share_of_the_picture(tmp_path):
    manifest = write_heads(tmp_path, 100)
    found = explanation.localisation_check(Constant(), manifest, methods=[], resamples=20, show_progress=False)
    boxes = [LesionBox.of(text) for text in manifest["lesion_box"]]
    shares = [box.mask((60, 80)).mean() for box in boxes]
    random, uniform, centre = (found[name] for name in ("random", "uniform", "centre"))
    assert random.energy.value == pytest.approx(np.mean(shares), rel=0.06)
    assert random.pointing.value == pytest.approx(np.mean(shares), abs=4 * 0.3 / 100**0.5)
    for value in (uniform.energy.value, uniform.pointing.value, uniform.pointing_by_chance, uniform.area_share):
        assert value == pytest.approx(np.mean(shares)), "no tolerance beside a box"
    rows, columns = np.mgrid[:60, :80]
    bell = np.exp(-8 * (((rows + 0.5) / 60 - 0.5) ** 2 + ((columns + 0.5) / 80 - 0.5) ** 2))
    inside = [bell[box.mask(bell.shape)].sum() / bell.sum() for box in boxes]
    assert centre.energy.value == pytest.approx(np.mean(inside), abs=1e-5)
    assert (uniform.images, uniform.boxes, uniform.groups, uniform.correct) == (100, 100, 50, 75)
    right = (manifest["label"] == "glioma").to_numpy()
    assert uniform.energy_correct.value == pytest.approx(np.mean(np.array(shares)[right]))
    beyond = centre.energy.value - found["head"].energy.value
    assert centre.energy_beyond_head.value == pytest.approx(beyond)
    beyond = centre.pointing.value - found["head"].pointing.value
    assert centre.pointing_beyond_head.value == pytest.approx(beyond)
    assert found["head"].pointing_beyond_centre.value == pytest.approx(-beyond)
    beyond = random.energy.value - centre.energy.value
    assert random.energy_beyond_centre.value == pytest.approx(beyond)


def test_a_margin_counts_beside_a_box_only_where_it_is_asked_for(tmp_path):
    manifest = write_heads(tmp_path, 2).assign(lesion_box="0.5 0.5 0.5 0.5")
    shares = [
        explanation.localisation_check(
            Constant(), manifest, methods=[], tolerance=tolerance, resamples=5, show_progress=False
        )["uniform"].pointing.value
        for tolerance in (None, 0.05)
    ]
    assert shares[0] == 0.25 and shares[1] > (0.5 + 0.08) ** 2


@pytest.mark.parametrize("crop", [None, "head"])
def test_a_crop_to_the_head_leaves_the_box_in_its_place(tmp_path, crop):
    manifest = write_heads(tmp_path, 4).assign(label="glioma")
    left, upper, right, lower = head_box(cv2.imread(manifest["path"][0], cv2.IMREAD_GRAYSCALE))
    assert (left, upper) > (30, 10), "else the crop would change nothing"
    top, side, height, width = (upper, left, lower - upper, right - left) if crop else (0, 0, 60, 80)
    y, x = (top + height * 3 / 8) / 60, (side + width * 3 / 8) / 80
    truth = f"{x:.4f} {y:.4f} {width / 4 / 80:.4f} {height / 4 / 60:.4f}"
    for path in manifest["path"]:  # bright where the model looks, in the picture that it sees
        image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        image[LesionBox.of(truth).mask(image.shape)] = 250
        cv2.imwrite(path, image)
    options = {"methods": ["occlusion"], "resamples": 5, "show_progress": False}
    found = explanation.localisation_check(LesionReader(crop), manifest.assign(lesion_box=truth), **options)
    assert found["occlusion"].pointing.value == 1.0 and found["occlusion"].energy.value > 0.5
    in_the_crop = manifest.assign(lesion_box="0.375 0.375 0.25 0.25")
    found = explanation.localisation_check(LesionReader(crop), in_the_crop, **options)
    assert found["occlusion"].pointing.value == (0.0 if crop else 1.0)


def test_a_box_is_covered_as_a_mask_is(tmp_path):
    manifest = write_heads(tmp_path, 4).assign(label="glioma", lesion_box="0.7 0.6 0.2 0.2")
    masks = [LesionBox.of("0.7 0.6 0.2 0.2").mask((60, 80))] * 4
    options = {"resamples": 5, "show_progress": False}
    boxed = explanation.masking_check(LesionReader(), manifest, **options)
    assert (
        boxed.to_records() == explanation.masking_check(LesionReader(), manifest, masks=masks, **options).to_records()
    )


def test_a_run_whose_manifest_has_boxes_is_checked_against_them(tmp_path, monkeypatch):
    rows = write_heads(tmp_path, 24).assign(split="test", width=80, height=60)
    rows.loc[3, "lesion_box"] = ""
    manifest = rows.reindex(columns=list(COLUMNS)).fillna("")
    run = Run.create(tmp_path / "run", {"dataset": "heads", "seed": 0}, manifest)
    run.write_metrics({})
    monkeypatch.setattr(run_checks, "load_run_model", lambda run: Constant())
    options = {"methods": ["occlusion"], "resamples": 20, "show_progress": False}
    whole = explanation.check_explanations(run, **options).localisation["occlusion"]
    assert (whole.images, whole.boxes, whole.groups) == (23, 23, 12)
    found = explanation.check_explanations(run, lesions=8, **options)
    for row in (*found.localisation, *found.masking):
        assert (row.images, row.groups) == (8, 8), "one of each group first"
    kept = run.explanations
    assert kept == found.to_dict() and kept["localisation"][0]["boxes"] == 8
    assert "known as boxes for 8 images of 8 groups" in map_sentences(kept)[0]


@pytest.mark.real_data
def test_lesions_of_figshare_lie_in_the_head_and_near_the_middle():
    if not FIGSHARE.is_file():
        pytest.skip(f"{FIGSHARE} is not there")
    table = pd.read_csv(FIGSHARE, dtype=str).drop_duplicates("patient").sample(60, random_state=0)
    boxes = table[["box_x", "box_y", "box_width", "box_height"]].agg(" ".join, axis=1)
    paths = [str(FIGSHARE.parent / path) for path in table["path"]]
    manifest = pd.DataFrame({"path": paths, "label": table["label"], "group": table["patient"], "lesion_box": boxes})
    model = Constant()
    model.classes = ("glioma", "meningioma", "pituitary")
    model.predict_images = lambda images, batch_size=64: np.tile([0.5, 0.3, 0.2], (len(images), 1))
    found = explanation.localisation_check(model, manifest, methods=[], resamples=200, show_progress=False)
    share = found["uniform"].area_share
    assert found["uniform"].boxes == 60 and 0.005 < share < 0.06
    assert share < found["head"].energy.low and share < found["centre"].energy.low
    assert found["head"].energy_gain.low > 0 and found["head"].energy.value > 1.5 * found["random"].energy.value
    assert found["centre"].pointing.value > 2 * share
