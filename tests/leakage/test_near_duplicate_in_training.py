"""Which images have a near-duplicate in training: by hand, with missing groups, other splits and other columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.evaluation import score_predictions
from braintumor_tf.leakage import near_duplicate_in_training

ROWS = [
    ("train", "a", False),  # a training image is not its own near-duplicate
    ("train", "a", False),
    ("test", "a", True),
    ("validation", "a", True),
    ("overlap", "a", True),
    ("train", "", False),
    ("test", "", False),  # no group is not a shared group
    ("validation", "b", False),
    ("test", "b", False),  # shared with validation alone
    ("unused", "c", False),
    ("test", "c", False),
]


@pytest.fixture
def manifest() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["split", "group", "expected"])


def test_only_a_group_that_a_training_image_has_counts(manifest):
    assert near_duplicate_in_training(manifest, manifest).tolist() == manifest["expected"].tolist()


def test_some_rows_in_another_order_keep_their_index(manifest):
    some = manifest.iloc[[10, 6, 4, 2]]
    found = near_duplicate_in_training(some, manifest)
    assert found.index.tolist() == [10, 6, 4, 2] and found.tolist() == [False, False, True, True]


def test_rows_without_splits_are_asked_about_as_they_are(manifest):
    found = near_duplicate_in_training(manifest[["group"]], manifest)
    assert found.tolist() == (manifest["group"] == "a").tolist()


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_group_is_no_group(manifest, missing):
    without = manifest.assign(group=manifest["group"].astype(object).replace("", missing))
    assert near_duplicate_in_training(without, without).tolist() == manifest["expected"].tolist()


def test_a_column_of_nothing_but_missing_groups_shares_none(manifest):
    without = manifest.assign(group=np.nan)
    assert not near_duplicate_in_training(without, without).any()


def test_another_column_is_looked_at_alone(manifest):
    manifest = manifest.assign(md5=[str(number) for number in range(len(manifest))])
    assert not near_duplicate_in_training(manifest, manifest, column="md5").any()
    manifest.loc[9, "md5"] = manifest.loc[2, "md5"]  # shared by a test and an unused image
    assert not near_duplicate_in_training(manifest, manifest, column="md5").any()
    manifest.loc[8, "md5"] = manifest.loc[0, "md5"]
    assert near_duplicate_in_training(manifest, manifest, column="md5").to_numpy().nonzero()[0].tolist() == [8]


def test_without_training_images_there_is_none(manifest):
    assert not near_duplicate_in_training(manifest, manifest[manifest["split"] != "train"]).any()


def test_scores_count_the_same_images(manifest):
    labels = ["glioma", "no_tumor"] * len(manifest)
    rows = manifest.assign(path=[f"{n}.png" for n in range(len(manifest))], label=labels[: len(manifest)])
    predictions = rows.assign(predicted=rows["label"], p_glioma=0.5, p_no_tumor=0.5)
    metrics = score_predictions(predictions, rows, ("glioma", "no_tumor"), resamples=0).to_dict()
    test = manifest["split"] == "test"
    assert metrics["twins"]["images"] == manifest["expected"][test].sum() == 1
    assert metrics["clean"]["images"] == 3
