"""A merged data set as a folder: read back it is the same, and it appears complete or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import braintumor_tf as bt
from braintumor_tf.datasets import scan
from braintumor_tf.errors import DatasetError
from tests.leakage.merging.conftest import listing

QUIET = {"link": False, "show_progress": False}
SAME = ["label", "split", "source", "md5", "group", "patient", "origin", "origin_patient"]


def test_read_back_a_merged_folder_is_the_same_data_set(two_folders, tmp_path):
    extra = listing(tmp_path / "list", range(50, 54), patient="7", origin="atlas", origin_patient="A")
    found = bt.merge(*two_folders, extra, **QUIET)
    out = bt.write_merged(found, tmp_path / "out" / "both", show_progress=False)
    again = scan(out, show_progress=False)
    assert len(again.unreadable) == 0 and again.root == out
    order = ["md5", "source"]
    expected = found.manifest.sort_values(order)[SAME].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        again.manifest.sort_values(order)[SAME].reset_index(drop=True), expected, check_dtype=False
    )
    listed = pd.read_csv(out / "manifest.csv", dtype=str, keep_default_na=False)["path"]
    assert {"one/train/glioma/0.png", "two/glioma/0.png", "list/no_tumor/51.png"} <= set(listed)
    shutil.move(out, tmp_path / "elsewhere")
    assert len(scan(tmp_path / "elsewhere", show_progress=False).manifest) == len(found.manifest), "paths are relative"


def test_equal_names_of_one_class_do_not_collide(tmp_path):
    one = tmp_path / "one"
    for number, folder in enumerate(("a", "b", "c")):
        listing(one / folder / "glioma", range(2 * number, 2 * number + 1))
        (one / folder / "glioma" / f"{2 * number}.png").rename(
            one / folder / "glioma" / ("X.png" if number else "x.png")
        )
    parts = scan(one, label_from=2, show_progress=False), listing(tmp_path / "two", range(9, 12), name="two.csv")
    found = bt.merge(*parts, **QUIET)
    out = bt.write_merged(found, tmp_path / "both", show_progress=False)
    names = sorted(path.name for path in (out / "one" / "glioma").iterdir())
    assert names == ["X_2.png", "X_3.png", "x.png"]
    again = scan(out, show_progress=False).manifest
    assert sorted(again["md5"]) == sorted(found.manifest["md5"])


def test_the_readme_says_what_went_in_and_the_tables_what_did_not(two_folders, tmp_path):
    found = bt.merge(*two_folders, drop_copies=True, **QUIET)
    out = bt.write_merged(found, tmp_path / "both", show_progress=False)
    text = (out / "README.md").read_text(encoding="utf-8")
    assert f"| `{two_folders[0]}` | one | 5 | 1 | 0 | 0 |" in text and "| glioma | 3 | 2 |" in text
    assert all(sentence in text for sentence in found.merge.sentences) and "2 files are not here" in text
    left_out = pd.read_csv(out / "left_out.csv", keep_default_na=False).set_index("reason")
    assert Path(left_out.loc["copy", "path"]).name == "1.png"
    assert left_out.loc["copy", "kept"] == "two/glioma/copy.png" and (out / "two/glioma/copy.png").is_file()
    assert len(left_out) == 2 and any("broken.png" in path for path in left_out["path"])
    conflicts = pd.read_csv(out / "label_conflicts.csv")
    assert conflicts["here"].tolist() == ["one/train/glioma/0.png", "two/no_tumor/wrong.png"]


def test_links_are_links_and_copies_are_copies(two_folders, tmp_path):
    found = bt.merge(*two_folders, **QUIET)
    first = Path(found.manifest["path"][0])
    linked = bt.write_merged(found, tmp_path / "linked", links=True, show_progress=False)
    copied = bt.write_merged(found, tmp_path / "copied", show_progress=False)
    place = pd.read_csv(linked / "manifest.csv")["path"][0]
    assert (linked / place).samefile(first) and not (copied / place).samefile(first)
    assert (copied / place).read_bytes() == first.read_bytes()
    assert "9 files are hard links" in (linked / "README.md").read_text(encoding="utf-8")


def test_without_links_on_the_file_system_files_are_copied_and_counted(two_folders, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    out = bt.write_merged(bt.merge(*two_folders, **QUIET), tmp_path / "both", links=True, show_progress=False)
    assert len(scan(out, show_progress=False).manifest) == 9
    assert "Files are copies." in (out / "README.md").read_text(encoding="utf-8")


def test_nothing_half_written_stays_and_nothing_is_overwritten(two_folders, tmp_path, monkeypatch):
    found = bt.merge(*two_folders, **QUIET)
    out = tmp_path / "out" / "both"
    copy, copied = shutil.copy2, []

    def full(source, target):
        if len(copied) == 3:
            raise OSError("No space left on device")
        copied.append(copy(source, target))

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copy2", full)
        with pytest.raises(OSError, match="No space left"):
            bt.write_merged(found, out, show_progress=False)
    assert len(copied) == 3 and list(out.parent.iterdir()) == []
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="holds something already"):
        bt.write_merged(found, out, show_progress=False)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
