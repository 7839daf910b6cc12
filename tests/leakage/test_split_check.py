"""The last look at a split: it passes what is apart and refuses every way of sharing."""

from __future__ import annotations

import pytest

from braintumor_tf.datasets import scan
from braintumor_tf.errors import SplitError
from braintumor_tf.leakage import check_split, group, split
from tests.leakage.conftest import picture, save


@pytest.fixture
def manifest(tmp_path):
    """Fourteen pictures of two classes, one of them twice as a file and once more at another size, split by group."""
    for number in range(14):
        save(picture(number), tmp_path / ("glioma", "no_tumor")[number % 2] / f"{number}.png")
    save(picture(0), tmp_path / "glioma" / "same_bytes.png")
    save(picture(1).resize((90, 90)), tmp_path / "no_tumor" / "smaller.jpg", quality=85)
    found = scan(tmp_path, cache=False, show_progress=False).manifest
    return split(group(found, show_progress=False), "grouped", seed=0)


def move(manifest, name: str, away_from: str):
    """Puts one image into another split than another image's."""
    other = manifest.loc[manifest["path"].str.endswith(f"/{away_from}"), "split"].iloc[0]
    to = "train" if other != "train" else "test"
    return manifest.assign(split=manifest["split"].mask(manifest["path"].str.endswith(f"/{name}"), to))


def test_a_grouped_split_passes_and_is_counted(manifest):
    table = check_split(manifest, show_progress=False)
    assert table["found"].to_dict() == {"md5": 15, "pixel_hash": 15, "group": 14, "look-alikes": 2}


def test_same_bytes_are_named(manifest):
    with pytest.raises(SplitError, match=r"share the same bytes: .*(0|same_bytes)\.png and .*\.png"):
        check_split(move(manifest, "same_bytes.png", "0.png"), show_progress=False)


def test_same_pixels_in_another_file_are_named(manifest):
    moved = move(manifest, "same_bytes.png", "0.png")
    with pytest.raises(SplitError, match="same grey pixels"):
        check_split(moved.assign(md5=moved["path"]), show_progress=False)


def test_a_divided_group_is_named(manifest):
    with pytest.raises(SplitError, match="same group"):
        check_split(move(manifest, "smaller.jpg", "1.png"), show_progress=False)


def test_look_alikes_are_found_even_where_the_groups_are_wrong(manifest):
    moved = move(manifest, "smaller.jpg", "1.png")
    with pytest.raises(SplitError, match=r"share their looks: .*1\.png"):
        check_split(moved.assign(group=moved["path"]), show_progress=False)


def test_an_image_left_out_as_overlap_is_no_part_of_the_split(manifest):
    moved = manifest.assign(split=manifest["split"].mask(manifest["path"].str.endswith("same_bytes.png"), "overlap"))
    table = check_split(moved, show_progress=False)
    assert table["found"].to_dict() == {"md5": 15, "pixel_hash": 15, "group": 14, "look-alikes": 1}


def test_a_split_without_images_is_refused(manifest):
    with pytest.raises(SplitError, match="the split validation has no image"):
        check_split(manifest[manifest["split"] != "validation"], show_progress=False)
