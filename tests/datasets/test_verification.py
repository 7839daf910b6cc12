"""Recognising a data set by content: whatever its folder is called, in part, with files missing, added, changed."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from braintumor_tf.datasets.sources import contents as content_lists
from braintumor_tf.datasets.sources.contents import read_contents, write_contents
from braintumor_tf.datasets.sources.table import SOURCES, get_source
from braintumor_tf.datasets.sources.verification import _count, verify
from braintumor_tf.errors import DatasetError


def _write(folder, paths):
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {path}")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Declares a made-up content of navoneel and removes all others; returns a folder that holds it."""
    contents = tmp_path / "contents"
    monkeypatch.setattr(content_lists, "CONTENTS", contents)
    folder = tmp_path / "a folder of any name"
    _write(folder, [f"yes/Y{n}.jpg" for n in range(155)] + [f"no/N{n}.jpg" for n in range(98)])
    write_contents(folder, "navoneel", destination=contents)
    return folder


@pytest.mark.parametrize("name", ["sartaj", "navoneel", "masoud"])
def test_packaged_lists_agree_with_the_declared_counts(name):
    contents = read_contents(name)
    for part in get_source(name).parts:
        found = sum(path.startswith(f"{part.folder}/") for path in contents)
        assert found == part.images or (name == "masoud" and part.split == "train" and found == 0)
    assert all(len(digest) == 12 and int(digest, 16) >= 0 for digest in contents.values())


def test_packaged_lists_are_small_and_of_declared_sources():
    lists = sorted(content_lists.CONTENTS.glob("*"))
    assert [path.name for path in lists] == ["masoud.csv.gz", "navoneel.csv.gz", "sartaj.csv.gz"]
    assert all(path.stat().st_size < 100_000 for path in lists)


def test_a_list_is_written_the_same_twice(published, tmp_path):
    first = write_contents(published, "navoneel", destination=tmp_path / "one").read_bytes()
    assert write_contents(published, "navoneel", destination=tmp_path / "two").read_bytes() == first


def test_a_whole_set_is_recognised_whatever_its_name(published):
    found = verify(published)
    assert (found.source, found.certainty, found.complete, found.images) == ("navoneel", "content", True, 253)
    assert found.conclusion == "navoneel: all 253 images are the published ones"


def test_an_outer_folder_and_a_part_are_recognised(published, tmp_path):
    outer = tmp_path / "outer"
    shutil.copytree(published, outer / "archive" / "data")
    assert verify(outer).complete
    part = verify(published / "no")
    assert (part.source, part.complete, part.absent, part.missing) == ("navoneel", False, ("yes",), ())
    assert [(count.label, count.expected, count.found) for count in part.counts] == [
        ("tumor", 155, None),
        ("no_tumor", 98, 98),
    ]


def test_every_difference_is_named(published):
    (published / "yes/Y3.jpg").unlink()
    (published / "yes/Y4.jpg").write_text("edited")
    (published / "yes/Y5.jpg").rename(published / "no/Y5.jpg")
    (published / "no/new.jpg").write_text("new")
    shutil.copy(published / "no/N1.jpg", published / "no/N1 (copy).jpg")
    found = verify(published)
    assert found.source == "navoneel" and not found.complete
    assert found.missing == ("yes/Y3.jpg",)
    assert found.changed == ("yes/Y4.jpg",)
    assert found.renamed == (("yes/Y5.jpg", "no/Y5.jpg"),)
    assert found.extra == ("no/new.jpg",)
    assert found.repeated == ("no/N1 (copy).jpg",)
    assert [(count.label, count.found) for count in found.counts] == [("tumor", 153), ("no_tumor", 100)]
    assert found.conclusion == (
        "navoneel: 251 of 254 images are the published ones; 1 missing; 1 changed; 1 renamed; 1 extra; 1 repeated"
    )
    assert json.loads(json.dumps(found.to_dict()))["renamed"] == [["yes/Y5.jpg", "no/Y5.jpg"]]


def test_renamed_class_folders_are_recognised(published):
    (published / "yes").rename(published / "tumor")
    (published / "no").rename(published / "healthy")
    found = verify(published)
    assert found.source == "navoneel" and len(found.renamed) + len(found.missing) >= 98
    assert found.conclusion.startswith("navoneel: all 253 images")
    assert [count.found for count in found.counts] == [155, 98]


