"""The section on data: groups and patients of each split, and what is said of patients."""

from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf.report.sections.data import people_summary, split_table


def rows(*people: tuple[str, str, str]) -> pd.DataFrame:
    """Images from pairs of own patient, origin, and patient there, alternating between training and test."""
    table = pd.DataFrame(people, columns=["patient", "origin", "origin_patient"]).assign(source="mine", label="glioma")
    table["patient"] = table["patient"].where(table["patient"] != "", table["origin_patient"])
    return table.assign(split=["train" if number % 2 else "test" for number in range(len(table))], group=table.index)


def test_patients_are_counted_in_each_split():
    found = split_table(rows(("7", "", ""), ("8", "", ""), ("7", "", ""), ("", "", "")))
    assert found["columns"] == ["glioma", "images", "groups", "known patients"]
    assert {row["split"]: row["numbers"][-1] for row in found["rows"]} == {"train": "1", "test": "1", "all": "2"}
    assert split_table(rows(("", "", "")))["columns"] == ["glioma", "images", "groups"]


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ([("", "", "")], "No patient is known: images of one patient may stand in several splits."),
        ([("7", "", ""), ("7", "", "")], "The patient is known for 2 of 2 images: 1 patient, named by the data set."),
        (
            [("", "figshare", "A"), ("", "br35h", "")],
            "The patient is known for 1 of 2 images: 1 patient, found by way of published pictures (figshare). "
            "Images without a known patient may still share one.",
        ),
        (
            [("7", "", ""), ("", "figshare", "A"), ("9", "figshare", "A")],
            "The patient is known for 3 of 3 images: 2 patients, for 2 images named by the data set, for 1 found by "
            "way of published pictures (figshare).",
        ),
    ],
)
def test_what_is_said_of_patients(people, said):
    assert people_summary(rows(*people)) == said
