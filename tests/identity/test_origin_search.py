"""Copies of published pictures are found in any pose, with patient and box; other heads stay unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import read_image, scan
from braintumor_tf.identity import decisions, find_origins, origin_search, placement
from braintumor_tf.identity.decisions import decide
from braintumor_tf.identity.lesion_boxes import carried_box, parse_box
from braintumor_tf.identity.placement import Found
from tests.identity.made_index import found_for, index_of
from tests.matching.altered import ALTERATIONS, cropped, heads, turned

COUNT = 9
PATIENTS = ["Ann", "Ann", "Ben", "Cid", "Dan", "Eve", "Fay", "Gus", "Hal"]
BOX = "0.3 0.4 0.2 0.1"
COLUMNS = ["origin", "origin_id", "patient", "pose", "origin_label", "lesion_box", "correlation"]
ONES = np.ones((3, 3), np.uint8)


@pytest.fixture(scope="module")
def slices() -> list[np.ndarray]:
    return heads(COUNT)


@pytest.fixture(scope="module")
def index(tmp_path_factory, slices):
    """Nine pictures of eight patients, and thirty that nobody copies."""
    pictures = [*slices, *heads(30, first_seed=300)]
    more = {"patient": [*PATIENTS, *(f"other {number}" for number in range(30))], "lesion_box": BOX}
    return index_of(tmp_path_factory.mktemp("atlas"), pictures, **more)


@pytest.mark.parametrize("name", [*ALTERATIONS, "half the size", "three times the size"])
def test_an_altered_copy_gets_number_patient_and_pose_back(tmp_path, slices, index, name):
    sizes = {"half the size": lambda image: image[::2, ::2], "three times the size": lambda image: np.kron(image, ONES)}
    pose, alter = ALTERATIONS[name] if name in ALTERATIONS else ("as it is", sizes[name])
    found = found_for(tmp_path, [alter(image) for image in slices], index)
    assert found["origin"].tolist() == ["atlas"] * COUNT
    assert found["origin_id"].tolist() == [f"{number:03}" for number in range(COUNT)]
    assert found["patient"].tolist() == PATIENTS
    assert found["pose"].tolist() == [pose] * COUNT
    assert found["correlation"].between(decisions.LEAST_CORRELATION, 1).all()


def test_other_heads_and_pictures_of_nothing_stay_unknown(tmp_path, index):
    others = [*heads(12, first_seed=700), np.zeros((80, 80), np.uint8), np.full((60, 90), 200, np.uint8)]
    rng = np.random.default_rng(0)
    found = found_for(tmp_path, [*others, rng.integers(0, 255, (100, 100)).astype(np.uint8)], index)
    assert (found.drop(columns="correlation") == "").all(axis=None) and found["correlation"].isna().all()


def test_the_answer_has_the_manifests_index_and_copies_of_a_file_share_it(tmp_path, slices, index):
    other = heads(1, first_seed=800)[0]
    found_for(tmp_path, [slices[2], other, slices[2][:, ::-1], slices[2]], index)
    manifest = scan(tmp_path, cache=False, show_progress=False).manifest.set_axis([7, 3, 9, 1])
    found = find_origins(manifest, [index], show_progress=False)
    assert found.index.tolist() == [7, 3, 9, 1] and list(found) == COLUMNS
    assert found["origin_id"].tolist() == ["002", "", "002", "002"]
    assert found["pose"].tolist() == ["as it is", "", "mirrored", "as it is"]
    assert find_origins(manifest, [], show_progress=False)["origin"].tolist() == [""] * 4
    assert find_origins(manifest[:0], [index], show_progress=False).empty


@pytest.mark.parametrize(
    ("alter", "box"),
    [
        (lambda image: image, (0.3, 0.4, 0.2, 0.1)),
        (lambda image: image[:, ::-1], (0.7, 0.4, 0.2, 0.1)),
        (lambda image: np.rot90(image, -1), (0.6, 0.3, 0.1, 0.2)),
        (lambda image: np.rot90(image, 2), (0.7, 0.6, 0.2, 0.1)),
        (lambda image: np.pad(image, 40), (0.5 - 0.2 / 1.5, 0.5 - 0.1 / 1.5, 0.2 / 1.5, 0.1 / 1.5)),
        (lambda image: cropped(image, 0.05), (0.5 - 0.2 / 0.9, 0.5 - 0.1 / 0.9, 0.2 / 0.9, 0.1 / 0.9)),
    ],
)
def test_the_lesion_box_is_carried_into_the_pose(tmp_path, slices, index, alter, box):
    """The box of each altered picture is worked out by hand."""
    found = found_for(tmp_path, [alter(image) for image in slices[:3]], index)
    for text in found["lesion_box"]:
        np.testing.assert_allclose(parse_box(text), box, atol=0.012)


def test_a_box_is_cut_at_the_edge_and_none_outside():
    right_half = np.array([[2.0, 0, -0.5], [0, 1, 0]])
    np.testing.assert_allclose(carried_box(np.array([0.5, 0.5, 0.4, 0.2]), right_half), [0.2, 0.5, 0.4, 0.2])
    assert carried_box(np.array([0.2, 0.5, 0.2, 0.2]), right_half) is None
    np.testing.assert_allclose(carried_box(np.array([0.75, 0.5, 0.2, 0.2]), right_half), [0.5, 0.5, 0.4, 0.2])


def test_of_two_sets_with_one_picture_the_one_with_the_patient_is_named(tmp_path, slices):
    nameless = index_of(tmp_path / "one", slices[:3], origin="aaa")
    named = index_of(tmp_path / "two", [image[:, ::-1] for image in slices[:3]], origin="bbb", patient=PATIENTS[:3])
    found = found_for(tmp_path / "mine", slices[:3], nameless, named)
    assert found["origin"].tolist() == ["bbb"] * 3 and found["patient"].tolist() == PATIENTS[:3]
    assert found["pose"].tolist() == ["mirrored"] * 3


def test_a_picture_published_of_two_patients_stays_unknown(tmp_path, slices):
    pictures = [slices[0], np.uint8(slices[0] * 0.9), slices[1], np.uint8(slices[1] * 0.9), slices[2]]
    unclear = index_of(tmp_path / "one", pictures, patient=["Ann", "Ben", "Cid", "Cid", "Dan"])
    found = found_for(tmp_path / "mine", [turned(image, 5) for image in slices[:3]], unclear)
    assert found["patient"].tolist() == ["", "Cid", "Dan"]


def pairs(*correlations: float) -> Found:
    count = len(correlations)
    return Found(np.zeros(count, int), np.arange(count), np.zeros((count, 2, 3)), np.array(correlations))


@pytest.mark.parametrize(
    ("correlations", "patients", "chosen"),
    [
        ((0.921, 0.5), ("a", "b"), [0]),
        ((0.919, 0.5), ("a", "b"), []),
        ((0.95, 0.96), ("a", "a"), [1]),
        ((0.981, 0.96), ("a", "b"), [0]),
        ((0.979, 0.96), ("a", "b"), []),
        ((0.979, 0.96), ("", "b"), [1]),
        ((0.981, 0.96), ("", "b"), [0]),
        ((0.98, 0.98), ("", ""), [0]),
        ((0.93, 0.915), ("a", "b"), [0]),
    ],
)
def test_the_thresholds(correlations, patients, chosen):
    """0.92 to be a picture, 0.02 to be as good as the best, on either side."""
    rows = pd.DataFrame({"origin": "x", "patient": patients})
    assert decide(pairs(*correlations), rows).picture.tolist() == chosen
    assert (decisions.LEAST_CORRELATION, decisions.LEAD) == (0.92, 0.02)


def test_a_picture_that_two_sets_hold_is_that_of_the_better_and_at_a_tie_of_the_first():
    rows = pd.DataFrame({"origin": ["x", "y"], "patient": ["7", "8"]})
    for correlations, chosen in (((0.98, 0.97), [0]), ((0.97, 0.98), [1]), ((0.98, 0.98), [0])):
        assert decide(pairs(*correlations), rows).picture.tolist() == chosen
    two_of_one_set = pd.DataFrame({"origin": ["x", "y", "x"], "patient": ["7", "7", "8"]})
    assert decide(pairs(0.98, 0.97, 0.97), two_of_one_set).picture.tolist() == []
    assert decide(pairs(0.98, 0.99, 0.98), two_of_one_set).picture.tolist() == [1]


def test_images_are_looked_for_in_parts(tmp_path, slices, index, monkeypatch):
    whole = found_for(tmp_path, slices, index)
    monkeypatch.setattr(origin_search, "_IMAGES_AT_ONCE", 4)
    pd.testing.assert_frame_equal(found_for(tmp_path, slices, index), whole)


def test_the_first_stage_alone_finds_plain_copies(tmp_path, slices, index, monkeypatch):
    monkeypatch.setattr(placement, "STAGES", placement.STAGES[:1])
    assert (found_for(tmp_path / "plain", slices, index)["origin"] == "atlas").all()


def test_a_deep_png_is_found_by_its_jpeg(tmp_path, slices):
    """Sixteen bits are scaled linearly, so a set converted from them has the descriptors of its 8-bit copies."""
    deep = [np.uint16(image) * 11 + 200 for image in slices[:4]]
    published = index_of(tmp_path / "deep", deep)
    (tmp_path / "mine" / "glioma").mkdir(parents=True)
    for number, path in enumerate(sorted((tmp_path / "deep").rglob("*.png"))):
        Image.fromarray(read_image(path)).save(tmp_path / "mine" / "glioma" / f"{number}.jpg", quality=85)
    found = find_origins(scan(tmp_path / "mine", cache=False).manifest, [published], show_progress=False)
    assert found["origin_id"].tolist() == ["000", "001", "002", "003"] and found["correlation"].min() > 0.97
