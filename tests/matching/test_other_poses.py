"""Copies in other poses: each alteration is found and named, nothing else is, and look-alikes stay as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import scan
from braintumor_tf.errors import SplitError
from braintumor_tf.leakage import audit, check_split, drop_copies, group
from braintumor_tf.matching import near_pairs, same_picture, turned_back
from braintumor_tf.matching import other_poses as poses
from tests.matching.altered import ALTERATIONS, cropped, equalised, heads, shifted, turned

COUNT = 9


def written(folder, images, label: str = "glioma") -> None:
    (folder / label).mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(np.ascontiguousarray(image)).save(folder / label / f"{number:02}.png")


def scanned(folder) -> pd.DataFrame:
    return scan(folder, cache=False, show_progress=False).manifest


@pytest.fixture(scope="module")
def slices() -> list[np.ndarray]:
    return heads(COUNT)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_copy_is_found_and_its_pose_named(tmp_path, slices, name):
    pose, alter = ALTERATIONS[name]
    written(tmp_path, [*slices, *map(alter, slices)])
    pairs = near_pairs(scanned(tmp_path), show_progress=False)
    assert list(zip(pairs["first"], pairs["second"])) == [(number, number + COUNT) for number in range(COUNT)]
    assert (pairs["correlation"] >= 0.9).all()
    aligned = pairs[pairs["detail"].notna()]
    assert set(aligned["pose"]) <= {pose} and (pose == "as it is" or len(aligned) == COUNT)
    assert aligned["inverted"].eq("inverted" in name).all()


def test_most_equalised_copies_are_found_and_none_is_wrong(tmp_path, slices):
    """Equalising makes noise of a dark background as bright as a head, so some are lost."""
    written(tmp_path, [*slices, *map(equalised, slices)])
    pairs = near_pairs(scanned(tmp_path), show_progress=False)
    assert len(pairs) >= COUNT // 2 and (pairs["second"] - pairs["first"] == COUNT).all()


def test_what_is_measured_is_what_was_done(tmp_path, slices):
    written(tmp_path, [*slices, *(shifted(turned(image[:, ::-1], 10), 8, 4) for image in slices)])
    pairs = near_pairs(scanned(tmp_path), show_progress=False)
    assert len(pairs) == COUNT and pairs["mirrored"].all()
    np.testing.assert_allclose(pairs["angle"], 10, atol=0.7)
    np.testing.assert_allclose(pairs["scale"], 1, atol=0.01)
    np.testing.assert_allclose(pairs["shift_x"], 4 / 160, atol=0.006)
    np.testing.assert_allclose(pairs["shift_y"], 8 / 160, atol=0.006)


def test_a_crop_is_larger_by_what_was_cut(tmp_path, slices):
    written(tmp_path, [*slices, *(cropped(image[::-1], 0.05) for image in slices)])
    pairs = near_pairs(scanned(tmp_path), show_progress=False)
    np.testing.assert_allclose(pairs["scale"], 1 / 0.9, atol=0.01)
    np.testing.assert_allclose(np.abs(pairs["angle"]), 180, atol=0.7)


def test_different_patients_and_their_mirror_images_are_not_joined(tmp_path):
    written(tmp_path, [*heads(12, first_seed=50), *(image[:, ::-1] for image in heads(12, first_seed=90))])
    assert near_pairs(scanned(tmp_path), show_progress=False).empty


def test_look_alikes_are_the_same_rows_as_without_poses(tmp_path, slices):
    brighter = [np.uint8(np.clip(image * 1.2, 0, 255)) for image in slices]
    written(tmp_path, [*slices, *brighter, *(image[:, ::-1] for image in slices)])
    manifest = scanned(tmp_path)
    plain = near_pairs(manifest, poses=False, show_progress=False)
    every = near_pairs(manifest, show_progress=False)
    assert len(plain) == COUNT and len(every) > len(plain)
    pd.testing.assert_frame_equal(every[every["detail"].isna()].reset_index(drop=True), plain)
    assert plain[list(poses.POSE_COLUMNS)].drop_duplicates().values.tolist() == [list(poses.AS_IT_IS)]


def test_a_stricter_correlation_holds_for_poses_too(tmp_path, slices):
    written(tmp_path, [*slices, *(turned(image, 30) for image in slices)])
    manifest = scanned(tmp_path)
    found = near_pairs(manifest, show_progress=False)["correlation"]
    assert len(near_pairs(manifest, correlation=found.max() + 1e-6, show_progress=False)) == 0 < len(found)


@pytest.mark.parametrize(
    ("correlation", "detail", "joined", "same"),
    [(0.951, 0.921, True, False), (0.949, 0.99, False, None), (0.999, 0.919, False, None), (0.951, 0.961, True, True)],
)
def test_the_thresholds(monkeypatch, correlation, detail, joined, same):
    """Aligned pictures at either side of 0.95 (correlation), 0.92 (details) and 0.96 (details of one picture)."""
    row = poses.Aligned(
        np.array([0]), np.array([1]), np.eye(2, 3)[None], np.array([correlation]), np.array([detail]), np.array([False])
    )
    monkeypatch.setattr(poses, "align", lambda *_, **__: row)
    picture = np.stack(heads(2))[:, ::2, ::2]
    pairs = poses.pose_pairs(np.resize(picture, (2, 96, 96)), np.full((2, 2), 96), np.empty(0, np.int64))
    assert len(pairs) == joined
    assert not joined or same_picture(pairs).tolist() == [same]


def test_turned_back_lies_on_the_first(tmp_path, slices):
    altered = [cropped(turned(np.rot90(image), 8), 0.05) for image in slices]
    written(tmp_path, [*slices, *altered])
    pairs = near_pairs(scanned(tmp_path), show_progress=False)
    for row in pairs.to_dict("records"):
        back = turned_back(altered[row["second"] - COUNT], (160, 160), row)
        seen = back > 0
        assert seen.mean() > 0.3
        assert np.corrcoef(back[seen], slices[row["first"]][seen])[0, 1] > 0.97


def test_too_few_pictures_and_pictures_of_nothing(tmp_path):
    written(tmp_path, [np.zeros((50, 50), np.uint8), np.full((60, 60), 200, np.uint8), np.zeros((20, 90), np.uint8)])
    assert near_pairs(scanned(tmp_path), show_progress=False).query("detail == detail").empty
    assert poses.pose_pairs(np.zeros((1, 96, 96), np.uint8), np.array([[9, 9]]), np.empty(0, np.int64)).empty


def test_mirrored_copies_are_one_group_a_leak_and_a_copy(tmp_path, slices):
    written(tmp_path / "Training", slices)
    written(tmp_path / "Testing", [image[:, ::-1] for image in slices[:4]])
    manifest = scanned(tmp_path)
    report = audit(scan(tmp_path, cache=False, show_progress=False), show_progress=False)
    assert report.leak and report.near.pose_pairs == 4 and report.picture.redundant_files == 4
    assert {pair["pose"] for pair in report.pairs} == {"mirrored"}
    assert not audit(scan(tmp_path, cache=False, show_progress=False), poses=False, show_progress=False).leak
    assert group(manifest, show_progress=False)["group"].nunique() == COUNT
    assert len(drop_copies(manifest, show_progress=False)) == COUNT
    parts = manifest.assign(split=["test", "validation", *["train"] * (len(manifest) - 2)])
    parts = parts.assign(group=parts["path"])
    with pytest.raises(SplitError, match="their looks"):
        check_split(parts, show_progress=False)
    assert check_split(parts, poses=False, show_progress=False)["shared"].eq(0).all()
