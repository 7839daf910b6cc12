"""CSV files as people have them: each row is used or named, and what is no table is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets import scan
from braintumor_tf.errors import DatasetError


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four pictures, one of them in a folder."""
    for number, name in enumerate(("a.png", "b.png", "c.png", "sub/d.png")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (6, 6), dtype=np.uint8)).save(path)
    return tmp_path


REFUSED = {
    "one image of two labels": (
        b"path,label\na.png,glioma\n./a.png,no\n",
        ("line 2 with the label 'glioma' and on line 3 with 'no_tumor'",),
    ),
    "one image of two splits": (
        b"path,label,split\na.png,no,train\na.png,no,test\n",
        ("with the split 'train' and on line 3",),
    ),
    "Latin-1": (
        "path,label\na.png,glioma\nb.png,Größe\n".encode("latin-1"),
        ("is not UTF-8 (line 3 has the byte 0xf6)",),
    ),
    "UTF-16": ("path,label\na.png,glioma\n".encode("utf-16"), ("is written in UTF-16; save it as CSV in UTF-8",)),
    "NUL": (b"path,label\na.png,glioma\nb\0.png,no\n", ("line 3 has a NUL byte",)),
    "a row cut short": (
        b"path,label,patient\na.png,glioma,1\nb.png,no\n",
        ("line 3 has 2 fields, where the first line names 3",),
    ),
    "a row too long": (b"path,label\na.png,glioma\nb.png,no,3\n", ("line 3 has 3 fields",)),
    "all rows too long": (b"path,label\na.png,glioma,1\nb.png,no,3\n", ("line 2 has 3 fields",)),
    "a value without a column": (b"path,label,\na.png,glioma,7\n", ("line 2 has a value in a column without a name",)),
    "two columns of one name": (b"path,label,label\na.png,glioma,no\n", ("has two columns called label",)),
    "an open quote": (b'path,label\n"a.png,glioma\nb.png,no\n', ("line 2 cannot be read as CSV", "repair its quotes")),
    "nothing": (b"", ("is empty",)),
    "no rows": (b"path,label\n", ("no row below it",)),
    "other names": (
        b"Filename,Class\na.png,glioma\n",
        ("this one Filename, Class", "rename Filename to path and rename Class to label"),
    ),
    "no label at all": (
        b"path,label\na.png,nan\nb.png,\n",
        ("none of its 2 rows can be used", "has no label (line 2)"),
    ),
    "paths of Windows": (b"path,label\nC:\\x\\a.png,glioma\n", ("none of its 1 image exists", "paths of Windows")),
    "paths that lead nowhere": (b"path,label\nx/a.png,glioma\n", ("write paths relative to the CSV",)),
    "a box that is none": (
        b"path,label,box_x,box_y,box_width,box_height\na.png,no,1,2,3,4\n",
        ("line 2", "shares of the picture"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_of_images_is_refused_with_its_line(folder, name):
    data, said = REFUSED[name]
    (folder / "list.csv").write_bytes(data)
    with pytest.raises(DatasetError) as caught:
        scan(folder / "list.csv", cache=False, show_progress=False)
    text = str(caught.value)
    assert [part for part in said if part not in text] == [], text
    assert "\n" not in text and text.startswith(str(folder / "list.csv"))


class Read(NamedTuple):
    """A CSV that is read: its bytes, label and patient of each picture, and what is said."""

    data: bytes
    found: dict[str, tuple[str, str]]
    said: tuple[str, ...] = ()


BOTH = {"a": ("glioma", ""), "b": ("no_tumor", "")}
READ = {
    "labels that are missing": Read(
        b"path,label\na.png,glioma\nb.png,no\nc.png,nan\nsub/d.png,\n",
        BOTH,
        ("not used: 2, has no label, the first c.png",),
    ),
    "a row that is there twice": Read(
        b"path,label\na.png,glioma\nb.png,no\n./a.png,Glioma\n", BOTH, ("is listed before (line 4 repeats line 2)",)
    ),
    "a row without a path": Read(b"path,label\na.png,glioma\n,no\nb.png,no\n", BOTH, ("line 3, names no path",)),
    "a byte order mark": Read(b"\xef\xbb\xbfpath,label\na.png,glioma\nb.png,no\n", BOTH),
    "semicolons": Read(b"path;label\na.png;glioma\nb.png;no\n", BOTH),
    "tabs": Read(b"path\tlabel\na.png\tglioma\nb.png\tno\n", BOTH),
    "blanks": Read(b"path , label\na.png , glioma\n b.png, no \n", BOTH),
    "line ends of Windows": Read(b"path,label\r\na.png,glioma\r\n\r\nb.png,no\r\n", BOTH),
    "line ends of an old Mac": Read(b"path,label\ra.png,glioma\rb.png,no\r", BOTH),
    "a comma at each end": Read(b"path,label,\na.png,glioma,\nb.png,no,\n", BOTH),
    "backslashes": Read(b"path,label\n.\\a.png,glioma\nsub\\d.png,no\n", {"a": ("glioma", ""), "d": ("no_tumor", "")}),
    "patients known in part": Read(
        b"path,label,patient\na.png,glioma,7\nb.png,no,nan\nc.png,no,\nsub/d.png,no,unknown\n",
        {"a": ("glioma", "7"), **dict.fromkeys("bcd", ("no_tumor", ""))},
        ("no patient is named for 3 of 4 rows; theirs count as unknown",),
    ),
    "columns that are not read": Read(
        b"path,label,PatientID,age\na.png,glioma,7,3\nb.png,no,8,3\n",
        BOTH,
        ("columns PatientID, age not read; rename PatientID to patient",),
    ),
    "a slip of the pen": Read(
        b"path,label\na.png,giloma\nb.png,no\n",
        {"a": ("giloma", ""), "b": ("no_tumor", "")},
        ("giloma is not known; glioma perhaps?",),
    ),
    "tumour beside a type": Read(
        b"path,label\na.png,glioma\nb.png,no\nc.png,yes\n",
        {**BOTH, "c": ("tumor", "")},
        ("the class tumor names no type, beside glioma",),
    ),
    "a test class that training lacks": Read(
        b"path,label,split\na.png,glioma,train\nb.png,no,Testing\n",
        BOTH,
        ("the test images have the class no_tumor, which",),
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_as_it_is_meant_and_what_is_odd_is_said(folder, name):
    row = READ[name]
    (folder / "list.csv").write_bytes(row.data)
    found = scan(folder / "list.csv", cache=False, show_progress=False)
    assert {Path(each.path).stem: (each.label, each.patient) for each in found.manifest.itertuples()} == row.found
    assert found.unreadable.empty
    text = "\n".join(found.remarks)
    assert [part for part in row.said if part not in text] == [], text
    assert row.said or not [remark for remark in found.remarks if "one image alone" not in remark]


def test_paths_relative_to_the_current_folder_are_told_from_those_relative_to_the_csv(folder, monkeypatch):
    (folder / "lists").mkdir()
    (folder / "lists" / "list.csv").write_text("path,label\na.png,glioma\nb.png,no\n")
    monkeypatch.chdir(folder)
    with pytest.raises(DatasetError, match=r"relative to the CSV, not to the current folder, where a\.png does exist"):
        scan("lists/list.csv", cache=False, show_progress=False)


def test_a_pattern_leaves_rows_out_by_file_and_by_folder(folder):
    (folder / "list.csv").write_text("path,label\na.png,glioma\nb.png,no\nsub/d.png,no\n")
    found = scan(folder / "list.csv", ignore=["sub", "b*"], cache=False, show_progress=False)
    assert [Path(path).name for path in found.manifest["path"]] == ["a.png"]
    assert dict(found.passed_over.itertuples(index=False)) == {
        "sub/d.png": "left out by 'sub'",
        "b.png": "left out by 'b*'",
    }


def test_a_depth_says_nothing_of_a_csv(folder):
    (folder / "list.csv").write_text("path,label\na.png,glioma\nb.png,no\n")
    notes = scan(folder / "list.csv", label_from=1, cache=False, show_progress=False).notes
    assert "--label-from 1 says nothing of a CSV, which names its labels itself" in notes
