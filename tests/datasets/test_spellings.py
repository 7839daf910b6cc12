"""Every spelling of a split and of a label that is understood, in folders, in a CSV and by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import scan
from braintumor_tf.datasets.labels import canonical_label, canonical_split, plain_label

SPLITS = {
    "train": ["train", "training", "train_set", "training_set", "trainset", "train_data", "training_images"],
    "validation": ["validation", "val", "valid", "dev", "validation_set", "validate", "valset", "images_val"],
    "test": ["test", "testing", "test_set", "testing_set", "testset", "test_data", "testdata", "dataset_test"],
}
LABELS = {
    "glioma": ["glioma", "glioma_tumor", "glioma_tumour", "gliomas", "gl"],
    "meningioma": ["meningioma", "meningioma_tumor", "meningioma_tumour", "meningiomas", "me"],
    "pituitary": ["pituitary", "pituitary_tumor", "pituitary_tumour", "pituitary_adenoma", "pi"],
    "no_tumor": ["no_tumor", "no_tumour", "notumor", "notumour", "no", "none", "normal", "healthy", "negative"],
    "tumor": ["tumor", "tumour", "tumors", "tumours", "yes", "positive", "brain_tumor", "brain_tumour"],
}


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(spelling, name) for name, spellings in table.items() for spelling in spellings]


def variants(spelling: str) -> list[str]:
    """One spelling in capitals, with blanks, hyphens or both for underscores, and between blanks."""
    titled = spelling.title()
    return [
        spelling.upper(), titled, titled.replace("_", " "), spelling.replace("_", "-"), spelling.replace("_", " - "),
        f"  {spelling}\t",
    ]  # fmt: skip


def save(path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), number, np.uint8)).save(path)


@pytest.mark.parametrize(("spelling", "split"), pairs(SPLITS))
def test_every_spelling_of_a_split(spelling, split):
    assert {canonical_split(name) for name in [spelling, *variants(spelling)]} == {split}


@pytest.mark.parametrize(("spelling", "label"), pairs(LABELS))
def test_every_spelling_of_a_label(spelling, label):
    names = [spelling, *variants(spelling)]
    assert {canonical_label(name) for name in names} == {plain_label(name) for name in names} == {label}


@pytest.mark.parametrize(
    "name", ["", "trains", "retrain", "tests", "train_2", "set", "evaluation", "all", "glioma", "no"]
)
def test_other_names_are_no_split(name):
    assert canonical_split(name) is None


@pytest.mark.parametrize("name", ["", "train", "gliom", "unknown", "metastasis", "0"])
def test_other_names_are_no_known_label(name):
    assert canonical_label(name) is None
    assert plain_label(f" {name.upper()} x-Ray ") == f"{name}_x_ray".lstrip("_")


def test_a_folder_of_every_spelling_of_a_split(tmp_path):
    for number, (spelling, _) in enumerate(pairs(SPLITS)):
        save(tmp_path / spelling.title().replace("_", " ") / "glioma" / f"{spelling}.png", number)
    found = scan(tmp_path, cache=False, show_progress=False).manifest
    names = found["path"].str.extract(r"([^/]+)\.png$")[0]
    assert sorted(zip(names, found["split"])) == sorted(pairs(SPLITS))
    assert set(found["label"]) == {"glioma"}


def test_a_csv_of_every_spelling_of_a_split_and_of_a_label(tmp_path):
    splits, labels = pairs(SPLITS), pairs(LABELS)
    rows = [
        (f"{place:02}.png", labels[place][0].upper(), splits[place % len(splits)][0].title())
        for place in range(len(labels))
    ]
    for place, (name, _, _) in enumerate(rows):
        save(tmp_path / name, place)
    pd.DataFrame(rows, columns=["path", "label", "split"]).to_csv(tmp_path / "list.csv", index=False)
    found = scan(tmp_path / "list.csv", cache=False, show_progress=False).manifest
    assert found["label"].tolist() == [label for _, label in labels]
    assert found["split"].tolist() == [splits[place % len(splits)][1] for place in range(len(labels))]
