"""The audit's numbers on a folder of eleven files that can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from braintumor_tf.datasets import scan
from braintumor_tf.leakage import AuditReport, audit, format_audit
from tests.leakage.conftest import picture, save

FILES = {
    "Training/glioma/zero.png": 0,
    "Training/glioma/one.png": 1,
    "Training/glioma/one_again.png": 1,
    "Training/no_tumor/five.png": 5,
    "Testing/glioma/zero_again.png": 0,
    "Testing/glioma/two.png": 2,
    "Testing/glioma/three.png": 3,
    "Testing/no_tumor/four.png": 4,
    "Testing/no_tumor/zero_filed_otherwise.png": 0,
    "val/no_tumor/six.png": 6,
    "val/glioma/two_again.png": 2,
}
"""The files and which picture each shows; pictures 5 and 6 are 90 pixels wide, 3 is 100, the others 120."""

OTHER = {"glioma/a.png": 0, "glioma/b.png": 0, "glioma/c.png": 20}


def write(root: Path, files: dict[str, int]) -> Path:
    for name, number in files.items():
        save(picture(number, size={3: 100, 5: 90, 6: 90}.get(number, 120)), root / name)
    return root


def look(root: Path):
    return scan(root, cache=False, show_progress=False)


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> AuditReport:
    root = tmp_path_factory.mktemp("audited")
    one, two = write(root / "one", FILES), write(root / "two", OTHER)
    return audit(look(one), [look(two)], show_progress=False)


@pytest.mark.parametrize("fingerprint", ["md5", "pixels", "picture", "near"])
def test_what_every_fingerprint_counts(report, fingerprint):
    found = {name: value for name, value in report.to_dict()[fingerprint].items() if name in (
        "redundant_files", "within_split", "across_splits", "across_classes", "test_with_train_twin", "test_share"
    )}  # fmt: skip
    assert found == {
        "redundant_files": 4,  # eleven files of seven pictures
        "within_split": 2,  # one and one_again
        "across_splits": 5,  # zero three times, two twice
        "across_classes": 3,  # zero
        "test_with_train_twin": 2,  # zero_again and zero_filed_otherwise; two is in validation alone
        "test_share": 2 / 5,
    }


def test_what_is_counted_once(report):
    assert (report.to_dict()["images"], report.to_dict()["test_images"], report.to_dict()["leak"]) == (11, 5, True)
    assert (report.to_dict()["near"]["groups"], report.to_dict()["near"]["largest_group"]) == (7, 3)
    assert sorted(report.to_dict()["classes"], key=lambda row: row["split"]) == [
        {"split": "test", "glioma": 3, "no_tumor": 2},
        {"split": "train", "glioma": 3, "no_tumor": 1},
        {"split": "validation", "glioma": 1, "no_tumor": 1},
    ]
    names = [[path.rpartition("/")[2] for path in paths] for paths in report.to_dict()["label_conflicts"]]
    assert list(map(sorted, names)) == [["zero.png", "zero_again.png", "zero_filed_otherwise.png"]]


def test_sizes_come_with_the_most_frequent_first(report):
    both = "glioma, no_tumor"
    assert report.to_dict()["sizes"] == [
        {"width": 120, "height": 120, "images": 8, "share": 8 / 11, "classes": both},
        {"width": 90, "height": 90, "images": 2, "share": 2 / 11, "classes": "no_tumor"},
        {"width": 100, "height": 100, "images": 1, "share": 1 / 11, "classes": "glioma"},
    ]


def test_an_overlap_is_counted_on_both_sides(report):
    [row] = report.to_dict()["against"]
    assert row["images"] == 3
    for fingerprint in ("md5", "pixels", "picture", "near"):
        assert row[fingerprint] == {"images": 2, "ours": 3}, fingerprint
    assert row["classes"] == [
        {"split": "test", "glioma": 1, "no_tumor": 1},
        {"split": "train", "glioma": 1, "no_tumor": 0},
    ]


def test_of_every_kind_of_pair_the_most_telling_are_shown_first(report):
    """Two labels, then another data set, then two splits, then the same split; and so on in turn."""

    def kind(pair: dict) -> str:
        if "/two/" in pair["b"]:
            return "another set"
        differ = [name for name in ("label", "split") if pair[f"{name}_a"] != pair[f"{name}_b"]]
        return differ[0] if differ else "same"

    kinds = ["label", "another set", "split", "same", "another set", "split"]
    assert [kind(pair) for pair in report.to_dict()["pairs"]] == kinds
    assert {pair["fingerprint"] for pair in report.to_dict()["pairs"]} == {"bytes"}


def test_a_picture_shared_by_test_and_validation_alone_is_no_leak(tmp_path):
    files = {name: number for name, number in FILES.items() if not (number == 0 and name.startswith("Testing"))}
    found = audit(look(write(tmp_path, files)), show_progress=False)
    assert (
        found.to_dict()["near"]["across_splits"],
        found.to_dict()["near"]["test_with_train_twin"],
        found.to_dict()["leak"],
    ) == (2, 0, False)


def test_the_text_has_the_numbers_in_their_columns(report):
    lines = format_audit(report).splitlines()
    for name in ("same bytes", "same grey pixels", "same picture", "look-alikes"):
        [line] = [line for line in lines if line.startswith(name)]
        assert line.removeprefix(name).split() == ["4", "5", "3", "2", "of", "5"]
    assert "7 groups of look-alikes, the largest of 3 images" in lines
    assert any(
        line.startswith("LEAK: 40% of the test images have a near-duplicate in training (2 the same picture, 0 a look-")
        for line in lines
    )
    assert any("two (3 images): of its images 2 (same bytes), 2 (same grey pixels)" in line for line in lines)


def test_without_a_test_split_the_share_of_redundant_images_is_named(tmp_path):
    files = {"glioma/a.png": 0, "glioma/b.png": 0, "no_tumor/c.png": 1, "no_tumor/d.png": 2}
    found = audit(look(write(tmp_path, files)), show_progress=False)
    assert (found.to_dict()["test_images"], found.to_dict()["near"]["test_share"], found.to_dict()["leak"]) == (
        0,
        None,
        False,
    )
    assert "\nNo official test split. 25% of the images are redundant" in format_audit(found)


def test_no_more_than_two_dozen_pairs_are_shown(tmp_path):
    found = audit(look(write(tmp_path, {f"glioma/{number:02}.png": 0 for number in range(30)})), show_progress=False)
    assert len(found.to_dict()["pairs"]) == 24 and found.to_dict()["near"]["redundant_files"] == 29
