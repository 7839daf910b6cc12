"""The synthetic data set on disk: layout, determinism, planted faults, reuse, interruption."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets.labels import CLASSES, canonical_label, canonical_split
from braintumor_tf.datasets.synthetic import read_ground_truth, write_synthetic
from braintumor_tf.datasets.synthetic.mri import dataset
from braintumor_tf.errors import DatasetError

SMALL = {"patients_per_class": 3, "slices_per_patient": 3, "image_size": (64, 96), "show_progress": False}
TINY = {"patients_per_class": 1, "slices_per_patient": 2, "image_size": 48, "show_progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_synthetic(tmp_path_factory.mktemp("synthetic") / "set", seed=3, **SMALL)


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def thumbnail(path: Path) -> np.ndarray:
    return cv2.resize(pixels(path), (64, 64), interpolation=cv2.INTER_AREA).ravel()


def test_layout_and_counts_are_what_the_ground_truth_says(folder):
    truth = read_ground_truth(folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")}
    assert found == set(truth.images["path"])
    assert len(truth.images) == 4 * 3 * 3 + 6 + 6 + 2
    originals = truth.images[truth.images["copy_of"].isna()]
    assert originals.groupby("true_label")["patient"].nunique().to_dict() == dict.fromkeys(CLASSES, 3)
    assert (originals.groupby("patient")["slice"].nunique() == 3).all()
    assert originals.groupby("true_label")["plane"].nunique().eq(3).all()
    for row in truth.images.itertuples():
        split, label, _ = row.path.split("/")
        assert (canonical_split(split), canonical_label(label)) == (row.split, row.label)
        assert pixels(folder / row.path).shape == (row.height, row.width)
        assert row.patient not in row.path
    visible = {path.name for path in folder.iterdir() if path.name[0] not in "._"}
    assert visible == {"Training", "Testing"}


def test_masks_and_boxes_belong_to_their_images(folder):
    truth = read_ground_truth(folder)
    for row in truth.images.itertuples():
        if row.true_label == "no_tumor":
            assert row.mask is None and row.box is None
            continue
        mask = pixels(folder / row.mask)
        assert mask.shape == (row.height, row.width) and set(np.unique(mask)) == {0, 255}
        left, top, right, bottom = row.box
        assert mask[top:bottom, left:right].sum() == mask.sum()
        assert mask[top].any() and mask[bottom - 1].any() and mask[:, left].any() and mask[:, right - 1].any()


def test_some_patients_are_in_both_splits_and_some_are_not(folder):
    images = read_ground_truth(folder).images
    splits = images[images["copy_of"].isna()].groupby("patient")["split"].nunique()
    assert set(splits) == {1, 2}


def test_planted_copies_are_what_the_ground_truth_says(folder):
    truth = read_ground_truth(folder)
    assert truth.copies["kind"].value_counts().to_dict() == {"byte_copy": 6, "reencoded_copy": 6, "label_conflict": 2}
    images = truth.images.set_index("path")
    for copy in truth.copies.itertuples():
        same = (folder / copy.copy).read_bytes() == (folder / copy.original).read_bytes()
        assert same == copy.same_bytes
        assert np.corrcoef(thumbnail(folder / copy.copy), thumbnail(folder / copy.original))[0, 1] >= 0.99
        first, second = images.loc[copy.copy], images.loc[copy.original]
        assert first["copy_of"] == copy.original
        assert (first["label"] != second["label"]) == (copy.kind == "label_conflict")
        assert (first["split"] != second["split"]) == copy.across_splits
    assert truth.copies[truth.copies["kind"] == "byte_copy"]["across_splits"].nunique() == 2


def test_no_copies_but_the_planted_ones(folder):
    truth = read_ground_truth(folder)
    digests = [hashlib.md5((folder / path).read_bytes()).hexdigest() for path in truth.images["path"]]
    assert len(digests) - len(set(digests)) == truth.copies["same_bytes"].sum()


def test_neighbouring_slices_are_nearer_than_other_patients(folder):
    images = read_ground_truth(folder).images
    images = images[images["copy_of"].isna()].sort_values(["patient", "slice"]).reset_index(drop=True)
    likeness = np.corrcoef([thumbnail(folder / path) for path in images["path"]])
    patient, index = images["patient"].to_numpy(), images["slice"].to_numpy()
    same = patient[:, None] == patient[None]
    neighbours = likeness[same & (np.abs(index[:, None] - index[None]) == 1)]
    assert np.median(neighbours) >= 0.97
    assert np.quantile(neighbours, 0.05) > np.quantile(likeness[~same], 0.99)


def test_same_bytes_whatever_the_workers_and_other_bytes_for_another_seed(folder, tmp_path):
    again = write_synthetic(tmp_path / "again", seed=3, workers=1, **SMALL)
    assert hashes(again) == hashes(folder)
    first, second = (write_synthetic(tmp_path / str(seed), seed=seed, **TINY) for seed in (1, 2))
    assert hashes(first) != hashes(second)


def test_complete_set_is_reused(folder, monkeypatch):
    monkeypatch.setattr(dataset, "draw_slice", lambda *_: pytest.fail("drawn again"))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert write_synthetic(folder, seed=3, **SMALL) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_other_content_is_refused_and_left_alone(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetError, match="not empty"):
        write_synthetic(tmp_path / "mine", **TINY)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(DatasetError, match="other seed"):
        write_synthetic(folder, seed=4, **SMALL)
    with pytest.raises(DatasetError, match="is a file"):
        write_synthetic(tmp_path / "mine" / "thesis.txt", **TINY)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"short")])
def test_damaged_set_is_not_trusted(tmp_path, damage):
    folder = write_synthetic(tmp_path / "set", **TINY)
    damage(next(folder.rglob("*.jpg")))
    with pytest.raises(DatasetError, match="missing or was changed"):
        write_synthetic(folder, **TINY)


def test_interruption_leaves_nothing_and_the_next_call_completes(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        calls = iter(range(100))

        def interrupted(*arguments, **options):
            if next(calls) == 3:
                raise KeyboardInterrupt
            return draw(*arguments, **options)

        draw = dataset.draw_slice
        patch.setattr(dataset, "draw_slice", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_synthetic(tmp_path / "set", **TINY)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DatasetError, match="no complete synthetic data set"):
        read_ground_truth(tmp_path / "set")
    assert len(read_ground_truth(write_synthetic(tmp_path / "set", **TINY)).images) > 8


def test_a_quicker_writer_of_the_same_set_wins(tmp_path, monkeypatch):
    write_json, pending = dataset.write_json, [True]

    def overtaken(path, record):
        if pending:
            pending.clear()
            write_synthetic(tmp_path / "set", **TINY)
        return write_json(path, record)

    monkeypatch.setattr(dataset, "write_json", overtaken)
    assert len(read_ground_truth(write_synthetic(tmp_path / "set", **TINY)).images) > 8
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / "set").mkdir()
    assert (write_synthetic(tmp_path / "set", **TINY) / "_ground_truth.json").is_file()


def test_broken_ground_truth_is_reported(tmp_path):
    (tmp_path / "_ground_truth.json").write_text(json.dumps({"images": 3}))
    with pytest.raises(DatasetError, match="not the ground truth"):
        read_ground_truth(tmp_path)


def test_shortcut_ties_size_to_class_and_its_absence_does_not(tmp_path):
    arguments = {**TINY, "patients_per_class": 3, "slices_per_patient": 1, "image_size": (48, 96)}
    tied = read_ground_truth(write_synthetic(tmp_path / "tied", shortcut=1.0, **arguments)).images
    sides = tied[["height", "width"]].max(axis=1).groupby(tied["true_label"])
    assert sides.mean().is_monotonic_increasing and sides.mean().nunique() == 4
    free = read_ground_truth(write_synthetic(tmp_path / "free", **arguments)).images
    assert not free[["height", "width"]].max(axis=1).groupby(free["true_label"]).mean().is_monotonic_increasing


@pytest.mark.parametrize(
    "wrong", [{"patients_per_class": 0}, {"seed": -1}, {"image_size": 8}, {"image_size": (90, 60)}, {"shortcut": 1.5}]
)
def test_arguments_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(DatasetError, match=next(iter(wrong))):
        write_synthetic(tmp_path / "set", **{**TINY, **wrong})
    assert list(tmp_path.iterdir()) == []
