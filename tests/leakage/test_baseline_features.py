"""What the shortcut baselines look at, pixel by pixel, and the leak curve against comparing all pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets import scan
from braintumor_tf.leakage import BASELINES, leak_curve, predict_baselines
from braintumor_tf.leakage.baseline_models import (
    border_features,
    metadata_features,
    pixel_features,
    thumbnail_features,
)
from tests.leakage.conftest import picture, save


@pytest.fixture
def manifest(tmp_path):
    """Three pictures whose thumbnails are themselves, one of another size and kind of file."""
    for number in range(3):
        save(picture(number, 64), tmp_path / "glioma" / f"{number}.png")
    save(picture(7).resize((120, 60)), tmp_path / "no_tumor" / "wide.bmp")
    return scan(tmp_path, cache=False, show_progress=False).manifest


def pixels_of(path: str) -> np.ndarray:
    return np.asarray(Image.open(path).resize((64, 64), Image.Resampling.BOX), float)


def test_metadata_are_six_numbers_about_the_file(manifest):
    found = metadata_features(manifest)
    assert found.shape == (4, 6) and found.dtype == np.float32
    sizes = [Path(path).stat().st_size for path in manifest["path"]]
    for row, size, side in zip(found, sizes, (64, 64, 64)):
        assert row[:5].tolist() == pytest.approx([side, side, 1, size, size / side**2])
    assert found[3, :5].tolist() == pytest.approx([120, 60, 2, sizes[3], sizes[3] / 7200])
    assert len(set(found[:3, 5])) == 1 and found[3, 5] != found[0, 5]
    other = metadata_features(manifest.assign(path=manifest["path"].where(manifest["label"] == "no_tumor", __file__)))
    assert other[0, 5] == -1


def test_the_border_is_three_pixels_wide_on_every_side(manifest):
    found = border_features(manifest)
    assert found.shape == (4, 64 * 64 - 58 * 58) and found.dtype == np.float32
    for row, path in zip(found, manifest["path"]):
        small = pixels_of(path)
        sides = [*small[3:61, :3].ravel(), *small[3:61, 61:].ravel()]
        assert sorted(row) == sorted([*small[:3].ravel(), *small[61:].ravel(), *sides])


def test_thumbnails_are_means_of_four_pixels_and_pixels_are_shares_of_255(manifest):
    for row, whole, path in zip(thumbnail_features(manifest), pixel_features(manifest), manifest["path"]):
        small = pixels_of(path)
        means = (small[::2, ::2] + small[1::2, ::2] + small[::2, 1::2] + small[1::2, 1::2]) / 4
        np.testing.assert_allclose(row, means.ravel())
        np.testing.assert_allclose(whole, small.ravel() / 255, rtol=1e-6)


@pytest.fixture(scope="module")
def blended(tmp_path_factory):
    """Twelve training images, and eighteen test images that hold more or less of one of them."""
    root = tmp_path_factory.mktemp("blended")
    for number in range(12):
        save(picture(number, 64), root / "train" / ("glioma", "no_tumor")[number % 2] / f"{number:02}.png")
    for number in range(18):
        own, strange = (np.asarray(picture(seed, 64), float) for seed in (number % 12, 100 + number))
        share = number / 17
        image = Image.fromarray(np.uint8((1 - share) * own + share * strange))
        save(image, root / "test" / ("glioma", "no_tumor")[number % 3 == 0] / f"{number:02}.png")
    return scan(root, cache=False, show_progress=False).manifest


def test_the_leak_curve_equals_comparing_every_pair(blended):
    curve = leak_curve(blended)
    assert curve["threshold"].tolist() == [1.01, 0.995, 0.99, 0.98, 0.97, 0.95, 0.925, 0.9, 0.85, 0.8]
    train, test = (blended[blended["split"] == name].reset_index(drop=True) for name in ("train", "test"))
    shown = [np.array([pixels_of(path).ravel() for path in part["path"]]) for part in (train, test)]
    alike = np.corrcoef(*shown)[12:, :12]
    for row in curve.itertuples():
        right = hidden = images = 0
        for place, values in enumerate(alike):
            left = [(value, number) for number, value in enumerate(values) if value < row.threshold]
            hidden += len(left) < 12
            images += bool(left)
            right += bool(left) and train["label"][max(left)[1]] == test["label"][place]
        assert (row.images, row.hidden_share) == (images, pytest.approx(hidden / 18))
        assert row.accuracy == pytest.approx(right / images)
    assert 0 < curve["hidden_share"].iloc[1] < curve["hidden_share"].iloc[-1] < 1


def test_where_everything_is_hidden_there_is_no_accuracy(blended):
    row = leak_curve(blended, thresholds=(-1.01,)).iloc[0]
    assert np.isnan(row["accuracy"]) and (row["hidden_share"], row["images"]) == (1, 0)


def test_another_split_is_scored_where_asked(blended):
    renamed = blended.assign(split=blended["split"].replace("test", "validation"))
    assert leak_curve(renamed, split="validation").equals(leak_curve(blended))
    assert (leak_curve(renamed)["images"] == 0).all()


@pytest.fixture(scope="module")
def moved(blended):
    """With one of the test images in validation."""
    return blended.assign(split=blended["split"].mask(blended["path"].str.endswith("/17.png"), "validation"))


@pytest.fixture(scope="module")
def predicted(moved):
    return predict_baselines(moved, ("glioma", "no_tumor"))


def test_the_nearest_neighbour_is_a_one_nearest_neighbour_and_both_parts_are_predicted(moved, predicted):
    found = predicted["nearest_neighbour"]
    assert found["split"].value_counts().to_dict() == {"test": 17, "validation": 1}
    train = moved[moved["split"] == "train"]

    def halved(path: str) -> np.ndarray:
        return pixels_of(path).reshape(32, 2, 32, 2).mean(axis=(1, 3))

    shown = [halved(path) for path in train["path"]]
    for row in found.itertuples():
        distances = [np.linalg.norm(halved(row.path) - one) for one in shown]
        assert row.predicted == train["label"].iloc[int(np.argmin(distances))]
        assert (row.p_glioma, row.p_no_tumor) == ((1, 0) if row.predicted == "glioma" else (0, 1))


def test_probabilities_stand_under_their_class_in_whatever_order(moved, predicted):
    turned = predict_baselines(moved, ("no_tumor", "pituitary", "glioma"))
    for name, table in predicted.items():
        assert list(turned[name])[5:] == ["p_no_tumor", "p_pituitary", "p_glioma"]
        assert not turned[name]["p_pituitary"].any()
        for column in ("p_no_tumor", "p_glioma"):
            np.testing.assert_allclose(turned[name][column], table[column])


def test_a_baseline_learns_from_training_images_alone(moved, predicted):
    """Labels of the scored images that are turned round must change nothing that is predicted."""
    turned = moved["label"].map({"glioma": "no_tumor", "no_tumor": "glioma"})
    lied = moved.assign(label=moved["label"].where(moved["split"] == "train", turned))
    for name, table in predict_baselines(lied, ("glioma", "no_tumor")).items():
        np.testing.assert_array_equal(table["p_glioma"], predicted[name]["p_glioma"], err_msg=name)


@pytest.mark.parametrize(("images", "components"), [(12, 11), (201, 200), (5000, 200)])
def test_the_settings_of_the_classifiers(images, components):
    made = {name: classifier(images, 7).get_params() for name, (_, classifier) in BASELINES.items()}
    pca = made["pca_logistic_regression"]
    assert (pca["pca__n_components"], pca["logisticregression__C"]) == (components, 0.1)
    assert pca["pca__random_state"] == made["metadata"]["random_state"] == 7
    assert made["border"]["extratreesclassifier__random_state"] == 7
    assert (made["metadata"]["n_estimators"], made["metadata"]["class_weight"]) == (300, "balanced")
    assert made["nearest_neighbour"]["n_neighbors"] == 1
