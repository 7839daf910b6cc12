"""How large each part of a split is, counted by hand, and what two grouped manifests share."""

from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf.datasets.manifest import COLUMNS
from braintumor_tf.errors import SplitError
from braintumor_tf.leakage import OVERLAP, group, split

FRACTIONS = (0.5, 0.3, 0.2)


def apart(images: int, where: str = "", folder: str = "x", tests: int = 0) -> pd.DataFrame:
    """As many images of each of two classes, none like another; the first `tests` of each are official test images."""
    rows = []
    for label in ("glioma", "no_tumor"):
        for number in range(images):
            name = f"{folder}_{label}_{number:03}"
            split_name = "test" if number < tests else where
            rows.append((f"/{name}.png", label, split_name, folder, 64, 64, name, name, "0" * 16, f"g{name}"))
    return pd.DataFrame(rows, columns=COLUMNS[:10])


def counts(result: pd.DataFrame) -> dict[str, int]:
    """The number of images of each part, the same for each of the two classes."""
    table = pd.crosstab(result["split"], result["label"])
    assert (table["glioma"] == table["no_tumor"]).all()
    return table["glioma"].to_dict()


@pytest.mark.parametrize("protocol", ["grouped", "random"])
def test_the_fractions_are_those_of_all_images(protocol):
    assert counts(split(apart(200), protocol, fractions=FRACTIONS)) == {"train": 100, "validation": 60, "test": 40}


def test_the_usual_fractions_are_70_15_and_15_hundredths():
    assert counts(split(apart(200))) == {"train": 140, "validation": 30, "test": 30}


def test_of_k_folds_one_is_tested_and_validation_is_its_share_of_the_rest():
    """A quarter of 160 is tested; of the other 120 validation gets 0.3 / (0.5 + 0.3), which is 45."""
    for fold in range(4):
        found = counts(split(apart(160), "kfold", fractions=FRACTIONS, folds=4, fold=fold))
        assert found == {"train": 75, "validation": 45, "test": 40}


def test_of_five_folds_with_the_usual_fractions_validation_is_fifteen_of_85_parts_of_the_rest():
    """Of 170 the tested fold has 34; of the other 136 validation gets 0.15 / 0.85, which is 24."""
    assert counts(split(apart(170), "kfold")) == {"train": 112, "validation": 24, "test": 34}


def test_an_official_test_set_leaves_validation_its_share_of_the_rest():
    """Of 120 images 40 are tested; of the other 80 validation gets 0.3 / (0.5 + 0.3), which is 30."""
    found = split(apart(120, "train", tests=40), "official", fractions=FRACTIONS)
    assert counts(found) == {"train": 50, "validation": 30, "test": 40}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("holdout", "have the split 'holdout'"),
        (OVERLAP, f"have the split '{OVERLAP}'"),
        ("", "without an official split"),
    ],
)
def test_an_official_split_of_another_name_is_refused(name, words):
    manifest = apart(40, "train", tests=10)
    manifest.loc[20, "split"] = name
    with pytest.raises(SplitError, match=words):
        split(manifest, "official")


def test_without_a_share_for_validation_there_is_none():
    assert counts(split(apart(40), "kfold", fractions=(0.8, 0.0, 0.2), folds=4)) == {"train": 30, "test": 10}


def test_grouped_manifests_of_two_sets_are_compared_anew(near_duplicates):
    """The groups of each set alone say nothing of what the other holds."""
    manifest, outside, overlapping = near_duplicates
    one, two = group(manifest, show_progress=False), group(outside, show_progress=False)
    assert not set(one["group"]) & set(two["group"]) and not (pd.concat([one, two])["group"] == "").any()
    result = split(one, "external", external=two, fractions=(0.25, 0.25, 0.5))
    assert set(result.loc[result["split"] == OVERLAP, "path"]) == overlapping
    assert set(result.loc[result["split"] == "test", "path"]) == set(outside["path"]) - overlapping
    assert set(result.loc[result["split"].isin(["train", "validation"]), "path"]) == set(manifest["path"])
    assert counts(result[result["split"].isin(["train", "validation"])]) == {"train": 3, "validation": 3}


def test_the_official_splits_of_both_sets_are_forgotten_by_an_external_test(near_duplicates):
    manifest, outside, overlapping = near_duplicates
    both = manifest.assign(split="test"), outside.assign(split="train")
    result = split(both[0], "external", external=both[1])
    assert set(result.loc[result["split"].isin(["test", OVERLAP]), "path"]) == set(outside["path"])
    assert set(result.loc[result["split"] == OVERLAP, "path"]) == overlapping
