"""Shortcut baselines find what they are made to find, and nothing where there is nothing."""

import numpy as np
import pytest

from braintumor_tf.datasets import scan
from braintumor_tf.errors import DatasetError, SplitError
from braintumor_tf.leakage import BASELINES, group, leak_curve, predict_baselines, split
from tests.leakage.conftest import picture, save

CLASSES = ("glioma", "no_tumor")


def made_split(root, protocol="random"):
    return split(group(scan(root, cache=False, show_progress=False).manifest), protocol, fractions=(0.6, 0.0, 0.4))


def accuracy(predictions):
    test = predictions[predictions["split"] == "test"]
    return (test["label"] == test["predicted"]).mean()


def test_tables_have_the_columns_of_a_prediction(leaky_folder):
    result = predict_baselines(made_split(leaky_folder), CLASSES)
    assert list(result) == list(BASELINES)
    for table in result.values():
        assert list(table) == ["path", "label", "split", "group", "predicted", "p_glioma", "p_no_tumor"]
        np.testing.assert_allclose(table[["p_glioma", "p_no_tumor"]].sum(axis=1), 1, atol=1e-6)
        assert not (table["split"] == "train").any()


def test_metadata_and_border_find_planted_shortcuts(tmp_path):
    for number in range(40):
        label = CLASSES[number % 2]
        image = picture(number, size=120 if number % 2 else 150)
        framed = image.copy()
        framed.paste(255 if number % 2 else 0, (0, 0, framed.width, 12))
        save(framed, tmp_path / label / f"{number}.png")
    result = predict_baselines(made_split(tmp_path, "grouped"), CLASSES)
    assert accuracy(result["metadata"]) == 1
    assert accuracy(result["border"]) > 0.9


def test_without_a_shortcut_metadata_knows_nothing(tmp_path):
    for number in range(80):
        save(picture(number), tmp_path / CLASSES[number % 2] / f"{number}.bmp")
    assert 0.2 < accuracy(predict_baselines(made_split(tmp_path), CLASSES)["metadata"]) < 0.8


def test_the_leak_curve_falls_when_near_duplicates_are_hidden(tmp_path):
    for number in range(40):
        label = CLASSES[number % 2]
        save(picture(number), tmp_path / "train" / label / f"{number}.png")
        save(picture(number).resize((100, 100)), tmp_path / "test" / label / f"{number}.png")
    manifest = scan(tmp_path, cache=False, show_progress=False).manifest
    curve = leak_curve(manifest, thresholds=(1.01, 0.9, 0.8)).set_index("threshold")
    assert curve.loc[1.01, "accuracy"] == 1 and curve.loc[1.01, "hidden_share"] == 0
    assert curve.loc[0.9, "accuracy"] < 0.8 and curve.loc[0.9, "hidden_share"] == 1


def test_errors(leaky_folder):
    manifest = made_split(leaky_folder)
    with pytest.raises(SplitError, match="not among the classes"):
        predict_baselines(manifest, ("no_tumor", "pituitary"))
    with pytest.raises(SplitError, match="no training images"):
        predict_baselines(manifest.assign(split="test"), CLASSES)
    (leaky_folder / "Training" / "glioma" / "0.png").unlink()
    with pytest.raises(DatasetError, match="cannot be opened"):
        predict_baselines(manifest, CLASSES)
