"""The gate: which pictures it turns away, with what reason, and that it lets the pictures of its own kind pass."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from skimage import data

from braintumor_tf.datasets import read_image, scan, write_synthetic
from braintumor_tf.datasets.head_crop import head_mask
from braintumor_tf.errors import EvaluationError, RunError
from braintumor_tf.evaluation.gate import MEASURES, Gate, fit_gate, measure_picture, picture_measures
from braintumor_tf.evaluation.gate.gate import mean_distances
from braintumor_tf.leakage import group, split


class Grey:
    """A model without features of one kind, for a gate of pictures alone."""

    classes, image_size, channels, crop = ("no_tumor", "tumor"), (32, 32), 1, None

    def predict_images(self, images, *, batch_size=64):
        return np.full((len(images), 2), 0.5)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    folder = write_synthetic(tmp_path_factory.mktemp("gate") / "mri", seed=1, show_progress=False)
    return split(group(scan(folder, show_progress=False).manifest), seed=0)


@pytest.fixture(scope="module")
def gate(manifest) -> Gate:
    return fit_gate(Grey(), manifest, show_progress=False)


def said(gate: Gate, *pictures: np.ndarray) -> list[tuple[str, ...]]:
    return gate.reasons([measure_picture(picture) for picture in pictures])


def like_ct(grey: np.ndarray) -> np.ndarray:
    """A head with a bright thin skull around a brain of nearly one grey, as CT shows it."""
    mask = head_mask(grey).astype(np.uint8)
    width = 2 * max(2, round(0.03 * max(grey.shape))) + 1
    brain = cv2.erode(mask, np.ones((width, width)))
    noise = np.random.default_rng(0).normal(0, 4, grey.shape)
    return np.clip(np.where(brain, 100 + noise, 250.0 * mask), 0, 255).astype(np.uint8)


def test_pictures_that_are_no_brain_slices_are_turned_away(gate):
    generator = np.random.default_rng(0)
    cases = {
        "one grey level": np.zeros((128, 128), np.uint8),
        "one grey level all": np.full((64, 64, 3), 200, np.uint8),
        "pixels": np.full((16, 200), 80, np.uint8),
        "noise": generator.integers(0, 256, (200, 200)).astype(np.uint8),
    }
    for (words, _), reasons in zip(cases.items(), said(gate, *cases.values())):
        assert reasons and words in " ".join(reasons), (words, reasons)
    assert all(said(gate, data.chelsea(), data.immunohistochemistry()))
    grey = [cv2.cvtColor(data.chelsea(), cv2.COLOR_RGB2GRAY), data.camera(), data.coins(), data.text(), data.page()]
    assert all(said(gate, *grey))


def test_inverted_and_ct_like_slices_are_turned_away_and_test_images_pass(gate, manifest):
    tested = [read_image(path) for path in manifest.loc[manifest["split"] == "test", "path"]]
    passed = [not reasons for reasons in said(gate, *tested)]
    assert np.mean(passed) >= 0.95, f"{len(tested)} test images"
    assert np.mean([bool(reasons) for reasons in said(gate, *(255 - each for each in tested))]) >= 0.95
    assert np.mean([bool(reasons) for reasons in said(gate, *map(like_ct, tested))]) >= 0.95


def test_a_reason_names_the_measure_that_is_beyond_all_training_images(gate, manifest):
    picture = read_image(manifest["path"][0])
    bright = np.pad(picture, 24, constant_values=255)
    assert any("the brightness of the border is above" in reason for reason in said(gate, bright)[0])


def test_measures_agree_with_a_computation_of_their_own(manifest):
    grey = read_image(manifest["path"][0], size=(100, 80))
    named = dict(zip(MEASURES, measure_picture(grey).values))
    values = grey.astype(float)
    assert named["contrast"] == pytest.approx(values.std() / 255)
    assert named["median"] == pytest.approx(np.median(values) / 255)
    assert named["dark"] == pytest.approx((values < 0.1 * np.percentile(values, 99)).mean())
    assert named["head"] == pytest.approx(head_mask(grey).mean()) and named["colour"] == 0
    across, down = (
        np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel()),
        np.corrcoef(values[1:].ravel(), values[:-1].ravel()),
    )
    assert named["smoothness"] == pytest.approx((across[0, 1] + down[0, 1]) / 2, abs=0.02)
    coloured = np.stack([grey, grey, grey], axis=-1)
    np.testing.assert_allclose(measure_picture(coloured).values, measure_picture(grey).values, atol=1e-9)
    coloured[..., 0] = np.minimum(coloured[..., 0].astype(int) + 51, 255)
    assert measure_picture(coloured).values[0] == pytest.approx(0.2, abs=0.02)


def test_the_head_of_a_picture_is_looked_for_once(gate, manifest, monkeypatch):
    counted = []
    monkeypatch.setattr(picture_measures, "head_mask", lambda image: counted.append(image.shape) or head_mask(image))
    said(gate, read_image(manifest["path"][0]))
    assert len(counted) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2), (500, 7), (2, 2, 3)])
def test_any_size_is_measured(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    measured = measure_picture(picture)
    assert np.isfinite(measured.values).all() and np.isfinite(measured.shape).all() and measured.size == shape[:2]


def test_brightness_and_contrast_leave_the_shape_alone(manifest):
    picture = read_image(manifest["path"][0])
    dimmed = (picture * 0.5).astype(np.uint8)
    assert float(measure_picture(picture).shape @ measure_picture(dimmed).shape) > 0.995


def test_distances_are_means_over_the_nearest(gate):
    generator = np.random.default_rng(0)
    points, asked = generator.normal(size=(30, 4)), generator.normal(size=(7, 4))
    expected = np.sort(cdist(asked, points), axis=1)[:, :5].mean(axis=1)
    np.testing.assert_allclose(mean_distances(points, asked), expected, rtol=1e-4)
    assert mean_distances(points[:2], asked).shape == (7,)


def test_limits_come_from_validation_images_without_a_near_duplicate_in_training(manifest):
    leaking = manifest.copy()
    copies = leaking[leaking["split"] == "train"].head(30).assign(split="validation")
    mixed = pd.concat([leaking, copies], ignore_index=True)
    alone, with_copies = (fit_gate(Grey(), rows, show_progress=False) for rows in (manifest, mixed))
    assert with_copies.validation == alone.validation
    for name, part in alone.parts.items():
        assert with_copies.parts[name].limit == pytest.approx(part.limit)


def test_a_gate_is_kept_and_a_damaged_one_is_refused(gate, tmp_path):
    path = gate.write(tmp_path / "gate.npz")
    again = Gate.read(path)
    picture = np.zeros((64, 64), np.uint8)
    assert said(again, picture, data.camera()) == said(gate, picture, data.camera())
    assert (again.reference, again.validation) == (gate.reference, gate.validation)
    for part in gate.parts:
        assert again.parts[part].limit == gate.parts[part].limit
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match=r"gate\.npz: damaged"):
        Gate.read(path)


def test_a_gate_needs_both_splits(manifest):
    with pytest.raises(EvaluationError, match="training and validation images"):
        fit_gate(Grey(), manifest[manifest["split"] == "test"], show_progress=False)
