"""The index and its file: what goes in comes out, and what is no index is said in one line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets import scan, thumbnails_and_pictures
from braintumor_tf.errors import DatasetError
from braintumor_tf.identity import descriptors as stored
from braintumor_tf.identity import make_index, read_index, write_index
from braintumor_tf.identity.origin_index import ROWS
from braintumor_tf.matching.frame_alignment import details_in_frames
from tests.identity.made_index import CREDIT, found_for, index_of, write
from tests.matching.altered import heads

COUNT = 5


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    columns = {"patient": ["Ann", "Ann", "Ben", "", "Zoë"], "visit": ["", "B", "", "", ""]}
    boxes = ["0.5 0.25 0.20 0.1", "", "", "", "0 0 1 1"]
    return index_of(tmp_path_factory.mktemp("atlas"), heads(COUNT), lesion_box=boxes, **columns)


def test_what_is_written_is_read_and_the_same_bytes_each_time(tmp_path, index):
    again = read_index(write_index(tmp_path / "a.npz", index))
    pd.testing.assert_frame_equal(again.rows, index.rows)
    assert again.to_dict() == index.to_dict()
    assert again.to_dict() == {"origin": "atlas", **CREDIT, "pictures": COUNT, "patients": 3}
    for name, column in index.descriptors._asdict().items():
        np.testing.assert_array_equal(getattr(again.descriptors, name), column)
    assert write_index(tmp_path / "b.npz", again).read_bytes() == (tmp_path / "a.npz").read_bytes()


def test_rows_hold_the_facts_of_the_manifest(index):
    assert tuple(index.rows) == ROWS
    assert index.rows["origin_id"].tolist() == ["000", "001", "002", "003", "004"]
    assert index.rows["label"].unique().tolist() == ["glioma"]
    assert index.rows["lesion_box"].tolist() == ["0.5 0.25 0.2 0.1", "", "", "", "0 0 1 1"]
    assert index.rows["visit"].tolist() == ["", "B", "", "", ""]


def test_a_read_index_finds_what_the_made_one_finds(tmp_path, index):
    again = read_index(write_index(tmp_path / "a.npz", index))
    copies = [image[:, ::-1] for image in heads(COUNT)]
    mine = found_for(tmp_path / "mine", copies, again)
    pd.testing.assert_frame_equal(mine, found_for(tmp_path / "mine", copies, index))
    assert mine["origin_id"].tolist() == ["000", "001", "002", "003", "004"]


def test_names_that_repeat_get_their_folders(tmp_path):
    for number, folder in enumerate(("one", "two")):
        write(tmp_path / folder, heads(1, first_seed=number))
    manifest = scan(tmp_path, label_from=2, cache=False, show_progress=False).manifest
    made = make_index(manifest, origin="atlas", **CREDIT, show_progress=False)
    assert made.rows["origin_id"].tolist() == ["one/glioma/000", "two/glioma/000"]


@pytest.mark.parametrize(
    ("columns", "origin", "reason"),
    [
        ({}, "my atlas", "no name of an index"),
        ({"origin_id": "7"}, "atlas", "two pictures are called '7'"),
        ({"lesion_box": "1 2 3"}, "atlas", "picture 000: '1 2 3' is no lesion box"),
        ({"lesion_box": "0.5 0.5 40 20"}, "atlas", "is no lesion box"),
    ],
)
def test_what_cannot_be_an_index_is_refused(tmp_path, columns, origin, reason):
    with pytest.raises(DatasetError, match=reason):
        index_of(tmp_path, heads(2), origin=origin, **columns)
    with pytest.raises(DatasetError, match="no images to make an index of"):
        make_index(pd.DataFrame({"path": []}), origin="atlas", **CREDIT)


def arrays_of(path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def text(value: str) -> np.ndarray:
    return np.frombuffer(value.encode(), np.uint8)


def head(**changes: object) -> np.ndarray:
    facts = {
        "format": "braintumor_tf origin index",
        "version": 1,
        "origin": "a",
        "credit": "",
        "licence": "",
        "url": "",
    }
    return text(json.dumps(facts | changes))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda arrays: {"other": np.zeros(3)}, "damaged, or no index"),
        (lambda arrays: arrays | {"facts": text("no json")}, "damaged, or no index"),
        (lambda arrays: arrays | {"facts": np.array([{"an": "object"}], dtype=object)}, "damaged, or no index"),
        (lambda arrays: arrays | {"facts": head(format="another")}, "no index of pictures"),
        (lambda arrays: arrays | {"facts": text("[]")}, "no index of pictures"),
        (lambda arrays: arrays | {"facts": head(version=2)}, "version 2, this package reads 1"),
        (lambda arrays: arrays | {"facts": head(licence=None)}, "its licence is missing or does not fit"),
        (lambda arrays: arrays | {"rows": text("origin_id,patient\n1,2\n")}, "its visit, label, lesion_box, prints"),
        (lambda arrays: arrays | {"waves": arrays["waves"][1:]}, "its waves is missing or does not fit"),
        (lambda arrays: arrays | {"prints": arrays["prints"].astype(float)}, "its prints is missing or does not fit"),
        (
            lambda arrays: arrays | {"rows": text(bytes(arrays["rows"]).decode().replace("0 0 1 1", "0 0 1 9"))},
            "picture 004: '0 0 1 9' is no lesion box",
        ),
    ],
)
def test_another_or_a_damaged_file_is_one_line(tmp_path, index, change, reason):
    path = write_index(tmp_path / "a.npz", index)
    np.savez_compressed(path, **change(arrays_of(path)))
    with pytest.raises(DatasetError, match=reason) as caught:
        read_index(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("cut", [0, 10, 2000, -200])
def test_a_file_that_was_cut_off_is_one_line(tmp_path, index, cut):
    path = write_index(tmp_path / "a.npz", index)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DatasetError, match="damaged, or no index") as caught:
        read_index(path)
    assert "\n" not in str(caught.value)


def test_a_flipped_byte_a_missing_file_and_another_ending_are_refused(tmp_path, index):
    path = write_index(tmp_path / "a.npz", index)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(DatasetError, match="damaged"):
        read_index(path)
    with pytest.raises(DatasetError, match="no such file"):
        read_index(tmp_path / "none.npz")
    with pytest.raises(DatasetError, match="ends in .npz"):
        write_index(tmp_path / "a.csv", index)


def test_a_descriptor_is_what_its_docs_say(index):
    """Its size, its four-bit numbers, and that the mixture neither adds nor loses anything."""
    assert sum(column[0].nbytes for column in index.descriptors) == 4 * 48 + 512 + 4 * 3 * 2 + 2
    values = np.array([[-9.0, -0.1, 0.1, 9.0, 0.34, -0.34]])
    steps = stored._packed(values)
    assert steps.tolist() == [[0 | 7 << 4, 8 | 15 << 4, 9 | 6 << 4]]
    np.testing.assert_allclose(stored._unpacked(steps) / 0.335, [[-7.5, -0.5, 0.5, 7.5, 1.5, -1.5]], rtol=1e-6)
    mixture = stored._mixture()
    np.testing.assert_allclose(mixture @ mixture.T, np.eye(stored.WAVES), atol=1e-4)
    assert np.abs(mixture).max() == pytest.approx(1 / 32)


def test_what_is_restored_is_the_coarse_detail(tmp_path, index):
    _, pictures = thumbnails_and_pictures(write(tmp_path, heads(COUNT)), show_progress=False)
    maps, shapes = np.tile(np.eye(2, 3), (COUNT, 1, 1)), np.full((COUNT, 2), 96)
    details, _ = details_in_frames(pictures, np.arange(COUNT), maps, shapes, grid=48, share=stored.FINE_SHARE)
    again = stored.restored_details(stored.restored_waves(index.descriptors))
    for left, right in zip(details, again):
        assert 0.9 < np.corrcoef(left.ravel(), right.ravel())[0, 1] < 0.999
