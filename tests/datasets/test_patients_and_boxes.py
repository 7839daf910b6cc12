"""Who is in a picture, as far as a data set says so itself: columns of a CSV, and manifests of earlier versions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import COLUMNS, read_manifest, scan, write_manifest
from braintumor_tf.errors import DatasetError

QUIET = {"cache": False, "show_progress": False}
OLD_RUNS = Path(__file__).resolve().parents[1] / "data" / "run_0_1"
IDENTITY = ["patient", "origin", "origin_id", "pose", "origin_label", "lesion_box", "origin_patient"]


def listed(folder: Path, **columns: list[str]) -> pd.DataFrame:
    """Scans a CSV of two small images with these columns."""
    for number in range(2):
        Image.new("L", (40, 40), 90 * number).save(folder / f"{number}.png")
    table = pd.DataFrame({"path": ["0.png", "1.png"], "label": "glioma", **columns})
    table.to_csv(folder / "list.csv", index=False)
    return scan(folder / "list.csv", **QUIET).manifest


def test_a_box_of_a_csv_becomes_one_text(tmp_path):
    box = {"box_x": ["0.63", ""], "box_y": ["0.4", ""], "box_width": ["0.22", ""], "box_height": ["0.2", ""]}
    assert listed(tmp_path, **box)["lesion_box"].tolist() == ["0.63 0.4 0.22 0.2", ""]


@pytest.mark.parametrize("wrong", ["1.2", "-0.1", "left", "nan", ""])
def test_a_box_that_is_none_is_refused(tmp_path, wrong):
    box = {"box_x": ["0.63", wrong], "box_y": ["0.4"] * 2, "box_width": ["0.2"] * 2, "box_height": ["0.2"] * 2}
    with pytest.raises(DatasetError, match="1.png has the box .* shares of the picture"):
        listed(tmp_path, **box)


def test_a_csv_may_say_which_data_set_a_row_is_of(tmp_path):
    assert listed(tmp_path, source=["clinic", ""])["source"].tolist() == ["clinic", "list"]


def test_what_a_csv_does_not_say_is_empty_text(tmp_path):
    found = listed(tmp_path)
    assert set(found[IDENTITY].to_numpy().ravel()) == {""} and list(found) == list(COLUMNS)
    assert listed(tmp_path, patient=["7", ""])["patient"].tolist() == ["7", ""]


def test_a_linked_manifest_is_a_data_set_again(tmp_path):
    known = {name: [f"{name} 1", ""] for name in IDENTITY}
    assert listed(tmp_path, **known)[IDENTITY].to_dict("list") == known


def test_a_group_that_names_a_patient_gives_the_patient(tmp_path):
    found = listed(tmp_path, group=["patient:7", "g12"])
    assert found["patient"].tolist() == ["7", ""] and found["group"].tolist() == ["patient:7", "g12"]


def test_manifests_of_version_0_1_are_read(tmp_path):
    found = read_manifest(OLD_RUNS / "cnn" / "manifest.csv")
    assert list(found) == list(COLUMNS) and set(found[IDENTITY].to_numpy().ravel()) == {""}
    old = found[list(COLUMNS[:10])].assign(group=["patient:7"] * 2 + ["g1"] * (len(found) - 2))
    old.to_csv(tmp_path / "old.csv", index=False)
    assert read_manifest(tmp_path / "old.csv")["patient"].tolist() == ["7"] * 2 + [""] * (len(found) - 2)


def test_a_manifest_without_the_new_columns_is_written_with_them_empty(tmp_path):
    found = read_manifest(OLD_RUNS / "pca" / "manifest.csv")
    write_manifest(tmp_path / "new.csv", found[list(COLUMNS[:10])])
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "new.csv"), found)


def test_the_patient_column_wins_over_the_name_of_a_group(tmp_path):
    found = read_manifest(OLD_RUNS / "pca" / "manifest.csv").assign(group="patient:clinic:7", patient="7")
    write_manifest(tmp_path / "new.csv", found)
    assert set(read_manifest(tmp_path / "new.csv")["patient"]) == {"7"}


def test_images_without_a_class_are_taken_where_asked_for(tmp_path):
    Image.new("L", (40, 40)).save(tmp_path / "loose.png")
    (tmp_path / "glioma").mkdir()
    Image.new("L", (40, 40), 9).save(tmp_path / "glioma" / "a.png")
    assert len(scan(tmp_path, **QUIET).manifest) == 1
    assert scan(tmp_path, unlabelled=True, **QUIET).manifest["label"].tolist() == ["glioma", ""]
