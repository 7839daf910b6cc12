from __future__ import annotations

import pytest

from braintumor_tf.report.pages.audit import MAX_PAIRS, write_audit_page
from tests.report.html_page import check_page


@pytest.fixture
def audit(manifest):
    """What an audit might find in the fixture's images, had they many near-duplicates."""
    found = {
        "redundant_files": 7,
        "across_splits": 4,
        "across_classes": 1,
        "test_with_train_twin": 5,
        "test_share": 0.25,
    }
    a, b = manifest["path"].iloc[0], manifest["path"].iloc[-1]
    pair = {"a": a, "b": b, "correlation": 0.9987, "split_a": "train", "split_b": "test"}
    return {
        "root": "data/<b>set</b>",
        "images": 72,
        "unreadable": 1,
        "unreadable_files": [{"path": "data/<b>set</b>/bad.jpg", "reason": "empty file (0 bytes)"}],
        "classes": [{"split": "train", "glioma": 9, "no_tumor": 8}, {"split": "test", "glioma": 12, "no_tumor": 8}],
        "sizes": [{"width": 512, "height": 512, "images": 40, "share": 0.5556, "classes": "glioma"}],
        "test_images": 20,
        "md5": {**found, "test_with_train_twin": 2},
        "pixels": {**found, "test_with_train_twin": 3},
        "picture": {**found, "test_with_train_twin": 3},
        "near": {**found, "groups": 60, "distance": 8, "correlation": 0.9},
        "label_conflicts": [[a, b]],
        "against": [
            {"root": "other", "images": 30, "md5": {"images": 1}, "pixels": {"images": 1}}
            | {
                "picture": {"images": 2},
                "near": {"images": 4},
                "label_conflicts": [[a, "other/glioma/7.png"]],
            }
        ],
        "pairs": [
            {**pair, "fingerprint": "near", "label_a": "<i>glioma</i>", "label_b": "no_tumor"},
            *[{**pair, "fingerprint": "bytes", "label_a": "glioma", "label_b": "glioma"}] * 40,
        ],
    }


def test_the_audit_page_is_selfcontained_and_says_what_was_found(audit, tmp_path):
    path = write_audit_page(audit, tmp_path / "pages" / "audit.html")
    page = check_page(path)
    assert "5 of 20 test images (25 %) have a near-duplicate in training: 3 as the very same picture" in page.text
    assert "2 of these as the very same file" in page.text
    assert "1 picture is filed under more than one label" in page.text
    assert "4 of the 30 images of other look like an image here, 2 of them the very same picture" in page.text
    assert "1 picture is filed otherwise in other" in page.text
    assert "filed under more than one label, here or in other" in page.text and "other/glioma/7.png" in page.text
    assert "look-alike, correlation 0.999; two labels" in page.text
    assert "empty file (0 bytes)" in page.text
    assert path.read_text(encoding="utf-8").count('<div class="two">') == MAX_PAIRS
    assert "<i>glioma" not in path.read_text(encoding="utf-8")


def test_a_clean_folder_is_told_so(tmp_path):
    nothing = {"redundant_files": 0, "test_with_train_twin": 0}
    audit = {"root": "set", "images": 10, "test_images": 4, "md5": nothing, "pixels": nothing, "near": nothing}
    page = check_page(write_audit_page(audit, tmp_path / "audit.html"))
    assert "0 of 4 test images have a near-duplicate in training." in page.text
    assert "Nothing needs to be done" in page.text
    assert "reason" not in page.text


def test_a_folder_without_a_test_split(audit, tmp_path):
    audit.update(test_images=0, against=[], classes=[{"split": "all", "glioma": 21}], pairs=[])
    for name in ("md5", "pixels", "picture", "near"):
        audit[name]["test_with_train_twin"] = 0
    page = check_page(write_audit_page(audit, tmp_path / "audit.html"))
    assert "no test split of its own" in page.text
    assert "7 of 72 files repeat a picture" in page.text


