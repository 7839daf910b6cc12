"""Dropping copies: one file of each picture and label stays, whatever the order and the splits."""

import pandas as pd
import pytest

from braintumor_tf.datasets import scan
from braintumor_tf.errors import SplitError
from braintumor_tf.leakage import audit, drop_copies, group


@pytest.fixture
def scanned(leaky_folder):
    return scan(leaky_folder, show_progress=False)


def names(manifest: pd.DataFrame) -> set[str]:
    return {path.rpartition("/")[2] for path in manifest["path"]}


@pytest.mark.parametrize(("same", "copies"), [("md5", 1), ("pixels", 2), ("picture", 2)])
def test_planted_copies_go_and_a_picture_under_two_labels_stays(scanned, same, copies):
    manifest = scanned.manifest
    stays = drop_copies(manifest, same, show_progress=False)
    gone = names(manifest) - names(stays)
    assert len(gone & {"bytes.jpg", "same_bytes.jpg", "same_pixels.png"}) == copies
    assert {"2.png", "conflict.png"} <= names(stays)
    assert ("near.jpg" in gone) == (same == "picture") and "0.png" in names(stays)  # the larger picture stays
    counted = getattr(audit(scanned, show_progress=False), same).redundant_files
    assert len(manifest) - len(stays) == counted - 1  # the conflict is a copy for the audit


def test_neither_order_nor_splits_decide_what_stays(scanned):
    manifest = group(scanned.manifest, show_progress=False)
    stays = drop_copies(manifest, show_progress=False)
    shuffled = drop_copies(manifest.sample(frac=1, random_state=1).assign(split="train"), show_progress=False)
    assert sorted(shuffled["path"]) == list(stays["path"])
    assert stays["group"].isin(manifest["group"]).all() and len(drop_copies(stays, show_progress=False)) == len(stays)


def test_an_unknown_fingerprint_is_refused(scanned):
    with pytest.raises(SplitError, match="md5, pixels, picture"):
        drop_copies(scanned.manifest, "near")


def test_no_copy_takes_what_is_known_of_a_patient_with_it():
    """Copies in rising size: of nobody, of patient 7 twice, of patient 8; another picture of nobody."""
    rows = pd.DataFrame(
        {
            "path": list("abcde"), "label": "glioma", "width": [60, 40, 50, 30, 9], "height": 8,
            "md5": ["1", "1", "1", "1", "2"], "patient": ["", "7", "7", "8", ""], "source": "mine",
        }
    )  # fmt: skip
    assert drop_copies(rows, "md5")["path"].tolist() == ["c", "d", "e"]
    assert drop_copies(rows.assign(patient=""), "md5")["path"].tolist() == ["a", "e"]
    published = rows.assign(origin="atlas", origin_patient=["", "A", "", "", ""])
    assert drop_copies(published, "md5")["path"].tolist() == ["b", "d", "e"], "7 is A: no other file says so"
