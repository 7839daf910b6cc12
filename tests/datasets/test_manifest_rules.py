"""The rules of a manifest: which folder names the label and the split, order, names, bad files, cache."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import scan, thumbnails
from braintumor_tf.datasets.cache import DescriptionCache
from braintumor_tf.datasets.descriptions import describe
from braintumor_tf.errors import DatasetError

QUIET = {"show_progress": False}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    """Gives every test an empty cache."""
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def save(path: Path, value: int = 1, size: tuple[int, int] = (8, 6)) -> Path:
    """A picture that depends on `value`, of ``(width, height)``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(value).integers(0, 256, size[::-1], dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def rows(root: Path, **options) -> dict[str, tuple[str, str, str]]:
    """Label, split and patient by file name."""
    found = scan(root, **QUIET, **options).manifest
    return {Path(row.path).name: (row.label, row.split, row.patient) for row in found.itertuples()}


def test_folders_below_the_class_do_not_change_it(tmp_path):
    save(tmp_path / "set" / "Training" / "glioma" / "a.png", 1)
    save(tmp_path / "set" / "Testing" / "pituitary" / "axial" / "c.png", 3)
    save(tmp_path / "set" / "pituitary" / "Testing" / "old" / "d.png", 4)
    assert rows(tmp_path / "set") == {
        "a.png": ("glioma", "train", ""),
        "c.png": ("pituitary", "test", ""),
        "d.png": ("pituitary", "test", ""),
    }


def test_patients_are_the_folders_above_the_class(tmp_path):
    for patient in ("17", "4"):
        save(tmp_path / "set" / patient / "0" / f"{patient}.png", int(patient))
    save(tmp_path / "set" / "glioma" / "nobody.png", 9)
    found = rows(tmp_path / "set", patients=True, labels={"0": "no_idc"})
    assert found["17.png"] == ("no_idc", "", "17") and found["4.png"] == ("no_idc", "", "4")
    assert found["nobody.png"] == ("glioma", "", "")


def test_rows_are_sorted_by_path_and_bad_files_too(tmp_path):
    for name in ("b/z.png", "a/10.png", "a/9.png", "C/a.png"):
        save(tmp_path / "set" / name, len(name))
    for name in ("b/bad.jpg", "a/bad.jpg", "C/bad.jpg"):
        (tmp_path / "set" / name).write_bytes(b"x")
    found = scan(tmp_path / "set", **QUIET)
    assert found.manifest["path"].tolist() == sorted(str(path) for path in (tmp_path / "set").rglob("*.png"))
    assert found.unreadable["path"].tolist() == sorted(str(path) for path in (tmp_path / "set").rglob("*.jpg"))
    assert found.manifest.index.tolist() == [0, 1, 2, 3]


def test_a_csv_is_sorted_keeps_its_groups_and_lends_its_name(tmp_path):
    for name in "cab":
        save(tmp_path / f"{name}.png", ord(name))
    table = pd.DataFrame({"path": ["c.png", "a.png", "b.png"], "label": "glioma", "group": ["g1", "", "g2"]})
    table.to_csv(tmp_path / "my.list.csv", index=False)
    found = scan(tmp_path / "my.list.csv", **QUIET)
    assert [Path(path).name for path in found.manifest["path"]] == ["a.png", "b.png", "c.png"]
    assert found.manifest["group"].tolist() == ["", "g2", "g1"]
    assert set(found.manifest["source"]) == {"my.list"} and found.root == tmp_path
    assert set(scan(tmp_path / "my.list.csv", source="named", **QUIET).manifest["source"]) == {"named"}


def test_one_bad_file_is_enough_for_strict(tmp_path):
    save(tmp_path / "set" / "glioma" / "a.png")
    assert scan(tmp_path / "set", strict=True, **QUIET).unreadable.empty
    (tmp_path / "set" / "glioma" / "bad.jpg").write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"1 unreadable files, the first .*bad\.jpg"):
        scan(tmp_path / "set", strict=True, **QUIET)


def test_ignored_folders_are_passed_over_at_any_depth(tmp_path):
    save(tmp_path / "set" / "Training" / "glioma" / "a.png", 1)
    save(tmp_path / "set" / "Training" / "glioma" / "masks" / "b.png", 2)
    save(tmp_path / "set" / "masks" / "glioma" / "c.png", 3)
    save(tmp_path / "set" / "Testing" / "glioma" / "masks.png", 4)
    assert set(rows(tmp_path / "set", ignore=["masks"])) == {"a.png", "masks.png"}
    assert set(rows(tmp_path / "set", ignore=["mask*"])) == {"a.png"}
    assert set(rows(tmp_path / "set", ignore=["masks", "Training/glioma/a.png"])) == {"masks.png"}


