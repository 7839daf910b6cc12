"""Linking: copies of published pictures get their patients; what the data set says itself is kept."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from braintumor_tf import datasets
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity import Links, link, links, load, make_index, patient_contradictions, write_index
from braintumor_tf.leakage import group, split

QUIET = {"show_progress": False}
PATIENTS = ["A", "A", "B", "C"]


def slice_of(number: int) -> Image.Image:
    label = ("glioma", "meningioma", "pituitary", "no_tumor")[number % 4]
    return Image.fromarray(datasets.render_slice(label, "axial", seed=10 + number, image_size=160)[0])


def write(folder, name: str, picture: Image.Image, label: str = "glioma") -> str:
    (folder / label).mkdir(parents=True, exist_ok=True)
    picture.save(folder / label / name)
    return f"{label}/{name}"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Four published pictures of three patients; the second has a lesion box."""
    folder = tmp_path_factory.mktemp("published")
    names = [write(folder, f"{number}.png", slice_of(number)) for number in range(4)]
    table = pd.DataFrame({"path": names, "label": "pituitary", "patient": PATIENTS})
    boxes = pd.DataFrame(index=table.index, columns=["box_x", "box_y", "box_width", "box_height"], dtype=object)
    boxes.loc[1] = ["0.25", "0.5", "0.1", "0.2"]
    table.join(boxes).to_csv(folder / "list.csv", index=False)
    manifest = datasets.scan(folder / "list.csv", cache=False, **QUIET).manifest
    return make_index(manifest, origin="atlas", credit="we", licence="CC0", **QUIET)


@pytest.fixture
def folder(tmp_path):
    """Copies of the four pictures under new names, some in another pose, and two others."""
    root = tmp_path / "mine"
    write(root, "a.png", slice_of(0))
    write(root, "b.jpg", ImageOps.mirror(slice_of(1)))
    write(root, "c.png", slice_of(2).rotate(90), "no_tumor")
    write(root, "d.png", slice_of(3).resize((120, 120)))
    write(root, "y.png", slice_of(7))
    write(root, "z.png", slice_of(8), "no_tumor")
    return root


def by_name(manifest: pd.DataFrame, *columns: str) -> dict[str, tuple[str, ...]]:
    names = manifest["path"].str.extract(r"(\w)\.\w+$")[0]
    return dict(zip(names, manifest[list(columns)].itertuples(index=False, name=None)))


def test_a_folder_of_renamed_mirrored_copies_gets_its_patients_back(folder, index):
    found = load(folder, indexes=[index], cache=False, **QUIET)
    assert list(found.manifest.columns) == list(datasets.COLUMNS)
    assert by_name(found.manifest, "origin", "origin_id", "patient", "pose", "origin_label") == {
        "a": ("atlas", "0", "A", "as it is", "pituitary"),
        "b": ("atlas", "1", "A", "mirrored", "pituitary"),
        "c": ("atlas", "2", "B", by_name(found.manifest, "pose")["c"][0], "pituitary"),
        "d": ("atlas", "3", "C", "as it is", "pituitary"),
        "y": ("", "", "", "", ""),
        "z": ("", "", "", "", ""),
    }
    assert "90" in by_name(found.manifest, "pose")["c"][0] or "270" in by_name(found.manifest, "pose")["c"][0]
    box = [float(number) for number in by_name(found.manifest, "lesion_box")["b"][0].split()]
    assert np.allclose(box, [0.75, 0.5, 0.1, 0.2], atol=0.02), "the box is carried into the pose"
    assert found.links.sentence == "4 of 6 images are atlas pictures of 3 patients"
    assert found.links.to_dict()["tables"] == {"atlas": index.hash} and found.links.warning == ""


def test_linked_patients_make_the_groups_and_no_split_divides_them(folder, index):
    found = load(folder, indexes=[index], cache=False, **QUIET).manifest
    groups = by_name(group(found, **QUIET), "group")
    assert groups["a"] == groups["b"] == ("patient:atlas:A",)
    assert len({*groups.values()}) == 5
    without = load(folder, link=False, cache=False, **QUIET)
    assert without.links is None and set(without.manifest["patient"]) == {""}
    assert len(set(group(without.manifest, **QUIET)["group"])) == 6


