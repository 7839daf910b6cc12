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


def test_an_almost_empty_audit_still_makes_a_page(tmp_path):
    check_page(write_audit_page({}, tmp_path / "audit.html"))
