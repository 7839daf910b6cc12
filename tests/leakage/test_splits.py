"""Splits: groups never straddle, classes keep their shares, seeds decide, errors say what to do."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf.datasets.manifest import COLUMNS
from braintumor_tf.errors import SplitError
from braintumor_tf.leakage import OVERLAP, near_duplicate_in_training, split, splits

CLASSES = ("glioma", "meningioma", "no_tumor")


def made_manifest(seed: int = 0, groups: int = 60, largest: int = 9, official: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(groups):
        label = CLASSES[number % len(CLASSES)]
        for member in range(rng.integers(1, largest + 1)):
            where = ("test" if rng.random() < 0.2 else "train") if official else ""
            name = f"{number:03}_{member}"
            rows.append((f"/x/{name}.jpg", label, where, "made", 64, 64, name, name, "0" * 16, f"g{number:03}"))
    return pd.DataFrame(rows, columns=COLUMNS[:10])


def straddling(manifest: pd.DataFrame) -> int:
    return int((manifest.groupby("group")["split"].nunique() > 1).sum())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), protocol=st.sampled_from(["grouped", "kfold"]), largest=st.integers(1, 20))
def test_groups_never_straddle(seed, protocol, largest):
    result = split(made_manifest(seed, largest=largest), protocol, seed=seed)
    assert straddling(result) == 0
    assert set(result["split"]) == {"train", "validation", "test"}
    assert not near_duplicate_in_training(result, result).any()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_every_class_keeps_its_share(seed):
    result = split(made_manifest(seed, groups=300), "grouped", seed=seed)
    shares = pd.crosstab(result["label"], result["split"], normalize="index")
    assert np.abs(shares[["train", "validation", "test"]].to_numpy() - [0.7, 0.15, 0.15]).max() < 0.06


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_every_class_keeps_its_share_in_every_fold(seed):
    manifest = made_manifest(seed, groups=300)
    for fold in range(5):
        result = split(manifest, "kfold", seed=seed, folds=5, fold=fold)
        shares = pd.crosstab(result["label"], result["split"], normalize="index")
        wanted = [0.8 * 0.7 / 0.85, 0.8 * 0.15 / 0.85, 0.2]
        assert np.abs(shares[["train", "validation", "test"]].to_numpy() - wanted).max() < 0.04


def test_test_groups_are_as_large_as_training_groups():
    """Largest-first allocation would leave the small parts with singletons alone."""
    result = split(made_manifest(1, groups=600), "grouped")
    size = result.groupby("group")["path"].transform("size")
    means = size.groupby(result["split"]).mean()
    assert abs(means["test"] - means["train"]) < 0.8


@pytest.mark.parametrize("protocol", ["grouped", "random", "kfold"])
def test_seed_decides_and_row_order_does_not(protocol):
    manifest = made_manifest(2)
    first = split(manifest, protocol, seed=5)
    shuffled = split(manifest.sample(frac=1, random_state=1), protocol, seed=5)
    assert shuffled.sort_index()["split"].tolist() == first["split"].tolist()
    assert split(manifest, protocol, seed=6)["split"].tolist() != first["split"].tolist()


def test_random_leaks_and_the_near_duplicates_tell():
    result = split(made_manifest(3), "random")
    assert straddling(result) > 10
    leaked = near_duplicate_in_training(result, result)
    assert leaked[result["split"] == "test"].mean() > 0.5
    assert not leaked[result["split"] == "train"].any()


def test_three_groups_a_class_are_enough_and_two_are_not():
    three = split(made_manifest(groups=9), "grouped")
    assert (pd.crosstab(three["label"], three["split"]) > 0).all(axis=None)
    with pytest.raises(SplitError, match="class .* has 2 groups"):
        split(made_manifest(groups=6), "grouped")


def test_folds_cover_every_image_once():
    manifest = made_manifest(4)
    tested = [split(manifest, "kfold", folds=4, fold=fold).query("split == 'test'")["path"] for fold in range(4)]
    assert sorted(pd.concat(tested)) == sorted(manifest["path"])


def test_official_keeps_the_test_images_and_cuts_validation_by_group():
    manifest = made_manifest(5, official=True)
    result = split(manifest, "official")
    assert ((result["split"] == "test") == (manifest["split"] == "test")).all()
    rest = result[result["split"] != "test"]
    assert straddling(rest) == 0
    assert (rest["split"] == "validation").mean() == pytest.approx(0.15 / 0.85, abs=0.05)


def test_official_keeps_an_official_validation_set():
    manifest = made_manifest(5, official=True)
    manifest.loc[manifest.index[::7], "split"] = "validation"
    assert split(manifest, "official")["split"].tolist() == manifest["split"].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "patientwise"}, "must be one of grouped"),
        ({"fractions": (0.7, 0.2, 0.2)}, "add up to 1"),
        ({"fractions": (1.1, -0.1, 0)}, "not negative"),
        ({"protocol": "official"}, "no official train and test"),
        ({"protocol": "kfold", "folds": 5, "fold": 5}, "fold 5 of 5"),
        ({"protocol": "external"}, "external manifest goes with"),
    ],
)
def test_errors_say_what_to_do(options, message):
    with pytest.raises(SplitError, match=message):
        split(made_manifest(), **options)


def test_external_images_seen_in_training_are_set_apart(near_duplicates):
    manifest, outside, overlapping = near_duplicates
    result = split(manifest, "external", external=outside)
    assert len(result) == len(manifest) + len(outside)
    assert set(result.loc[result["split"] == OVERLAP, "path"]) == overlapping
    assert set(result.loc[result["split"] == "test", "path"]) == set(outside["path"]) - overlapping
    with pytest.raises(SplitError, match="has the class tumor"):
        split(manifest, "external", external=outside.assign(label="tumor"))


def many_patients(seed: int, groups: int, largest: int) -> pd.DataFrame:
    """Mostly single images and a few patients with very many, of one or two classes."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(groups):
        images = int(rng.integers(largest // 2, largest)) if number % 12 == 0 else 1
        labels = rng.choice(CLASSES, size=2, replace=False)
        for member in range(images):
            name = f"{number:03}_{member}"
            label = labels[member % 2] if number % 24 == 0 else labels[0]
            rows.append((f"/x/{name}.jpg", label, "", "made", 64, 64, name, name, "0" * 16, f"g{number:03}"))
    return pd.DataFrame(rows, columns=COLUMNS[:10])


def worst_share(parts: pd.DataFrame, wanted: dict[str, float]) -> float:
    shares = pd.crosstab(parts["label"], parts["split"], normalize="index").reindex(columns=list(wanted), fill_value=0)
    return float((shares - pd.Series(wanted)).abs().to_numpy().max())


def test_classes_stay_balanced_although_some_groups_are_large(monkeypatch):
    manifest, wanted = many_patients(5, 160, 24), {"train": 0.7, "validation": 0.15, "test": 0.15}
    worst = [worst_share(split(manifest, "grouped", seed=seed), wanted) for seed in range(8)]
    monkeypatch.setattr(splits, "ORDERS", 1)
    first = [worst_share(split(manifest, "grouped", seed=seed), wanted) for seed in range(8)]
    assert max(first) > 0.05 and max(worst) <= 0.035
    assert all(now <= before for now, before in zip(worst, first))


@pytest.mark.parametrize(("groups", "largest"), [(splits.MANY_GROUPS - 1, 24), (600, 3)])
def test_small_and_balanced_sets_keep_their_first_order(groups, largest, monkeypatch):
    manifest = many_patients(3, groups, largest)
    found = [split(manifest, "grouped", seed=seed)["split"].tolist() for seed in range(3)]
    monkeypatch.setattr(splits, "ORDERS", 1)
    assert found == [split(manifest, "grouped", seed=seed)["split"].tolist() for seed in range(3)]
