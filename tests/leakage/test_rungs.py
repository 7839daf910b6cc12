"""The rungs of the leak ladder: what each split keeps on one side, and what its test images share with training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.errors import SplitError
from braintumor_tf.leakage import RUNGS, count_leaks, rung_splits, split

CLASSES = ("glioma", "no_tumor")


@pytest.fixture(scope="module")
def manifest() -> pd.DataFrame:
    """60 patients of five slices: the first two of each are near-duplicates; every sixth patient is not known."""
    rows = [
        (f"/x/{patient:02}_{slice_}.png", CLASSES[patient % 2], "" if patient % 6 == 5 else f"p{patient}")
        for patient in range(60)
        for slice_ in range(5)
    ]
    table = pd.DataFrame(rows, columns=["path", "label", "patient"])
    return table.assign(source="made", origin="", split="", group="", pixel_hash=[f"{n:010}" for n in range(len(rows))])


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    return pd.DataFrame({"first": np.arange(60) * 5, "second": np.arange(60) * 5 + 1})


def sides(manifest: pd.DataFrame, keys: pd.Series) -> int:
    """How many keys have images both in training and in the test set."""
    parts = manifest[(keys != "") & manifest["split"].isin(["train", "test"])].groupby(keys)["split"].nunique()
    return int((parts > 1).sum())


def test_each_rung_keeps_what_its_name_says(manifest, pairs):
    splits, leaks = rung_splits(manifest, seed=1, pairs=pairs)
    assert tuple(splits) == tuple(leaks) == RUNGS
    twins = pd.Series(np.where(np.arange(300) % 5 < 2, (np.arange(300) // 5).astype(str), ""), index=manifest.index)
    people = manifest["patient"]
    assert sides(splits["random"], twins) > 5 and sides(splits["random"], people) > 20
    assert sides(splits["look-alike"], twins) == 0 and sides(splits["look-alike"], people) > 20
    assert sides(splits["patient"], twins) == 0 and sides(splits["patient"], people) == 0
    for rung in RUNGS:
        assert set(splits[rung]["group"]) == set(splits["patient"]["group"])  # what intervals resample
        assert (splits[rung]["path"] == manifest["path"]).all()
    expected = split(splits["patient"], "grouped", seed=1)
    assert splits["patient"]["split"].tolist() == expected["split"].tolist()  # the default of everything else


def test_leaks_are_counted_one_by_one(manifest, pairs):
    splits, leaks = rung_splits(manifest, seed=2, pairs=pairs)
    for rung, rows in splits.items():
        side = rows["split"].tolist()
        test = [n for n in range(300) if side[n] == "test"]
        near = [n for n in test if n % 5 < 2 and side[n + 1 - 2 * (n % 5)] == "train"]
        known = [n for n in test if manifest["patient"][n]]
        same = [n for n in known if "train" in side[n // 5 * 5 : n // 5 * 5 + 5]]
        found = leaks[rung]
        assert (found.images, found.near_duplicates) == (len(test), len(near))
        assert (found.known_patients, found.same_patient) == (len(known), len(same))
        assert found.groups == rows.loc[rows["split"] == "test", "group"].nunique()


def test_without_patients_the_last_two_rungs_are_one(manifest, pairs):
    splits, leaks = rung_splits(manifest.assign(patient=""), pairs=pairs)
    assert splits["look-alike"]["split"].equals(splits["patient"]["split"])
    assert leaks["patient"].known_patients == leaks["random"].same_patient == 0


def test_patients_that_join_nothing_change_no_split(manifest):
    """Each patient's slices are look-alikes of one another: the groups are the same under other names."""
    chain = pd.DataFrame({"first": np.arange(299), "second": np.arange(1, 300)})
    within = chain[chain["first"] // 5 == chain["second"] // 5].reset_index(drop=True)
    splits, _ = rung_splits(manifest, pairs=within)
    assert splits["look-alike"]["split"].equals(splits["patient"]["split"])
    missing = within[within["first"] != 7].reset_index(drop=True)  # one patient in two groups
    splits, _ = rung_splits(manifest, pairs=missing)
    assert not splits["look-alike"]["split"].equals(splits["patient"]["split"])


def test_a_split_takes_no_notice_of_patients_where_asked(manifest):
    rows = manifest.assign(group=manifest["path"])
    assert sides(split(rows, "grouped", patients=False), rows["patient"]) > 20
    assert sides(split(rows, "grouped"), rows["patient"]) == 0


def test_equal_numbers_of_two_data_sets_are_two_patients():
    rows = pd.DataFrame({"split": ["train", "test"], "group": ["a", "b"], "patient": "7", "source": ["one", "two"]})
    found = count_leaks(rows)
    assert (found.known_patients, found.same_patient) == (1, 0)
    assert count_leaks(rows.assign(source="one")).same_patient == 1


def test_too_few_groups_are_refused(manifest, pairs):
    few = manifest.iloc[:10].reset_index(drop=True)
    with pytest.raises(SplitError, match="1 group .*; 3 parts"):
        rung_splits(few, pairs=pairs.iloc[:2])
