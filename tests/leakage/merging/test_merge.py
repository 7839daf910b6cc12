"""Several data sets as one: labels, copies, patients, splits, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import braintumor_tf as bt
from braintumor_tf.datasets import scan
from braintumor_tf.errors import DatasetError, SplitError
from braintumor_tf.identity import LinkedScan, Links, patient_contradictions
from braintumor_tf.leakage import check_split, group, leave_each_origin_out, merge_sentences, rung_splits, split
from tests.leakage.merging.conftest import listing

QUIET = {"link": False, "show_progress": False}


def by_name(manifest: pd.DataFrame, column: str) -> dict[str, str]:
    names = manifest["source"] + "/" + manifest["path"].map(lambda path: Path(path).name)
    return dict(zip(names, manifest[column]))


def test_labels_get_one_spelling_and_the_spellings_are_reported(two_folders):
    found = bt.merge(*two_folders, **QUIET)
    assert by_name(found.manifest, "label") == {
        "one/0.png": "glioma", "one/1.png": "glioma", "one/2.png": "glioma", "one/3.png": "no_tumor",
        "one/4.png": "no_tumor", "two/0.png": "glioma", "two/3.png": "no_tumor", "two/copy.png": "glioma",
        "two/wrong.png": "no_tumor",
    }  # fmt: skip
    first, second = found.merge.parts
    assert first.spellings == {"glioma_tumor": "glioma", "normal": "no_tumor"} and second.spellings == {
        "notumor": "no_tumor"
    }
    assert (first.images, second.images, second.unreadable) == (5, 4, 1) and first.classes == {
        "glioma": 3,
        "no_tumor": 2,
    }
    assert [Path(path).name for path in found.unreadable["path"]] == ["broken.png"]
    assert "Labels of two in one spelling: notumor is no_tumor." in found.merge.sentences


def test_copies_across_data_sets_are_found_counted_and_kept_together(two_folders):
    found = bt.merge(*two_folders, **QUIET)
    groups = by_name(found.manifest, "group")
    assert groups["one/1.png"] == groups["two/copy.png"] and groups["one/0.png"] == groups["two/wrong.png"]
    assert len(set(groups.values())) == 7, "equal file names are no copies"
    [between] = found.merge.between
    assert (between.md5.images, between.picture.images, between.near.ours) == (1, 2, 2)
    assert found.merge.copies == 1 and found.merge.left_out == [] and len(found.manifest) == 9
    assert any(line.startswith("1 file is a copy of another one and stays") for line in found.merge.sentences)


def test_dropped_copies_are_named_with_the_file_that_stays_and_no_label_is_decided(two_folders):
    found = bt.merge(*two_folders, drop_copies=True, **QUIET)
    assert len(found.manifest) == found.merge.images == 8 and found.merge.parts[0].left_out == 1
    [row] = found.merge.left_out
    assert (Path(row["path"]).name, row["source"], row["label"]) == ("1.png", "one", "glioma")
    assert (Path(row["kept"]).name, row["kept_source"]) == ("copy.png", "two"), "the larger one stays"
    names = set(by_name(found.manifest, "label"))
    assert {"one/0.png", "two/wrong.png"} <= names and "one/1.png" not in names
    [files] = found.merge.conflicts
    assert {(row["source"], row["label"]) for row in files} == {("one", "glioma"), ("two", "no_tumor")}
    assert any(
        "filed under several labels" in line and "wrong.png (two: no_tumor)" in line for line in found.merge.sentences
    )
    assert merge_sentences(json.loads(json.dumps(found.to_config()))["merge"]) == found.merge.sentences


def test_tumour_or_not_beside_types_is_refused_unless_binary(two_folders, tmp_path):
    for number, label in enumerate(("yes", "no")):
        listing(tmp_path / "coarse" / label, range(20 + number, 21 + number))
        (tmp_path / "coarse" / label / "list.csv").unlink()
    parts = (two_folders[0], tmp_path / "coarse")
    with pytest.raises(DatasetError, match=r"coarse: says only tumor or not, beside types such as glioma.*--binary"):
        bt.merge(*parts, **QUIET)
    found = bt.merge(*parts, binary=True, **QUIET)
    assert set(found.manifest["label"]) == {"tumor", "no_tumor"}
    assert found.merge.parts[1].spellings == {"no": "no_tumor", "yes": "tumor"}
    assert found.merge.parts[0].classes == {"no_tumor": 2, "tumor": 3}


def test_equal_numbers_of_two_data_sets_are_two_people_and_a_published_patient_is_one(tmp_path):
    lists = [listing(tmp_path / name, numbers, patient="7") for name, numbers in (("a", range(4)), ("b", range(4, 8)))]
    found = bt.merge(*lists, **QUIET)
    assert set(found.manifest["source"]) == {"list", "list (2)"}, "two lists of one name are two data sets"
    assert found.manifest.groupby("source")["group"].unique().map(len).tolist() == [1, 1]
    assert found.manifest["group"].nunique() == 2 and found.merge.patients == 0

    origin = {"origin": "atlas", "origin_patient": "A"}
    lists = [
        listing(tmp_path / "c", range(10, 14), patient="7", **origin),
        listing(tmp_path / "d", range(14, 18), patient="8", **origin),
    ]
    found = bt.merge(*lists, **QUIET)
    assert found.manifest["group"].nunique() == 1
    assert (found.merge.patients, found.merge.patient_images) == (1, 8)
    assert found.merge.between[0].patients.images == 4
    assert patient_contradictions(found.manifest).empty, "each data set may number a person as it likes"
    assert "1 known patient has images in several data sets, 8 in all, and stays together." in found.merge.sentences


def test_the_official_split_needs_one_in_each_part(two_folders, tmp_path):
    one, two = two_folders
    found = bt.merge(one, two, **QUIET)
    with pytest.raises(SplitError, match="two"):
        split(found.manifest, "official", fractions=(1, 0, 0))
    (tmp_path / "half").mkdir()
    two.rename(tmp_path / "half" / "Testing")
    found = bt.merge(one, tmp_path / "half", **QUIET)
    assert found.merge.parts[1].splits == ["test"] and not found.merge.parts[1].official
    assert any("The official splits of half (test) lack training or test" in line for line in found.merge.sentences)
    with pytest.raises(SplitError, match="half"):
        split(found.manifest, "official", fractions=(1, 0, 0))
    other = listing(tmp_path / "other", range(30, 38), split=["train"] * 6 + ["test"] * 2)
    found = bt.merge(one, other, **QUIET)
    parts = by_name(split(found.manifest, "official", fractions=(1, 0, 0)), "split")
    assert {name for name, part in parts.items() if part == "test"} == {
        "one/2.png", "one/4.png", "list/36.png", "list/37.png",
    }  # fmt: skip


def test_a_merged_manifest_works_with_every_protocol(tmp_path):
    lists = [
        listing(tmp_path / "a", range(16), patient=[str(number // 2 % 4 + 4 * (number % 2)) for number in range(16)]),
        listing(tmp_path / "b", range(16, 32), origin="atlas", origin_patient=[f"p{n % 8}" for n in range(16)]),
    ]
    found = bt.merge(*lists, **QUIET)
    manifest = found.manifest
    how = {"fractions": (0.5, 0.25, 0.25)}
    for protocol, options in (("grouped", {}), ("random", {}), ("kfold", {"folds": 3})):
        parts = split(manifest, protocol, **how, **options)
        assert set(parts["split"]) == {"train", "validation", "test"}
        if protocol != "random":
            assert (parts.groupby("group")["split"].nunique() == 1).all()
    check_split(split(manifest, **how), show_progress=False)
    splits, refused = leave_each_origin_out(manifest, **how)
    assert set(splits) == {"atlas", "unknown:list"} and refused == {}
    assert set(splits["atlas"].query("split == 'test'")["source"]) == {"list (2)"}
    ladder, leaks = rung_splits(manifest, fractions=(0.5, 0.25, 0.25), show_progress=False)
    assert leaks["patient"].same_patient == 0 < leaks["random"].same_patient and set(ladder) == set(leaks)
    outside = scan(listing(tmp_path / "c", range(40, 44)), show_progress=False).manifest
    joint = split(manifest, "external", external=outside, **how)
    assert (joint["split"] == "test").sum() == 4


def test_groups_that_a_list_names_itself_are_kept_whole(tmp_path):
    own = listing(tmp_path / "a", range(4), group=["x", "x", "", "x"])
    found = bt.merge(own, listing(tmp_path / "b", range(4, 8), group="x"), **QUIET)
    groups = by_name(found.manifest, "group")
    assert groups["list/0.png"] == groups["list/1.png"] == groups["list/3.png"] != groups["list/2.png"]
    assert len({groups[f"list (2)/{number}.png"] for number in range(4, 8)} | {groups["list/0.png"]}) == 2


def test_a_class_of_one_data_set_is_said(tmp_path):
    one = listing(tmp_path / "one", range(0, 8, 2), name="one.csv")
    found = bt.merge(one, listing(tmp_path / "two", range(9, 17), name="two.csv"), **QUIET)
    assert found.merge.single == {"no_tumor": "two"}
    assert any(line.startswith("no_tumor comes from two alone") for line in found.merge.sentences)


def test_mistakes_are_named(two_folders, tmp_path):
    one, two = two_folders
    with pytest.raises(DatasetError, match="two or more"):
        bt.merge(one, **QUIET)
    with pytest.raises(DatasetError, match="give each data set once"):
        bt.merge(one, one / "Training", **QUIET)
    (tmp_path / "again").symlink_to(two)
    with pytest.raises(DatasetError, match="give each data set once"):
        bt.merge(two, tmp_path / "again", **QUIET)


def test_scans_are_taken_as_they_are_and_links_are_counted_over_all(two_folders):
    plain = [scan(folder, show_progress=False) for folder in two_folders]
    linked = [
        LinkedScan(each.manifest, each.unreadable, each.root, links=Links.of(each.manifest, {"x": "1"}))
        for each in plain
    ]
    found = bt.merge(*linked, show_progress=False)
    assert found.links.images == 9 and found.links.tables == {"x": "1"}
    assert found.title == " + ".join(str(folder) for folder in two_folders)
    assert bt.merge(linked[0], plain[1], **QUIET).links is None, "nobody looked in one of them"
    named = bt.merge(*linked, names=["A", "B"], show_progress=False)
    assert [part.dataset for part in named.merge.parts] == ["A", "B"]


def test_groups_are_those_of_all_images_put_together_by_hand(two_folders):
    """Merging groups as if the two folders had been one."""
    rows = [scan(folder, show_progress=False).manifest for folder in two_folders]
    together = group(pd.concat(rows, ignore_index=True), show_progress=False)
    merged = bt.merge(*two_folders, **QUIET).manifest
    np.testing.assert_array_equal(merged["group"], together["group"])
