"""Suspicious labels: planted ones come first, and a group does not vouch for itself."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from braintumor_tf.datasets import scan
from braintumor_tf.errors import DatasetError, SplitError
from braintumor_tf.leakage import label_issues
from braintumor_tf.leakage.label_issues import find_label_issues

OPTIONS = {"folds": 4, "show_progress": False}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(label_issues, "TREES", 60)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    """Forty images with a bright left (glioma) or right half (no_tumor), each a group of its own."""
    root, generator = tmp_path_factory.mktemp("labels") / "set", np.random.default_rng(0)
    for number in range(40):
        label = ("glioma", "no_tumor")[number % 2]
        pixels = generator.normal(90, 12, (64, 64))
        pixels[:, :32] += 40 if label == "glioma" else 0
        pixels[:, 32:] += 40 if label == "no_tumor" else 0
        path = root / label / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.uint8(np.clip(pixels, 0, 255))).save(path)
    table = scan(root, cache=False, show_progress=False).manifest
    return table.assign(group=[f"g{n}" for n in range(len(table))])


def swapped(manifest: pd.DataFrame, rows: list[int]) -> pd.DataFrame:
    labels = manifest["label"].to_numpy().copy()
    labels[rows] = np.where(labels[rows] == "glioma", "no_tumor", "glioma")
    return manifest.assign(label=labels)


def test_planted_wrong_labels_come_first_with_the_right_label_suggested(manifest):
    wrong = [3, 11, 27]
    found = find_label_issues(swapped(manifest, wrong), **OPTIONS)
    assert set(np.argsort(found.scores)[:3]) == set(wrong)
    first = found.issues[:3]
    assert {row["path"] for row in first} == set(manifest["path"].iloc[wrong])
    right = manifest.set_index("path")["label"]
    assert all(row["suggested"] == right[row["path"]] and row["label"] != row["suggested"] for row in found.issues[:3])
    assert [row["score"] for row in found.issues] == sorted(row["score"] for row in found.issues)
    assert found.accuracy == pytest.approx(37 / 40, abs=0.06) and (found.images, found.folds) == (40, 4)


def test_clean_labels_are_not_suspicious(manifest):
    found = find_label_issues(manifest, **OPTIONS)
    assert found.issues == [] and found.accuracy == 1.0 and found.scores.min() > 0.3


def test_a_group_does_not_vouch_for_its_own_labels(manifest):
    """Six images filed wrongly under one patient: with the others of the patient in training they would look right."""
    patient = manifest.index[manifest["label"] == "glioma"][:6]
    table = swapped(manifest, list(patient))
    small = np.asarray(Image.open(table["path"][patient[0]]))
    apart = find_label_issues(table, **OPTIONS).scores[patient]
    joined = find_label_issues(table.assign(group=table["group"].mask(table.index.isin(patient), "p")), **OPTIONS)
    assert small.shape == (64, 64) and joined.scores[patient].mean() < apart.mean()
    assert set(np.argsort(joined.scores)[:6]) == set(patient)


def test_the_origin_and_its_label_are_named_where_known(manifest):
    table = swapped(manifest, [3]).assign(origin="", origin_label="")
    table.loc[3, ["origin", "origin_label"]] = ["figshare", "glioma"]
    [row] = [row for row in find_label_issues(table, **OPTIONS).issues if row["path"] == table["path"][3]]
    assert (row["origin"], row["origin_label"]) == ("figshare", "glioma")


def test_folds_are_no_more_than_the_rarest_class_has_groups(manifest):
    glioma = manifest[manifest["label"] == "glioma"]
    table = pd.concat([glioma.assign(group=["a", "b"] * 10), manifest[manifest["label"] != "glioma"]])
    assert find_label_issues(table.reset_index(drop=True), folds=5, show_progress=False).folds == 2


def test_one_class_or_one_group_of_a_class_is_refused(manifest):
    glioma = manifest["label"] == "glioma"
    with pytest.raises(SplitError, match="there is only glioma"):
        find_label_issues(manifest[glioma], **OPTIONS)
    with pytest.raises(SplitError, match="class glioma has one group"):
        find_label_issues(manifest.assign(group=manifest["group"].mask(glioma, "one")), **OPTIONS)


def test_without_cleanlab_the_error_says_how_to_install_it(manifest, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DatasetError, match=r'pip install "braintumor_tf\[labels\]"'):
        find_label_issues(manifest, **OPTIONS)


def test_the_same_seed_gives_the_same_scores(manifest):
    once, again = (find_label_issues(swapped(manifest, [3]), **OPTIONS).scores for _ in range(2))
    np.testing.assert_array_equal(once, again)