def test_a_file_changed_within_its_size_is_read_again(tmp_path):
    root = tmp_path / "set"
    path = save(root / "glioma" / "a.bmp", 1)
    before, size = scan(root, **QUIET).manifest["pixel_hash"][0], path.stat().st_size
    save(path, 2)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
    assert path.stat().st_size == size
    after = scan(root, **QUIET).manifest["pixel_hash"][0]
    assert after != before and after == scan(root, cache=False, **QUIET).manifest["pixel_hash"][0]


def test_pictures_of_equal_pixels_and_other_shape_are_not_the_same(tmp_path):
    pixels = np.arange(24, dtype=np.uint8)
    for number, shape in enumerate([(4, 6), (6, 4), (4, 6), (3, 8)]):
        (tmp_path / "glioma").mkdir(exist_ok=True)
        Image.fromarray(pixels.reshape(shape)).save(tmp_path / "glioma" / f"{number}.{'bmp' if number == 2 else 'png'}")
    found = scan(tmp_path, **QUIET).manifest
    assert found["pixel_hash"].nunique() == 3 and found["pixel_hash"][0] == found["pixel_hash"][2]
    assert list(zip(found["width"], found["height"])) == [(6, 4), (4, 6), (6, 4), (8, 3)]


def test_the_cache_gives_back_more_descriptions_than_one_question_may_ask_for(tmp_path):
    for number in range(3):
        save(tmp_path / "set" / "glioma" / f"{number}.png", number)
    made = scan(tmp_path / "set", cache=False, **QUIET).manifest
    one = describe("0.png", Path(made["path"][0]).read_bytes())
    many = [one._replace(md5=f"{number:032x}", width=number + 1) for number in range(1203)]
    with DescriptionCache(None) as store:
        store.add({}, many)
        found = store.contents([each.md5 for each in many])
        assert {md5: each.width for md5, each in found.items()} == {each.md5: each.width for each in many}
        assert set(store.thumbnails(list(found)).values()) == {one.thumbnail}
        assert store.contents(["nothing"]) == {} and store.thumbnails([]) == {}


def test_the_cache_names_the_files_below_a_folder_alone(tmp_path):
    with DescriptionCache(tmp_path / "here") as store:
        known = {f"/data/{name}": (5, 7, "m") for name in ("set/a.png", "set/deep/b.png", "set2/c.png", "set.png")}
        store.add(known, [])
        assert set(store.files("/data/set")) == {"/data/set/a.png", "/data/set/deep/b.png"}
        assert store.files("/data/set")["/data/set/a.png"] == (5, 7, "m") and len(store.files("/data")) == 4
        store.add({"/data/set/a.png": (6, 8, "n")}, [])
        assert store.files("/data/set")["/data/set/a.png"] == (6, 8, "n")


def test_a_moved_folder_keeps_its_descriptions_and_thumbnails(tmp_path):
    for number in range(3):
        save(tmp_path / "set" / "glioma" / f"{number}.png", number, (64, 64))
    first = scan(tmp_path / "set", **QUIET).manifest
    expected = [np.asarray(Image.open(path)) for path in first["path"]]
    shutil.move(tmp_path / "set", tmp_path / "moved")
    again = scan(tmp_path / "moved", **QUIET).manifest
    assert again["md5"].tolist() == first["md5"].tolist() and (tmp_path / "cache" / "images.sqlite").is_file()
    shutil.rmtree(tmp_path / "moved")
    np.testing.assert_array_equal(thumbnails(again, show_progress=False), expected)


@pytest.mark.parametrize("version", ["", "1 Pillow 1.0", "zzz"])
def test_descriptions_of_another_version_are_made_anew(tmp_path, own_cache, version):
    save(tmp_path / "set" / "glioma" / "a.png", 1, (64, 64))
    first = scan(tmp_path / "set", **QUIET).manifest
    with contextlib.closing(sqlite3.connect(own_cache / "images.sqlite")) as file, file:
        file.execute("UPDATE contents SET version = ?, pixel_hash = 'stale'", (version,))
        file.execute("UPDATE thumbnails SET version = ?, pixels = ?", (version, bytes(64 * 64)))
    np.testing.assert_array_equal(thumbnails(first, show_progress=False)[0], np.asarray(Image.open(first["path"][0])))
    pd.testing.assert_frame_equal(scan(tmp_path / "set", **QUIET).manifest, first)
