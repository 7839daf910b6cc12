"""Groups of look-alikes and the audit, on folders with planted near-duplicates and on the real sets."""

import json
from dataclasses import replace

import pytest

from braintumor_tf.datasets import scan
from braintumor_tf.leakage import audit, format_audit, group


def make_audit(root, *against, poses=True):
    options = {"show_progress": False}
    return audit(scan(root, **options), [scan(other, **options) for other in against], poses=poses, show_progress=False)


def name_of(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def test_planted_duplicates_are_counted_by_each_fingerprint(leaky_folder):
    report = make_audit(leaky_folder)
    assert (report.images, len(report.unreadable_files), report.test_images) == (17, 0, 7)
    assert report.md5.redundant_files == 2 and report.md5.test_in_training == 1
    assert report.pixels.redundant_files == 3 and report.pixels.test_in_training == 2
    assert report.picture.redundant_files == 4 and report.picture.test_in_training == 3
    assert report.near.redundant_files == 4 and report.near.test_in_training == 3
    assert report.near.groups == 13 and report.near.largest_group == 3
    assert report.leak


def test_label_conflicts_are_listed_with_all_their_files(leaky_folder):
    conflicts = make_audit(leaky_folder).label_conflicts
    assert [[name_of(path) for path in paths] for paths in conflicts] == [["2.png", "conflict.png"]]


def test_pairs_to_look_at_name_their_splits_and_fingerprints(leaky_folder):
    pairs = make_audit(leaky_folder).pairs
    assert {pair["fingerprint"] for pair in pairs} == {"bytes", "pixels", "picture"}
    assert all({pair["split_a"], pair["split_b"]} <= {"train", "test"} for pair in pairs)


def test_an_audit_is_plain_json_and_readable_text(leaky_folder):
    report = make_audit(leaky_folder)
    json.dumps(report.to_dict(), allow_nan=False)
    text = format_audit(report)
    assert "3 of 7" in text and "LEAK" in text and "one picture under several labels" in text


def test_a_clean_folder_has_no_leak(near_duplicates, tmp_path):
    report = make_audit(tmp_path / "one")
    assert not report.leak and report.near.redundant_files == 0
    assert "No near-duplicates" in format_audit(report)


def test_overlap_with_another_set_is_a_leak(near_duplicates, tmp_path):
    report = make_audit(tmp_path / "one", tmp_path / "two")
    [row] = report.against
    assert (row.md5.images, row.near.images, row.near.ours) == (0, 1, 1)
    assert report.leak and "overlaps with" in format_audit(report)


def test_equal_patients_of_two_lists_of_one_name_are_two_people(near_duplicates, tmp_path):
    one, two = (scan(tmp_path / name, show_progress=False) for name in ("one", "two"))
    found = {}
    for source in ("list", "other"):
        here, there = one.manifest.assign(patient="7", source="list"), two.manifest.assign(patient="7", source=source)
        report = audit(replace(one, manifest=here), [replace(two, manifest=there)], show_progress=False)
        found[source] = report.against[0].patients.images
    assert found == {"list": 0, "other": 0}


def test_pictures_that_another_set_files_differently_are_named(near_duplicates, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    [row] = make_audit(one, two).against
    assert row.label_conflicts == [] and row.classes == [{"split": "all", "glioma": 1}]
    (two / "meningioma").mkdir()
    (two / "glioma" / "twin.jpg").rename(two / "meningioma" / "twin.jpg")
    report = make_audit(one, two)
    [paths] = report.against[0].label_conflicts
    assert sorted(map(name_of, paths)) == ["4.png", "twin.jpg"]
    assert report.label_conflicts == [] and "several labels, here or there" in format_audit(report)


def test_a_set_that_knows_tumours_only_contradicts_no_type_of_tumour(near_duplicates, tmp_path):
    two = tmp_path / "two"
    (two / "glioma").rename(two / "yes")
    [row] = make_audit(tmp_path / "one", two).against
    assert row.near.images == 1 and row.label_conflicts == []
    (two / "yes" / "twin.jpg").rename(two / "no_tumor" / "twin.jpg")
    [row] = make_audit(tmp_path / "one", two).against
    assert len(row.label_conflicts) == 1


def test_group_names_depend_on_the_pictures_alone(leaky_folder, tmp_path):
    manifest = scan(leaky_folder, show_progress=False).manifest
    grouped = group(manifest).set_index("path")["group"]
    shuffled = group(manifest.sample(frac=1, random_state=3)).set_index("path")["group"]
    assert (grouped == shuffled.reindex(grouped.index)).all()
    moved = leaky_folder.rename(tmp_path / "elsewhere")
    again = group(scan(moved, show_progress=False).manifest)["group"]
    assert sorted(again) == sorted(grouped)


def test_a_patient_is_never_divided_and_takes_its_look_alikes_along(leaky_folder):
    manifest = scan(leaky_folder, show_progress=False).manifest
    patients = ["7" if name_of(path) in ("0.png", "4.png") else "" for path in manifest["path"]]
    known = manifest.assign(patient=patients, source="mine")
    grouped = group(known)
    members = {name_of(path) for path in grouped.loc[grouped["group"] == "patient:mine:7", "path"]}
    assert members == {"0.png", "4.png", "near.jpg"}
    assert group(known, patients=False)["group"].tolist() == group(manifest)["group"].tolist()


@pytest.mark.real_data
def test_the_measured_facts_of_sartaj(real_data):
    report = make_audit(real_data / "sartaj", poses=False)  # as the facts were measured
    assert (report.images, report.test_images, len(report.unreadable_files)) == (3264, 394, 0)
    assert report.md5.redundant_files == 237 and report.md5.test_in_training == 88
    assert report.pixels.redundant_files == 394 and report.pixels.test_in_training == 251
    assert 251 <= report.picture.test_in_training <= 262
    assert 255 <= report.near.test_in_training <= 270 and report.near.largest_group < 20
    conflicts = [{name_of(path) for path in paths} for paths in report.label_conflicts]
    assert any({"image(48).jpg", "m1(111).jpg", "m1(168).jpg", "m1(192).jpg"} <= paths for paths in conflicts)
    assert any({"image(2).jpg", "m1(123).jpg"} <= paths for paths in conflicts)


@pytest.mark.real_data
def test_masoud_contradicts_the_gliomas_among_the_test_images_of_sartaj(real_data):
    [row] = make_audit(real_data / "sartaj", real_data / "masoud", poses=False).against
    conflicts = [{name_of(path) for path in paths} for paths in row.label_conflicts]
    assert len(conflicts) == 2
    assert any({"image(2).jpg", "Te-me_0019.jpg"} <= paths for paths in conflicts)
    assert any({"image(48).jpg", "Te-me_0026.jpg"} <= paths for paths in conflicts)
    [test] = [counts for counts in row.classes if counts["split"] == "test"]
    assert (test["glioma"], test["meningioma"], test["no_tumor"], test["pituitary"]) == (5, 115, 105, 0)