def test_the_data_sets_own_patient_wins_and_a_contradiction_is_reported(folder, index, tmp_path):
    rows = [("a.png", "7"), ("b.jpg", "8"), ("d.png", "8"), ("y.png", "8")]
    table = pd.DataFrame({"path": [f"mine/glioma/{name}" for name, _ in rows], "label": "glioma"})
    table.assign(patient=[patient for _, patient in rows]).to_csv(tmp_path / "own.csv", index=False)
    with pytest.warns(UserWarning, match="own patients are kept") as caught:
        found = load(tmp_path / "own.csv", indexes=[index], cache=False, **QUIET)
    assert "\n" not in str(caught[0].message)
    assert by_name(found.manifest, "patient", "origin_patient") == {
        "a": ("7", "A"), "b": ("8", "A"), "d": ("8", "C"), "y": ("8", ""),
    }  # fmt: skip
    assert patient_contradictions(found.manifest).values.tolist() == [
        ["atlas:A", "own:7, own:8", 2],
        ["own:8", "atlas:A, atlas:C", 2],
    ]
    assert group(found.manifest, **QUIET)["group"].nunique() == 1, "whatever is right, nobody is divided"


def test_two_data_sets_may_number_one_person_differently():
    rows = pd.DataFrame({"patient": ["7", "8"], "origin": "atlas", "origin_patient": "A", "source": ["one", "two"]})
    assert patient_contradictions(rows).empty
    assert len(patient_contradictions(rows.assign(source="one"))) == 1


def test_an_own_box_is_kept(index, tmp_path):
    name = write(tmp_path, "1.png", slice_of(1))
    table = pd.DataFrame({"path": [name], "label": "glioma", "lesion_box": "0.5 0.5 0.3 0.3"})
    table.to_csv(tmp_path / "own.csv", index=False)
    found = load(tmp_path / "own.csv", indexes=[index], cache=False, **QUIET).manifest
    assert found["lesion_box"].tolist() == ["0.5 0.5 0.3 0.3"] and found["patient"].tolist() == ["A"]


def test_linking_twice_changes_nothing(folder, index):
    once = load(folder, indexes=[index], cache=False, **QUIET).manifest
    pd.testing.assert_frame_equal(link(once, indexes=[index], cache=False, **QUIET), once)


def test_patients_shared_through_an_origin_overlap_and_equal_numbers_do_not(folder, index, tmp_path):
    other = tmp_path / "other"
    write(other, "q.png", slice_of(1).rotate(180))
    write(other, "r.png", slice_of(9))
    training = load(folder / "glioma" / "..", indexes=[index], cache=False, **QUIET).manifest
    training = training[~training["path"].str.endswith("b.jpg")].assign(label="glioma")
    external = load(other, indexes=[index], cache=False, **QUIET).manifest
    joint = split(training, "external", external=external)
    assert by_name(joint, "split")["q"] == ("overlap",), "its patient is in training by way of another picture"
    assert by_name(joint, "split")["r"] == ("test",)
    numbers = [str(number) for number in range(len(training))]
    own = training.assign(origin="", origin_patient="", patient=numbers)
    apart = split(own, "external", external=external.assign(origin="", origin_patient="", patient=["0", "1"]))
    assert by_name(apart, "split")["q"] == ("test",)


def test_found_links_are_kept_by_content_and_table(folder, index, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))
    asked = []
    search = links.find_origins
    monkeypatch.setattr(links, "find_origins", lambda rows, *a, **k: asked.append(len(rows)) or search(rows, *a, **k))
    first = load(folder, indexes=[index], **QUIET)
    moved = folder.rename(tmp_path / "moved")
    write(moved, "e.png", slice_of(5))
    again = load(moved, indexes=[index], **QUIET)
    assert asked == [6, 1]
    columns = ("origin", "origin_id", "patient", "pose", "origin_label", "lesion_box", "origin_patient")
    assert by_name(again.manifest, *columns) == by_name(first.manifest, *columns) | {"e": ("",) * 7}
    other = make_index(first.manifest.assign(origin_id=list("abcdef")), origin="b", credit="", licence="", **QUIET)
    assert load(moved, indexes=[other], **QUIET).links.pictures == {"b": 6} and asked == [6, 1, 7]


