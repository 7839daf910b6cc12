"""Origins by class, patients across splits, and the sentences about them, on tables counted by hand."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from braintumor_tf.datasets.manifest import COLUMNS
from braintumor_tf.leakage.provenance import find_provenance, find_shared_patients


def made(rows: list[tuple[str, str, str, str]]) -> pd.DataFrame:
    """A manifest of rows of label, split, origin and patient (of the origin, where there is one)."""
    table = pd.DataFrame([dict.fromkeys(COLUMNS, "")] * len(rows))
    table[["label", "split", "origin", "patient"]] = rows
    known = table["origin"] != ""
    return table.assign(
        path=[f"{n}.png" for n in range(len(rows))],
        source="mine",
        origin_id=known.map({True: "5", False: ""}),
        origin_patient=table["patient"].where(known, ""),
        origin_label=table["label"].where(known, ""),
    )


@pytest.fixture
def places() -> pd.DataFrame:
    """Six gliomas of figshare, four healthy heads of Br35H, one of unknown origin."""
    return made(
        [("glioma", "train", "figshare", f"{n}") for n in range(5)]
        + [("glioma", "test", "figshare", "0")]
        + [("no_tumor", "train", "br35h", "")] * 4
        + [("no_tumor", "test", "", "")]
    )


def test_images_are_counted_by_origin_and_class_unknown_last(places):
    found = find_provenance(places)
    assert found.origins == [
        {"origin": "figshare", "glioma": 6, "no_tumor": 0},
        {"origin": "br35h", "glioma": 0, "no_tumor": 4},
        {"origin": "unknown", "glioma": 0, "no_tumor": 1},
    ]
    assert (found.images, found.known) == (11, 10)


def test_confounding_is_said_with_its_number_once_for_two_classes(places):
    found = find_provenance(places)
    assert found.confounded is True
    [said] = [sentence for sentence in found.sentences if "CONFOUNDED" in sentence]
    # all gliomas are guessed; of the healthy heads the only one of unknown origin is as good as tossed
    assert found.classes[0].balanced_accuracy == pytest.approx((1 + (4 + 0.5) / 5) / 2)
    assert "tells glioma with balanced accuracy 0.95" in said and "100% of its images are figshare pictures" in said
    assert "of the others 0%" in said


def test_where_no_origin_is_known_nothing_is_said_of_confounding(places):
    found = find_provenance(places.assign(origin="", origin_id="", origin_label="", origin_patient="", patient=""))
    assert found.confounded is None and found.classes == []
    assert found.sentences == ["The origin of no image is known. Patients known: of no image."]


def test_that_nobody_looked_is_not_that_nothing_was_found(places):
    nothing = places.assign(origin="", origin_id="", origin_label="", origin_patient="", patient="")
    found = find_provenance(nothing, linked=False)
    assert found.sentences == ["Published pictures were not looked for. Patients known: of no image."]
    assert (found.linked, find_provenance(nothing).linked, find_provenance(places, linked=False).linked) == (
        False,
        True,
        True,
    )


def test_one_origin_for_both_classes_is_not_confounded(places):
    found = find_provenance(places.assign(origin="figshare"))
    assert found.confounded is False
    assert found.origins == [{"origin": "figshare", "glioma": 6, "no_tumor": 5}]  # nothing is of unknown origin
    assert "Class and origin are not confounded" in " ".join(found.sentences)


def test_contradictions_are_counted_by_kind(places):
    places.loc[0:1, "label"] = "no_tumor"
    places.loc[2, "label"] = "meningioma"
    assert find_provenance(places).sentences[-1] == (
        "Labels that contradict their origin's: 3 "
        "(2 no_tumor is glioma in figshare, 1 meningioma is glioma in figshare)."
    )


def test_patients_in_training_and_in_test():
    rows = [
        ("glioma", "train", "figshare", "1"),
        ("glioma", "test", "figshare", "1"),
        ("glioma", "test", "figshare", "1"),
        ("glioma", "validation", "figshare", "1"),
        ("glioma", "test", "figshare", "2"),
        ("glioma", "train", "", "4"),
        ("glioma", "test", "", "3"),
        ("glioma", "validation", "", "3"),  # in validation alone: not in training
        ("glioma", "test", "", ""),
        ("glioma", "train", "", ""),
    ]
    found = find_provenance(made(rows)).patients
    assert (found.patients, found.images) == (4, 8)
    assert (found.test_images, found.test_in_training, found.test_share) == (4, 2, 0.5)
    assert found.crossing == [
        {"patient": "figshare:1", "train": 1, "validation": 1, "test": 2, "test_paths": ["1.png", "2.png"]}
    ]


def test_patients_with_most_test_images_come_first():
    table = pd.DataFrame({"path": list("abcde"), "split": ["train", "train", "test", "test", "test"]})
    found = find_shared_patients(table, pd.Series(["p", "q", "p", "q", "q"]))
    assert [(row["patient"], row["test"]) for row in found.crossing] == [("q", 2), ("p", 1)]


def test_no_test_images_give_no_share(places):
    found = find_provenance(places.assign(split=""))
    assert (found.patients.test_images, found.patients.test_share, found.patients.crossing) == (0, None, [])


def test_own_patients_that_the_pictures_contradict_are_said(places):
    found = find_provenance(places.assign(patient=["Ann", "Ann", *places["patient"][2:]]))
    assert [(row["patient"], row["several"]) for row in found.patient_contradictions] == [
        ("mine:Ann", "figshare:0, figshare:1"),
    ]
    assert found.sentences[-1].endswith("such as mine:Ann, who is figshare:0, figshare:1; they are kept together.")


def test_all_of_it_is_json(places):
    found = json.loads(json.dumps(find_provenance(places).to_dict()))
    assert found["classes"][0]["label"] == "glioma" and found["patients"]["patients"] == 5


def test_classes_of_two_places_in_too_few_groups_are_not_called_free_of_confounding(places):
    """All images are one group: no other group shows anything, but nothing says that the place is innocent."""
    groups = pd.Series(["one"] * 6 + [str(number) for number in range(5)])
    rows = places[:10]
    found = find_provenance(rows, groups=pd.Series(["one"] * 10))
    assert [row.balanced_accuracy for row in found.classes] == [0.5, 0.5]
    assert found.confounded is None and found.to_dict()["confounded"] is None
    said = " ".join(found.sentences)
    assert "not confounded" not in said and "CONFOUNDED" not in said
    assert (
        "cannot be told from so few groups: 0% of the images of glioma are br35h pictures, of the others 100%" in said
    )
    assert find_provenance(rows, groups=groups[:10]).confounded is True


def test_one_class_alone_is_not_called_free_of_confounding(places):
    found = find_provenance(places[:6])
    assert found.confounded is None and "confounded" not in " ".join(found.sentences)


def test_one_patient_is_one_patient():
    found = find_provenance(made([("glioma", "", "figshare", "7")] * 3))
    assert "Patients known: 1 patient in 3 images." in found.sentences[0]