@pytest.fixture
def provenance(audit):
    """What an audit might say of origins, patients and suspicious labels."""
    path = audit["pairs"][0]["a"]
    where = {"path": path, "split": "test", "origin": "figshare", "origin_id": "<7>", "origin_label": "meningioma"}
    told = {"images": 9, "others": 11, "origin": "figshare", "share": 0.0, "share_of_others": 0.85}
    patients = {"patients": 2, "images": 30, "test_images": 8, "test_in_training": 3, "test_share": 0.375}
    crossing = [{"patient": "figshare:1", "train": 4, "validation": 0, "test": 3, "test_paths": [path] * 3}]
    audit["provenance"] = {
        "linked": True,
        "images": 72,
        "known": 30,
        "origins": [
            {"origin": "figshare", "glioma": 30, "no_tumor": 0},
            {"origin": "unknown", "glioma": 2, "no_tumor": 40},
        ],
        "confounded": True,
        "classes": [
            {**told, "label": "no_tumor", "balanced_accuracy": 0.9242, "confounded": True},
            {**told, "label": "glioma", "balanced_accuracy": 0.52, "confounded": False},
        ],
        "contradictions": [{**where, "label": "pituitary"}] * 60,
        "patients": {**patients, "crossing": crossing * 50},
        "patient_contradictions": [{"patient": "set:5", "several": "figshare:1, figshare:2", "images": 4}],
        "sentences": ["CONFOUNDED: the origin alone tells no_tumor."],
    }
    issue = {"path": path, "label": "glioma", "suggested": "meningioma", "score": 0.0312, "split": "test"}
    audit["label_issues"] = {
        "model": "trees",
        "images": 72,
        "folds": 5,
        "accuracy": 0.7749,
        "issues": [
            {**issue, "origin": "figshare", "origin_label": "glioma"},
            *[{**issue, "origin": "", "origin_label": ""}] * 60,
        ],
    }
    return audit


def test_origins_patients_and_labels_are_shown(provenance, tmp_path):
    path = write_audit_page(provenance, tmp_path / "audit.html")
    page, source = check_page(path), path.read_text(encoding="utf-8")
    assert "2 patients known, in 30 of 72 images." in page.text
    assert "3 of 8 test images with a known patient have that patient in training: a score" in page.text
    assert "Class and origin are confounded: the origin alone tells no_tumor." in page.text
    assert "Labels that contradict those of the published pictures: 60." in page.text
    assert "figshare 30 0 30" in page.text and "unknown 2 40 42" in page.text
    assert "no_tumor confounded with origin 0.92 figshare 0 % 85 %" in page.text
    assert (
        "60 images; the first 48 are shown" in page.text
        and "50 patients in training and in test; the first" in page.text
    )
    assert "meningioma in figshare (<7>)" in page.text and "<7>" not in source
    assert "set:5 4 images figshare:1, figshare:2" in page.text
    assert "right for 77 %" in page.text and "61 suspicions" in page.text
    assert "of 1 whose published picture is known, 1 carry" in page.text
    assert source.count("perhaps meningioma, score 0.03") == 48
    for advice in (
        "Add images of the confounded class",
        "Look at the labels that contradict",
        "somebody who reads MRI",
    ):
        assert advice in page.text


def test_unknown_origins_are_said_to_be_unknown(provenance, tmp_path):
    nobody = {"patients": 0, "images": 0, "test_images": 0, "test_in_training": 0, "crossing": []}
    rows = [{"origin": "unknown", "glioma": 32, "no_tumor": 40}]
    provenance["provenance"] |= {"known": 0, "origins": rows, "classes": [], "contradictions": [], "patients": nobody}
    provenance["provenance"] |= {"confounded": None, "sentences": [], "patient_contradictions": []}
    page = check_page(write_audit_page(provenance, tmp_path / "audit.html"))
    assert "No image is a known published picture" in page.text and "The patient of no image is known." in page.text
    assert "confounded with origin" not in page.text


def test_that_confounding_cannot_be_told_is_a_warning(provenance, tmp_path):
    said = "Whether class and origin are confounded cannot be told from so few groups: 0% of the images."
    provenance["provenance"] |= {"confounded": None, "sentences": ["Origin known for 2 of 2 images.", said]}
    page = check_page(write_audit_page(provenance, tmp_path / "audit.html"))
    assert said in page.text and "Add images of the confounded class" not in page.text


def test_an_almost_empty_audit_still_makes_a_page(tmp_path):
    check_page(write_audit_page({}, tmp_path / "audit.html"))
