"""Which labels contradict that of the published picture, and which only say less or more."""

from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf.leakage.provenance import contradicted_labels


def made(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """A manifest of images with their label, origin and label there."""
    table = pd.DataFrame(rows, columns=["label", "origin", "origin_label"])
    return table.assign(path=[f"{n}.png" for n in range(len(table))], split="test", origin_id="9")


@pytest.mark.parametrize(
    ("label", "there", "contradicts"),
    [
        ("glioma", "glioma", False),
        ("pituitary", "meningioma", True),
        ("tumor", "no_tumor", True),
        ("no_tumor", "tumor", True),
        ("glioma", "tumor", False),
        ("tumor", "glioma", False),
        ("glioma", "no_tumor", True),
        ("no_tumor", "meningioma", True),
        ("no_tumor", "no_tumor", False),
        ("Glioma_Tumor", "glioma", False),
        ("yes", "tumor", False),
        ("astrocytoma", "glioma", False),
        ("astrocytoma", "no_tumor", True),
        ("no_tumor", "astrocytoma", True),
        ("glioma", "", False),
    ],
)
def test_a_label_beside_that_of_the_origin(label, there, contradicts):
    assert bool(contradicted_labels(made([(label, "x", there)]))) == contradicts


def test_types_that_an_origin_tells_apart_are_compared_and_others_are_not():
    rows = [("lymphoma", "own", "metastasis"), ("metastasis", "own", "lymphoma"), ("lymphoma", "figshare", "glioma")]
    assert [row["path"] for row in contradicted_labels(made(rows))] == ["0.png", "1.png"]


def test_a_contradiction_is_listed_with_all_that_is_needed_to_find_it():
    [row] = contradicted_labels(made([("glioma", "x", "glioma"), ("pituitary", "figshare", "meningioma")]))
    assert row == {
        "path": "1.png",
        "label": "pituitary",
        "split": "test",
        "origin": "figshare",
        "origin_id": "9",
        "origin_label": "meningioma",
    }