def test_an_archive_that_holds_its_folder_twice(published):
    shutil.copytree(published, published / "brain_tumor_dataset", ignore=shutil.ignore_patterns("brain_tumor_dataset"))
    found = verify(published)
    assert found.source == "navoneel" and len(found.repeated) == 253 and not found.missing
    assert {path.partition("/")[0] for path in found.repeated} == {"brain_tumor_dataset"}


def test_a_few_files_of_many_are_not_the_set(published, tmp_path):
    other = tmp_path / "other"
    _write(other, [f"yes/Z{n}.jpg" for n in range(100)])
    shutil.copy(published / "yes/Y1.jpg", other / "yes/Y1.jpg")
    found = verify(other)
    assert (found.source, found.certainty) == (None, "none")
    assert found.conclusion.startswith("not a data set known here: 101 images")


def test_counts_alone_are_said_to_be_no_proof(published, tmp_path):
    folder = tmp_path / "figshare"
    _write(folder, [f"{part.folder}/{n}.png" for part in get_source("figshare").parts for n in range(part.images)])
    found = verify("figshare", data_dir=tmp_path)
    assert (found.source, found.certainty, found.complete) == ("figshare", "counts", False)
    assert found.conclusion == "counts match figshare; content not known here"


def test_two_sources_of_equal_counts_are_both_named(published, tmp_path):
    folder = tmp_path / "br35h"
    _write(folder, [f"{name}/{n}.jpg" for name in ("yes", "no") for n in range(1500)] + ["pred/1.jpg"])
    found = verify(folder)
    assert (found.source, found.candidates) == (None, ("br35h", "abhranta"))
    assert verify("br35h", data_dir=tmp_path).source == "br35h"


def test_counts_of_patient_folders(published):
    source = get_source("breast_histopathology")
    files = {f"{source.root}/{n % 9}/{n % 3 % 2}/{n}.png": "" for n in range(90)} | {
        f"8/{n % 2}/{n}.png": "" for n in range(9)
    }
    assert [(row.label, row.found) for row in _count(files, source)] == [("no_idc", 60), ("idc", 30)]


def test_known_content_that_was_stored_anew_is_not_the_set(published):
    for path in published.rglob("*.jpg"):
        path.write_text(f"stored anew: {path.name}")
    found = verify(published)
    assert (found.source, found.certainty) == ("navoneel", "counts")
    assert "the content is not that of navoneel" in found.conclusion


def test_a_name_whose_folder_holds_something_else(published, tmp_path):
    published.rename(tmp_path / "sartaj")
    found = verify("sartaj", data_dir=tmp_path)
    assert found.source == "navoneel" and not found.complete
    assert found.conclusion.startswith("not sartaj: navoneel: all 253")


def test_nothing_there(tmp_path):
    with pytest.raises(DatasetError, match="fetch sartaj first"):
        verify("sartaj", data_dir=tmp_path)
    with pytest.raises(DatasetError, match="no source of that name"):
        verify(tmp_path / "gone")
    with pytest.raises(DatasetError, match="no image file"):
        verify(tmp_path)


def test_pipes_and_broken_links_do_not_stop_it(published):
    os.mkfifo(published / "yes" / "pipe.jpg")
    (published / "yes" / "link.jpg").symlink_to("gone.jpg")
    assert verify(published).complete


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "source", "images", "complete", "absent"),
    [
        ("sartaj", "sartaj", 3264, True, 0),
        ("sartaj/Testing", "sartaj", 394, False, 4),
        ("navoneel", "navoneel", 253, True, 0),
        ("masoud/Testing", "masoud", 1311, False, 4),
        ("masoud/Testing/notumor", "masoud", 405, False, 7),
    ],
)
def test_real_sets_are_recognised(real_data, folder, source, images, complete, absent):
    found = verify(real_data / folder)
    assert (found.source, found.images, found.complete, len(found.absent)) == (source, images, complete, absent)
    assert found.conclusion.startswith(f"{source}: all {images:,} images are the published ones")


def test_every_source_is_well_formed():
    assert len({source.name for source in SOURCES}) == len(SOURCES) == 7
    for source in SOURCES:
        assert source.url.startswith("https://") and source.licence and source.title and source.faults
        assert source.images == sum(part.images for part in source.parts) > 0
        assert len({part.folder for part in source.parts}) == len(source.parts) >= 2
        assert sum(sum(labels.values()) for labels in source.counts().values()) == source.images
    with pytest.raises(
        DatasetError, match="sartaj, masoud, navoneel, br35h, abhranta, breast_histopathology, figshare"
    ):
        get_source("imagenet")
