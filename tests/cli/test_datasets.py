"""The commands datasets link and datasets index, and what other commands say of links."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image, ImageOps

from braintumor_tf.datasets import render_slice
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity import loading, read_index
from braintumor_tf.identity.link_tables import format_links, label_table
from braintumor_tf.identity.links import Links
from braintumor_tf.runs import Run
from tests.calling import call

FIELDS = ["path", "label", "origin", "origin_id", "patient", "pose", "origin_label", "origin_patient", "lesion_box"]


def slice_of(number: int) -> Image.Image:
    return Image.fromarray(render_slice("glioma", "axial", seed=40 + number, image_size=128)[0])


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> Path:
    """Four pictures of two patients, and the CSV that names them."""
    folder = tmp_path_factory.mktemp("clinic")
    for number in range(4):
        slice_of(number).save(folder / f"{number}.png")
    table = pd.DataFrame({"path": [f"{number}.png" for number in range(4)], "label": "glioma"})
    table.assign(patient=["Ann", "Ann", "Bob", "Bob"]).to_csv(folder / "list.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def index(clinic) -> Path:
    path = clinic / "clinic.npz"
    result = call("datasets", "index", clinic / "list.csv", "--out", path, "--origin", "clinic", "--credit", "us")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{path.resolve()}: 4 pictures of 2 patients\n"
    return path


@pytest.fixture
def copies(tmp_path) -> Path:
    """A folder without classes: two renamed copies, one of them mirrored, one other picture, one broken file."""
    folder = tmp_path / "scans"
    folder.mkdir()
    ImageOps.mirror(slice_of(2)).save(folder / "a.jpg", quality=95)
    slice_of(0).save(folder / "b.png")
    slice_of(9).save(folder / "c.png")
    (folder / "d.png").write_bytes(b"no picture")
    return folder


def test_an_index_holds_what_the_csv_says(index):
    found = read_index(index)
    assert (found.origin, found.credit) == ("clinic", "us")
    assert found.rows["patient"].tolist() == ["Ann", "Ann", "Bob", "Bob"]


def test_copies_in_a_folder_without_classes_get_their_patients_back(copies, index):
    result = call("datasets", "link", copies, "--index", index, "--json")
    assert result.exit_code == 0, result.stderr
    rows = json.loads(result.stdout)
    assert [list(row) for row in rows] == [FIELDS] * 3
    assert [Path(row["path"]).name for row in rows] == ["a.jpg", "b.png", "c.png"]
    assert [row["patient"] for row in rows] == ["Bob", "Ann", None]
    assert [(row["origin"], row["origin_id"], row["pose"]) for row in rows] == [
        ("clinic", "2", "mirrored"), ("clinic", "0", "as it is"), (None, None, None),
    ]  # fmt: skip
    assert "d.png" in result.stderr and "d.png" not in result.stdout


def test_the_csv_says_the_same_and_is_a_data_set_again(copies, index, tmp_path):
    path = tmp_path / "found.csv"
    result = call("datasets", "link", copies, "--index", index, "--csv", path)
    assert result.exit_code == 0 and str(path) in result.stderr
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert list(table) == FIELDS and table["patient"].tolist() == ["Bob", "Ann", ""]
    again = loading.load(path, link=False, unlabelled=True, show_progress=False).manifest
    assert again["patient"].tolist() == ["Bob", "Ann", ""]


def test_the_summary_counts_classes_poses_and_patients(copies, index):
    result = call("datasets", "link", copies, "--index", index)
    assert result.stdout.startswith("2 of 3 images are clinic pictures of 2 patients.\n")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["(no", "label)", "2", "1"] in lines and ["mirrored", "1"] in lines and ["as", "it", "is", "1"] in lines


def test_nothing_found_is_said_plainly(tmp_path, index):
    slice_of(9).save(tmp_path / "c.png")
    result = call("datasets", "link", tmp_path / ".", "--index", index)
    assert result.exit_code == 0 and result.stdout.startswith("None of ")


def test_labels_that_differ_are_listed_and_coarse_ones_do_not():
    labels = [("pituitary", "meningioma"), ("tumor", "glioma"), ("no_tumor", "tumor"), ("glioma", "glioma"), ("", "x")]
    manifest = pd.DataFrame(labels * 2, columns=["label", "origin_label"]).assign(origin="figshare", pose="as it is")
    assert label_table(manifest).values.tolist() == [
        ["no_tumor", "figshare", "tumor", 2], ["pituitary", "figshare", "meningioma", 2],
    ]  # fmt: skip
    assert "pituitary figshare" in format_links(manifest, Links(10, {}, {"figshare": 10}, {"figshare": 3}))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["index", "{clinic}", "--out", "x.npz"], 1, "a folder names no patients"),
        (["index", "{clinic}/nobody.csv", "--out", "x.npz"], 1, "names no patient"),
        (["index", "{clinic}/list.csv", "--out", "x.csv"], 2, "ends in .npz"),
        (["index", "{clinic}/list.csv", "--out", "x.npz", "--origin", "a b"], 2, "letters, digits"),
        (["index", "{clinic}/list.csv"], 2, "--out"),
        (["link", "/no/such/set"], 1, "neither a folder, a CSV nor a known data set"),
        (["link", "{clinic}", "--index", "{clinic}/list.csv"], 1, "no index of pictures"),
    ],
)
def test_mistakes_are_answered_at_once(words, code, message, clinic, monkeypatch):
    (clinic / "nobody.csv").write_text("path,label\n0.png,glioma\n")
    monkeypatch.setattr("braintumor_tf.datasets.manifest.describe", lambda *_: pytest.fail("an image was read"))

    result = call("datasets", *[word.format(clinic=clinic) for word in words])
    assert result.exit_code == code and message in result.stderr


@pytest.fixture
def linked(index, monkeypatch):
    """The tables that come along are replaced by the clinic's."""
    monkeypatch.setattr("braintumor_tf.identity.links.shipped_indexes", lambda: (read_index(index),))