def test_images_in_colour_are_not_searched(index, tmp_path, monkeypatch):
    monkeypatch.setattr(links, "find_origins", lambda *_, **__: pytest.fail("searched"))
    parts = {"synthetic": {"patients": 2, "patches_per_patient": 3, "image_size": 32}, "data_dir": tmp_path}
    found = load("synthetic_histopathology", indexes=[index], cache=False, **parts, **QUIET)
    assert set(found.manifest["origin"]) == {""} and found.links.sentence == ""
    write(tmp_path / "grey", "a.png", slice_of(0).convert("RGB"))
    with pytest.raises(BaseException, match="searched"):
        load(tmp_path / "grey", indexes=[index], cache=False, **QUIET)


def test_wrong_indexes_are_refused_before_images_are_read(tmp_path, index):
    with pytest.raises(DatasetError, match="no such file"):
        load(tmp_path / "nowhere", indexes=[tmp_path / "gone.npz"])
    path = write_index(tmp_path / "atlas.npz", index)
    assert links.open_indexes([path])[0].hash == index.hash


def test_the_hash_of_an_index_depends_on_all_that_it_holds(index):
    from dataclasses import replace

    rows = index.rows.assign(patient="X")
    others = [replace(index, rows=rows), replace(index, licence="other"), replace(index, origin="x")]
    assert len({index.hash, *(other.hash for other in others)}) == 4
    assert replace(index, rows=index.rows.copy()).hash == index.hash


@pytest.mark.parametrize(
    ("images", "pictures", "patients", "sentence"),
    [
        (9, {}, {}, ""),
        (1, {"figshare": 1}, {"figshare": 1}, "1 of 1 image is a figshare picture of 1 patient"),
        (2, {"br35h": 2}, {"br35h": 0}, "2 of 2 images are br35h pictures"),
        (
            7023,
            {"figshare": 3000, "br35h": 1},
            {"figshare": 225, "br35h": 0},
            "3,001 of 7,023 images are published pictures: 3,000 figshare pictures of 225 patients and 1 br35h picture",
        ),
    ],
)
def test_what_was_found_is_one_sentence(images, pictures, patients, sentence):
    found = Links(images, {}, pictures, patients)
    assert found.sentence == sentence
    json.dumps(found.to_dict(), allow_nan=False)


def test_counts_are_by_origin_most_pictures_first():
    manifest = pd.DataFrame(
        {"origin": ["b", "a", "b", "", "c"], "origin_patient": ["7", "7", "7", "", ""], "patient": "", "source": "s"}
    )
    found = Links.of(manifest, {"a": "1"})
    assert list(found.pictures.items()) == [("b", 2), ("a", 1), ("c", 1)]
    assert found.patients == {"b": 1, "a": 1, "c": 0} and found.images == 5


@pytest.mark.real_data
def test_sartaj_has_202_patients_and_no_split_divides_one(real_data):
    found = load(real_data / "sartaj", **QUIET)
    assert found.links.patients == {"figshare": 202, "br35h": 0}  # 225 ids with their letters of visits
    assert 2334 <= found.links.pictures["figshare"] <= 2348
    grouped = group(found.manifest, **QUIET)
    assert 650 <= grouped["group"].nunique() <= 700
    for seed in range(5):
        parts = split(grouped, "grouped", seed=seed)
        assert parts[parts["patient"] != ""].groupby("patient")["split"].nunique().max() == 1
        shares = pd.crosstab(parts["label"], parts["split"], normalize="index")
        assert (shares - pd.Series({"train": 0.7, "validation": 0.15, "test": 0.15})).abs().max().max() <= 0.025
