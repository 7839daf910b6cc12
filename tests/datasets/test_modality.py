"""Two data sets become one with the labels mri and histopathology; its split shares nothing."""

from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf import identity, leakage
from braintumor_tf.datasets import MODALITIES, find_dataset, modality_manifest, write_manifest
from braintumor_tf.errors import DatasetError

QUIET = {"cache": False, "show_progress": False}


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("modality")
    mri = find_dataset("synthetic", data_dir=folder, synthetic={"patients_per_class": 2, "image_size": 64}, **QUIET)
    tissue = find_dataset(
        "synthetic_histopathology", data_dir=folder, synthetic={"patients": 6, "patches_per_patient": 4}, **QUIET
    )
    return mri.manifest, tissue.manifest


def test_labels_are_the_modalities_and_nothing_else_is_lost(parts):
    mri, tissue = parts
    joint = modality_manifest(mri, tissue)
    assert set(joint["label"]) == set(MODALITIES) and list(joint.columns) == list(mri.columns)
    assert joint["path"].is_monotonic_increasing and len(joint) == len(mri) + len(tissue)
    of = joint.set_index("path")["label"]
    assert (of[mri["path"]] == "mri").all() and (of[tissue["path"]] == "histopathology").all()
    assert set(joint["split"]) == {""}, "an official split of one of them says nothing about both"
    assert set(mri["label"]) != {"mri"} and set(mri["split"]) == {"train", "test"}, "what came in is as it was"


def test_patients_stay_together_and_those_of_two_sets_apart(parts):
    mri, tissue = parts
    for source in ("synthetic", tissue["source"].iloc[0]):
        clash = mri.assign(patient=tissue["patient"].iloc[0], source=source)
        joint = modality_manifest(clash, tissue)
        people = identity.persons(joint)
        assert joint["label"].groupby(people).nunique().eq(1).all()
        assert people[joint["label"] == "histopathology"].nunique() == tissue["patient"].nunique()
        assert people[joint["label"] == "mri"].nunique() == 1
    clusters = modality_manifest(leakage.group(mri, show_progress=False), tissue)
    assert set(clusters.loc[clusters["label"] == "mri", "group"]) == {""}, "clusters are made anew"


def test_limit_draws_as_many_of_each_whatever_the_order(parts):
    mri, tissue = parts
    joint = modality_manifest(mri, tissue, limit=10, seed=1)
    assert joint["label"].value_counts().to_dict() == {"mri": 10, "histopathology": 10}
    shuffled = modality_manifest(mri.sample(frac=1, random_state=3), tissue.iloc[::-1], limit=10, seed=1)
    pd.testing.assert_frame_equal(joint, shuffled)
    assert set(modality_manifest(mri, tissue, limit=10, seed=2)["path"]) != set(joint["path"])
    assert len(modality_manifest(mri, tissue, limit=10_000)) == len(mri) + len(tissue)


def test_what_cannot_be_joined_is_refused(parts):
    mri, tissue = parts
    with pytest.raises(DatasetError, match="MRI manifest first"):
        modality_manifest(tissue, mri)
    with pytest.raises(DatasetError, match="twice"):
        modality_manifest(mri.assign(label="no_tumor"), mri.assign(label="normal_tissue"))
    with pytest.raises(DatasetError, match="histopathology holds no image"):
        modality_manifest(mri, tissue.iloc[:0])
    with pytest.raises(DatasetError, match="limit"):
        modality_manifest(mri, tissue, limit=0)


@pytest.mark.parametrize("seed", range(4))
def test_grouped_split_shares_nothing(parts, seed):
    manifest = leakage.split(modality_manifest(*parts), "grouped", seed=seed)
    found = leakage.check_split(manifest, show_progress=False)
    assert found.loc["look-alikes", "found"] >= 14
    for column in ("md5", "pixel_hash", "group"):
        parts_of = [set(manifest.loc[manifest["split"] == name, column]) for name in leakage.SPLITS]
        assert sum(map(len, parts_of)) == len(set.union(*parts_of))
    shares = manifest["split"].value_counts(normalize=True)
    assert 0.5 < shares["train"] < 0.85 and shares.min() > 0.04
    assert pd.crosstab(manifest["split"], manifest["label"]).min().min() > 0


def test_written_manifest_is_read_as_a_csv(parts, tmp_path):
    """So the command line trains on the task as on any CSV."""
    joint = modality_manifest(*parts)
    path = write_manifest(tmp_path / "modality.csv", joint)
    again = find_dataset(path, **QUIET).manifest
    pd.testing.assert_frame_equal(again, joint)
