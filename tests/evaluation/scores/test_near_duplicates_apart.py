"""Which scored images count as near-duplicates of training, and what is said of them and of the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.evaluation import score_predictions
from braintumor_tf.leakage import near_duplicate_in_training

CLASSES = ("glioma", "no_tumor")


def table(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """A predictions table of (split, group, label, predicted)."""
    frame = pd.DataFrame(rows, columns=["split", "group", "label", "predicted"])
    stated = np.where(frame["predicted"] == "glioma", 0.8, 0.2)
    paths = [f"{number}.png" for number in range(len(frame))]
    return frame.assign(path=paths, p_glioma=stated, p_no_tumor=1 - stated)


def manifest_of(predictions: pd.DataFrame, *training: tuple[str, str]) -> pd.DataFrame:
    """The manifest of the predicted images, and of others of (split, group)."""
    others = pd.DataFrame(training, columns=["split", "group"]).assign(label="glioma")
    others["path"] = [f"other_{number}.png" for number in range(len(others))]
    columns = ["path", "label", "split", "group"]
    return pd.concat([predictions[columns], others[columns]], ignore_index=True)


def near(predictions: pd.DataFrame, manifest: pd.DataFrame, split: str = "test") -> int:
    """How many images of a split count as near-duplicates of training; the report must count the same."""
    found = score_predictions(predictions, manifest, CLASSES, split=split, resamples=20).to_dict()
    rows = predictions[predictions["split"] == split]
    assert found["twins"]["images"] + found["clean"]["images"] == len(rows)
    assert near_duplicate_in_training(rows, manifest).sum() == found["twins"]["images"]
    return found["twins"]["images"]


FOUR = [
    ("test", "in_training", "glioma", "glioma"),
    ("test", "in_validation", "glioma", "no_tumor"),
    ("test", "in_both", "no_tumor", "no_tumor"),
    ("test", "alone", "no_tumor", "no_tumor"),
    ("validation", "in_validation", "glioma", "glioma"),
    ("validation", "in_both", "glioma", "glioma"),
]


def test_images_of_validation_are_no_training_images():
    predictions = table(*FOUR)
    manifest = manifest_of(predictions, ("train", "in_training"), ("train", "in_both"), ("overlap", "alone"))
    assert near(predictions, manifest) == 2
    assert near(predictions, manifest, "validation") == 1
    found = score_predictions(predictions, manifest, CLASSES).to_dict()
    assert (found["twins"]["accuracy"]["value"], found["clean"]["accuracy"]["value"]) == (1.0, 0.5)
    assert found["twins"]["share"]["value"] == 0.5 and found["twins"]["above_clean"]["value"] == 0.5


def test_without_a_training_image_of_their_group_none_are_near_duplicates():
    predictions = table(*FOUR)
    assert near(predictions, manifest_of(predictions)) == 0
    assert near(predictions, manifest_of(predictions, ("train", "elsewhere"))) == 0


def test_two_images_without_a_group_are_not_near_duplicates():
    predictions = table(*[(split, "", label, predicted) for split, _, label, predicted in FOUR])
    assert near(predictions, manifest_of(predictions, ("train", ""), ("train", "other"))) == 0
    assert score_predictions(predictions, manifest_of(predictions), CLASSES).to_dict()["groups"] == 4


@pytest.mark.parametrize("nothing", [np.nan, None])
def test_a_missing_group_is_no_named_group(nothing):
    predictions = table(*FOUR)
    predictions["group"] = predictions["group"].astype(object).mask(predictions["group"] == "alone", nothing)
    assert near(predictions, manifest_of(predictions, ("train", "in_training"), ("train", ""))) == 1


def test_two_images_whose_groups_are_missing_are_not_near_duplicates():
    predictions = table(*[(split, "", label, predicted) for split, _, label, predicted in FOUR])
    assert near(predictions.assign(group=np.nan), manifest_of(predictions, ("train", "")).assign(group=np.nan)) == 0


def test_group_numbers_are_compared_as_text():
    """A CSV whose groups are all digits may be read as numbers on one side."""
    predictions = table(("test", "7", "glioma", "glioma"), ("test", "8", "no_tumor", "glioma"))
    manifest = manifest_of(predictions, ("train", "7")).astype({"group": int})
    assert near(predictions, manifest) == 1
