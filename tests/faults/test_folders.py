"""Folders as people have them: each is read as it is meant, or refused with every way in which it can be read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets import scan, write_manifest
from braintumor_tf.errors import DatasetError


def make(root: Path, files: str) -> Path:
    """Makes files from their paths: one picture each, another one every time; text where the name is of no picture."""
    for number, name in enumerate(files.split()):
        path = root / name.replace("+", " ")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".jpg", ""):
            pixels = np.random.default_rng(number).integers(0, 256, (6, 6), dtype=np.uint8)
            Image.fromarray(pixels).save(path, "PNG")
        else:
            path.write_bytes(b"\0" * 128 + b"DICM" if path.suffix == ".dcm" else b"text")
    return root


class Refused(NamedTuple):
    """A folder that can be read in two ways, or in none: its files, and parts of the sentence."""

    files: str
    said: tuple[str, ...]
    options: dict | None = None


REFUSED = {
    "pictures to predict beside the classes": Refused(
        "yes/1.png no/2.png pred/3.png pred/4.png",
        (
            "pred holds pictures without a class",
            "--ignore pred leaves 2 out",
            "--label-from 1 gives no_tumor 1, pred 2",
        ),
    ),
    "an unknown name beside known classes": Refused(
        "yes/1.png no/2.png others/3.png",
        (
            "others lies beside the classes no_tumor, tumor",
            "--ignore others leaves 1 out",
            "--label-from 1 gives no_tumor 1",
        ),
    ),
    "masks in a folder of each class": Refused(
        "glioma/images/1.png glioma/masks/1.png no/images/2.png no/masks/2.png",
        ("glioma/masks holds masks", "--ignore masks leaves 2 out", "--label-from 1 gives glioma 2, no_tumor 2"),
    ),
    "masks in a tree of their own": Refused(
        "images/glioma/1.png images/no/2.png masks/glioma/1.png",
        ("the folder masks holds masks", "--ignore masks leaves 1 out", "--label-from 2 gives glioma 2, no_tumor 1"),
    ),
    "masks beside their pictures": Refused(
        "glioma/1.png glioma/1_mask.png no/2.png",
        ("1_mask lies beside the picture", "--ignore '*_mask.*' leaves 1 out"),
    ),
    "a detection export with splits": Refused(
        "train/images/1.jpg train/labels/1.txt train/images/2.jpg train/labels/2.txt valid/images/3.jpg data.yaml",
        ("its pictures lie in images, which names no class", "3 .txt, .yaml files", "detection export"),
    ),
    "a detection export without splits": Refused(
        "images/1.jpg labels/1.txt images/2.jpg labels/2.txt",
        ("2 images, but no class folder", "2 .txt files", "detection export"),
    ),
    "a split that says not which": Refused(
        "train/glioma/1.png train/no/2.png eval/no/3.png", ("eval may name a split", "--ignore eval leaves 1 out")
    ),
    "a second training folder": Refused(
        "train/glioma/1.png train/no/2.png train_augmented/no/3.png",
        ("train_augmented may name a split", "--label-from 2 gives glioma 1, no_tumor 2"),
    ),
    "a split within a split": Refused(
        "train/test/glioma/1.png train/no/2.png", ("folders of two splits, train and test",)
    ),
    "a class that begins with an underscore": Refused(
        "_glioma/1.png no/2.png", ("_glioma: begins with _ and so is hidden, but holds 1 image", "rename it to glioma")
    ),
    "a class that begins with a dot": Refused(
        ".no/1.png glioma/2.png", (".no: begins with . and so is hidden", "--ignore .no")
    ),
    "an unknown class that begins with an underscore": Refused(
        "_cats/1.png dogs/2.png birds/3.png", ("_cats: begins with _",)
    ),
    "nothing but hidden folders": Refused(
        "_cats/1.png _dogs/2.png", ("all its 2 image files lie in hidden folders (_cats, _dogs)",)
    ),
    "classes below a folder that is no split": Refused(
        "extra/glioma/1.png glioma/2.png no/3.png",
        (
            "several depths, such as extra/glioma",
            "--ignore extra leaves 1 out",
            "--label-from -1 gives glioma 2, no_tumor 1",
        ),
    ),
    "a type within tumour": Refused(
        "Tumor/glioma_tumor/1.png Tumor/meningioma_tumor/2.png Normal/3.png",
        (
            "Tumor/glioma_tumor names two classes",
            "--label-from 1 gives no_tumor 1, tumor 2",
            "--label-from -1 gives glioma 1, mening",
        ),
    ),
    "a depth that one class lacks": Refused(
        "Tumor/glioma_tumor/1.png Normal/3.png",
        (
            "--label-from 2 does not fit, Normal is less than 2 folders deep",
            "--label-from -1 gives glioma 1, no_tumor 1",
        ),
        {"label_from": 2},
    ),
    "a depth at which splits lie": Refused(
        "Training/glioma/1.png Testing/no/2.png",
        ("takes Testing for a class", "--label-from 2 gives glioma 1"),
        {"label_from": 1},
    ),
    "depth 0": Refused("glioma/1.png no/2.png", ("label_from is 0; 1 is the first folder",), {"label_from": 0}),
    "a slip of the pen": Refused(
        "giloma_tumor/1.png no_tumor/2.png",
        ("giloma_tumor is not known; glioma_tumor perhaps?", "--label-from 1 gives giloma_tumor 1"),
    ),
    "a slip of the pen among unknown names": Refused(
        "menigioma/1.png cats/2.png", ("menigioma is not known; meningioma perhaps?",)
    ),
    "tumour beside a type": Refused(
        "tumor/1.png glioma/2.png no/3.png",
        ("tumor holds tumours of no named type, beside glioma", "--ignore tumor leaves 1 out"),
    ),
    "two spellings side by side": Refused(
        "glioma/1.png glioma_tumor/2.png no/3.png", ("glioma and glioma_tumor lie side by side and are both glioma",)
    ),
    "one unknown folder": Refused(
        "cats/1.png cats/2.png", ("2 images, but no class folder: all lie in cats", "--label-from 1 gives cats 2")
    ),
    "unknown names at two depths": Refused(
        "cats/young/1.png dogs/old/2.png",
        ("by cats or by young", "--label-from 1 gives cats 1, dogs 1; --label-from 2 gives old 1"),
    ),
    "several data sets": Refused(
        "sartaj/Training/glioma/1.png sartaj/Testing/no/2.png navoneel/yes/3.png navoneel/no/4.png",
        ("below navoneel, sartaj: several data sets, or one?", "--label-from -1 gives glioma 1, no_tumor 2, tumor 1"),
    ),
    "an archive that holds all twice": Refused(
        "yes/1.png no/2.png brain_tumor_dataset/yes/1.png brain_tumor_dataset/no/2.png",
        (
            "classes lie at several depths",
            "--ignore brain_tumor_dataset leaves 2 out",
            "--label-from -1 gives no_tumor 2, tumor 2",
        ),
    ),
    "pictures without class folders": Refused(
        "1.png 2.png 3.png", ("3 images, but no class folder: all lie in the folder itself",)
    ),
    "pictures in splits alone": Refused(
        "train/1.png test/2.png", ("2 images, but no class folder: all lie in test, train",)
    ),
    "pictures and a table": Refused("1.png list.csv", ("or give a CSV of path and label (is it", "list.csv?)")),
    "DICOM files without pictures": Refused(
        "glioma/1.dcm no/2.dcm", ("no labelled image can be read", "a DICOM file without a picture")
    ),
    "no picture at all": Refused(
        "a.txt list.csv", ("holds no image file, but others (.csv 1, .txt 1)", "list.csv itself")
    ),
    "an empty folder": Refused("", ("is empty; expected class/image or split/class/image",)),
    "a list of patterns as a text": Refused(
        "yes/1.png", ("ignore is 'pred'; give a list of patterns",), {"ignore": "pred"}
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_that_can_be_read_in_two_ways_is_refused_with_both(tmp_path, name):
    row, root = REFUSED[name], tmp_path / "set"
    root.mkdir()
    with pytest.raises(DatasetError) as caught:
        scan(make(root, row.files), cache=False, show_progress=False, **(row.options or {}))
    text = str(caught.value)
    assert [part for part in row.said if part not in text] == [], text
    assert "\n" not in text and len(text) < 700


class Read(NamedTuple):
    """A folder that is read: its files, the split and label of each picture, and what is said."""

    files: str
    found: dict[str, str]
    said: tuple[str, ...] = ()
    options: dict | None = None


PRED, TYPES = "yes/1.png no/2.png pred/3.png", "Tumor/glioma_tumor/1.png Tumor/meningioma_tumor/2.png Normal/3.png"
PAIR = "glioma/1.png glioma/2.png no/3.png no/4.png"
READ = {
    "classes": Read(PAIR, {"1": "glioma", "2": "glioma", "3": "no_tumor", "4": "no_tumor"}),
    "splits of Kaggle": Read(
        "Training/glioma_tumor/1.png Training/no_tumor/2.png Training/no_tumor/3.png Testing/glioma_tumor/4.png",
        {"1": "train glioma", "2": "train no_tumor", "3": "train no_tumor", "4": "test glioma"},
    ),
    "the spelling of masoud": Read(
        "Testing/notumor/1.png Testing/notumor/2.png Testing/glioma/3.png Testing/glioma/4.png",
        {"1": "test no_tumor", "2": "test no_tumor", "3": "test glioma", "4": "test glioma"},
    ),
    "splits with a word more": Read(
        "train_data/yes/1.png train_data/no/2.png test_data/yes/3.png test_data/no/4.png",
        {"1": "train tumor", "2": "train no_tumor", "3": "test tumor", "4": "test no_tumor"},
    ),
    "validate": Read(
        "train/yes/1.png train/no/2.png validate/yes/3.png validate/no/4.png",
        {"1": "train tumor", "2": "train no_tumor", "3": "validation tumor", "4": "validation no_tumor"},
    ),
    "a folder above types": Read("Brain+Tumor/glioma/1.png Brain+Tumor/no/2.png", {"1": "glioma", "2": "no_tumor"}),
    "what is to be predicted is left out": Read(
        PRED, {"1": "tumor", "2": "no_tumor"}, ("pred, left out by 'pred' (1 file)",), {"ignore": ["pred"]}
    ),
    "what is to be predicted is a class": Read(
        PRED, {"1": "tumor", "2": "no_tumor", "3": "pred"}, (), {"label_from": 1}
    ),
    "a pattern that leaves nothing out": Read(
        PAIR,
        {"1": "glioma", "2": "glioma", "3": "no_tumor", "4": "no_tumor"},
        ("nothing is called 'prod'",),
        {"ignore": ["prod"]},
    ),
    "masks left out by name": Read(
        "glioma/1.png glioma/1_mask.png no/2.png",
        {"1": "glioma", "2": "no_tumor"},
        ("1_mask.png, left out by '*_mask.*'",),
        {"ignore": ["*_mask.*"]},
    ),
    "the upper class": Read(TYPES, {"1": "tumor", "2": "tumor", "3": "no_tumor"}, (), {"label_from": 1}),
    "the lower class": Read(TYPES, {"1": "glioma", "2": "meningioma", "3": "no_tumor"}, (), {"label_from": -1}),
    "one class": Read(
        "glioma/1.png glioma/2.png",
        {"1": "glioma", "2": "glioma"},
        ("all images are of one class, glioma: a training needs two",),
    ),
    "a class of one image": Read(
        "glioma/1.png glioma/2.png no/3.png",
        {"1": "glioma", "2": "glioma", "3": "no_tumor"},
        ("one image alone of the class no_tumor",),
    ),
    "a test class that training lacks": Read(
        "train/glioma/1.png train/no/2.png test/pituitary/3.png",
        {"1": "train glioma", "2": "train no_tumor", "3": "test pituitary"},
        ("the test images have the class pituitary, which the training images lack",),
    ),
    "some images in no split": Read(
        "train/glioma/1.png train/no/2.png no/3.png",
        {"1": "train glioma", "2": "train no_tumor", "3": "no_tumor"},
        ("1 image of 3 is of no split (train)",),
    ),
    "loose pictures, texts, archives and hidden files": Read(
        f"{PAIR} 5.png readme.txt glioma/.6.png more.zip",
        {"1": "glioma", "2": "glioma", "3": "no_tumor", "4": "no_tumor"},
        ("5.png, not in a class folder", "readme.txt, no image file (.txt)", ".6.png, hidden", "more.zip, an archive"),
    ),
    "a picture that begins with an underscore or has no ending": Read(
        "glioma/_1.png glioma/2 no/3.png no/4.png", {"_1": "glioma", "2": "glioma", "3": "no_tumor", "4": "no_tumor"}
    ),
    "a hidden folder of no class": Read(
        f"{PAIR} .thumbnails/1.png",
        {"1": "glioma", "2": "glioma", "3": "no_tumor", "4": "no_tumor"},
        (".thumbnails, hidden, its name begins with . (1 file)",),
    ),
    "no label needed": Read(
        "1.png 2.png", {"1": "", "2": ""}, ("no label is taken from the folders (2 images",), {"unlabelled": True}
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_folder_is_read_as_it_is_meant_and_what_is_odd_is_said(tmp_path, name):
    row = READ[name]
    found = scan(make(tmp_path / "set", row.files), cache=False, show_progress=False, **(row.options or {}))
    labels = {Path(each.path).stem: f"{each.split} {each.label}".strip() for each in found.manifest.itertuples()}
    assert labels == row.found
    text = "\n".join(found.remarks)
    assert [part for part in row.said if part not in text] == [], text
    assert row.said or not [note for note in found.notes if "one image alone" not in note]


def test_every_file_is_used_or_named(tmp_path):
    root = make(tmp_path / "set", f"{PAIR} 5.png a.txt glioma/.b.png glioma/c.txt no/d.dcm e/f.csv .git/g _masks/1.png")
    (root / "no" / "h.png").write_bytes(b"no picture")
    found = scan(root, cache=False, show_progress=False)
    named = [Path(path) for table in (found.manifest, found.unreadable, found.passed_over) for path in table["path"]]
    assert len(named) == len(set(named))
    for path in filter(Path.is_file, root.rglob("*")):
        assert sum(path == each or each in path.parents for each in named) == 1, path


def test_pictures_beside_the_list_that_a_folder_is_read_by_are_named(tmp_path):
    root = make(tmp_path / "set", PAIR)
    found = scan(root, cache=False, show_progress=False)
    write_manifest(root / "manifest.csv", found.manifest.iloc[1:])
    again = scan(root, cache=False, show_progress=False)
    assert again.manifest["path"].tolist() == found.manifest["path"].tolist()[1:]
    assert again.passed_over.values.tolist() == [
        [found.manifest["path"][0], "not in the list of images that the folder holds"]
    ]


def test_a_dicom_file_among_pictures_is_unreadable_and_says_so(tmp_path):
    found = scan(make(tmp_path / "set", f"{PAIR} no/5.dcm"), cache=False, show_progress=False)
    assert found.unreadable["reason"].tolist() == ["a DICOM file without a picture"]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("one.png", "is one picture; give the folder that holds it"),
        ("one", "is one picture"),
        ("one.dcm", "is one picture; give the folder that holds it"),
        ("one.xlsx", "is an Excel table; save it as CSV"),
        ("one.zip", "is an archive; unpack it"),
    ],
)
def test_a_file_that_is_no_csv_is_called_what_it_is(tmp_path, file, message):
    make(tmp_path, file)
    with pytest.raises(DatasetError, match=message):
        scan(tmp_path / file, cache=False, show_progress=False)