def test_audit_says_what_was_found_on_standard_error_alone(clinic, linked, tmp_path):
    slice_of(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "1.png")
    folder = tmp_path / "set" / "glioma"
    folder.mkdir(parents=True)
    (tmp_path / "1.png").rename(folder / "1.png")
    slice_of(8).save(folder / "8.png")
    result = call("audit", tmp_path / "set", "--json")
    assert result.stderr.splitlines()[-1] == f"{tmp_path / 'set'}: 1 of 2 images is a clinic picture of 1 patient"
    json.loads(result.stdout)
    assert "clinic" not in call("audit", tmp_path / "set", "--no-link").stderr


def test_train_keeps_in_the_run_what_was_linked(linked, index, tmp_path):
    folder = tmp_path / "set"
    for number in range(12):
        place = folder / ("glioma", "no_tumor")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        slice_of(number if number < 2 else number + 20).save(place / f"{number}.png")
    (folder / "list.csv").write_text("who,what")
    words = ("train", "--model", "PCA", "--dataset", folder, "--image-size", 16, "--no-baselines")
    result = call(*words, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    assert f"{folder}: 2 of 12 images are clinic pictures of 1 patient" in result.stderr.splitlines()
    run = Run(tmp_path / "run")
    [remark] = run.config["data_remarks"]
    assert remark == f"not used: {folder}/list.csv, a table; give it instead of the folder to have it read"
    assert f"{folder}: {remark}" in result.stderr.splitlines()
    assert remark in (run.path / "report.html").read_text(encoding="utf-8")
    assert run.config["links"]["tables"] == {"clinic": read_index(index).hash}
    known = run.manifest[run.manifest["patient"] != ""]
    assert set(known["group"]) == {"patient:clinic:Ann"} and known["split"].nunique() == 1
    result = call(*words, "--no-link", "--out", tmp_path / "other")
    other = Run(tmp_path / "other")
    assert other.config["links"] is None and set(other.manifest["origin"]) == {""} and "clinic" not in result.stderr


@pytest.fixture
def asked_to_train(monkeypatch) -> list[tuple[pd.DataFrame, dict]]:
    """The manifests and the settings that a command would train with; each training ends at once with 1."""
    asked: list[tuple[pd.DataFrame, dict]] = []

    def stop(manifest: pd.DataFrame, *_: object, **how: object) -> None:
        asked.append((manifest, how))
        raise DatasetError("enough")

    monkeypatch.setattr("braintumor_tf.experiments.run_experiment", stop)
    monkeypatch.setattr("braintumor_tf.training.run_search", stop)
    return asked


@pytest.mark.parametrize("command", [("train", "--model", "PCA"), ("search", "--model", "CNN")])
def test_a_table_of_ones_own_pictures_is_searched_before_training(command, clinic, index, asked_to_train, tmp_path):
    for number in range(12):
        place = tmp_path / "set" / ("glioma", "no_tumor")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        slice_of(number if number < 2 else number + 20).save(place / f"{number}.png")
    words = (*command, "--dataset", tmp_path / "set", "--out", tmp_path / "out")
    assert "2 of 12 images are clinic pictures of 1 patient" in call(*words, "--index", index).stderr
    [(manifest, _)] = asked_to_train
    assert sorted(set(manifest["origin_patient"])) == ["", "Ann"]
    both = call(*words, "--index", index, "--no-link")
    assert both.exit_code == 2 and "leave out --no-link" in both.stderr
    wrong = call(*words, "--index", clinic / "list.csv")
    assert wrong.exit_code == 1 and "no index of pictures" in wrong.stderr and len(asked_to_train) == 1


@pytest.mark.parametrize("command", [("train", "--model", "PCA"), ("search", "--model", "CNN")])
def test_groups_of_a_csv_are_kept_and_that_is_said(command, asked_to_train, tmp_path):
    """Two copies of a picture are in two groups of the list, and each group goes whole into one part."""
    names = [f"{number}.png" for number in range(24)]
    for number, name in enumerate(names):
        slice_of(50 + number % 23).save(tmp_path / name)  # the last is a copy of the first
    table = pd.DataFrame({"path": names, "label": ["glioma", "no_tumor"] * 12})
    table["group"] = [f"visit {number // 4}-{number % 2}" for number in range(24)]
    table.to_csv(tmp_path / "list.csv", index=False)
    said = call(*command, "--no-link", "--dataset", tmp_path / "list.csv", "--out", tmp_path / "out").stderr
    [(manifest, how)] = asked_to_train
    kept = manifest.sort_values("path", key=lambda paths: paths.map(lambda path: int(Path(path).stem)))
    assert kept["group"].tolist() == table["group"].tolist()
    assert (manifest.groupby("group")["split"].nunique() == 1).all()
    remark = "24 of 24 images have a group of the table's own, which is kept"
    assert f"list.csv: {remark}" in said
    if command[0] == "train":
        assert how["config"]["data_remarks"][-1].startswith(remark)


def test_evaluate_looks_for_patients_where_the_run_did(trained, clinic, linked, monkeypatch):
    _, run = trained
    asked = []
    monkeypatch.setattr("braintumor_tf.cli.evaluate.load_datasets", lambda *_, link, **__: asked.append(link) or 1 / 0)
    config = run.config
    for value, words, expected in (({}, (), True), (None, (), False), ({}, ("--no-link",), False)):
        monkeypatch.setattr(Run, "config", {**config, "links": value})
        call("evaluate", run.path, "--dataset", clinic, *words)
        assert asked[-1] is expected


def test_run_hands_no_link_to_the_notebooks_and_refuses_a_wrong_data_set(clinic, linked, monkeypatch):
    asked = []
    monkeypatch.setattr("braintumor_tf.notebooks.runner.run_notebooks", lambda *_, **how: asked.append(how) or [])
    folder = clinic.parent / "run_set" / "glioma"
    folder.mkdir(parents=True)
    slice_of(3).save(folder / "new.png")
    said = call("run", "01", "--dataset", folder.parent, "-p", "SEED", "3")
    assert said.exit_code == 0, said.stderr
    assert f"{folder.parent}: 1 of 1 image is a clinic picture of 1 patient" in said.stderr
    assert "clinic picture" not in call("run", "01", "--dataset", folder.parent, "--no-link").stderr
    assert call("run", "01", "--dataset", folder.parent, "--label-from", -1, "--ignore", "x*").exit_code == 0
    reading = {"ignore": ["x*"], "label_from": -1}
    assert [how["parameters"] for how in asked] == [{"SEED": "3"}, {"LINK": False}, {"READING": reading}]
    wrong = call("run", "01", "--dataset", "/no/such/set")
    assert wrong.exit_code == 1 and "neither a folder" in wrong.stderr and len(asked) == 3
