"""Occlusion: it finds what a predictor reads, in exact pixels, with bounded memory, whatever the predictor is."""

from __future__ import annotations

import numpy as np
import pytest

from braintumor_tf.explanation import ExplanationError, explain, layer_activations
from braintumor_tf.explanation.maps.covered_patches import PIXELS_AT_ONCE, drops
from braintumor_tf.explanation.subject import Subject
from braintumor_tf.models.pca import PCALogisticRegression
from tests.explanation.handmade import WindowReader, pixel_network
from tests.training.toy import toy_image

WINDOW = (slice(4, 12), slice(18, 24))
READER = WindowReader(WINDOW)
BRIGHT = np.full((24, 30), 240, np.uint8)


def test_it_finds_the_window_that_is_read_to_the_pixel():
    heat = explain(READER, BRIGHT, target="bright", patch=2, stride=2, fill=0)
    expected = np.zeros((1, 24, 30))
    expected[(0, *WINDOW)] = 1
    np.testing.assert_allclose(heat, expected, atol=1e-6)
    assert heat.dtype == np.float32


def test_the_drop_is_the_mean_over_the_patches_that_cover_a_pixel():
    image = np.random.default_rng(0).integers(1, 256, (7, 9)).astype("float32")[..., None]
    reader = WindowReader((slice(0, 7), slice(0, 9)))
    found = drops(Subject(reader), image, 1, patch=(3, 4), stride=(2, 3), fill=10)
    total, count = np.zeros((7, 9)), np.zeros((7, 9))
    for top in (0, 2, 4):
        for left in (0, 3, 5):
            covered = (slice(top, top + 3), slice(left, left + 4))
            total[covered] += (image[covered] - 10).sum() / 255 / 63
            count[covered] += 1
    assert (count > 0).all()
    np.testing.assert_allclose(found, total / count, atol=1e-6)


def test_covering_what_speaks_against_a_class_is_no_evidence_for_it():
    assert not explain(READER, BRIGHT, target="dark", patch=4, fill=0).any()
    assert explain(READER, BRIGHT, target="dark", patch=4, fill=255).max() == 1
    np.testing.assert_array_equal(
        explain(READER, BRIGHT, patch=4, fill=0), explain(READER, BRIGHT, target="bright", patch=4, fill=0)
    )


def test_fills():
    image = np.full((20, 20), 100, np.uint8)
    image[8:12, 8:12] = 200
    reader = WindowReader((slice(8, 12), slice(8, 12)))
    found = {fill: drops(Subject(reader), image[..., None].astype("float32"), 1, patch=4, stride=4, fill=fill)
             for fill in ("mean", "blur", 0, 104.0, 200)}  # fmt: skip
    middle = {fill: drop[9, 9] for fill, drop in found.items()}
    assert middle["mean"] == pytest.approx(96 / 255, abs=1e-5) and middle[0] == pytest.approx(200 / 255, abs=1e-5)
    assert middle[104.0] == pytest.approx(middle["mean"], abs=1e-5) and abs(middle[200]) < 1e-6
    assert 0 < middle["blur"] < middle["mean"]


def test_shares_are_of_each_side_and_rgb_is_covered_in_all_channels():
    rgb = np.full((24, 30, 3), 240, np.uint8)
    one, other = (explain(READER, rgb, target=1, fill=0, patch=patch) for patch in (0.2, (5, 6)))
    np.testing.assert_array_equal(one, other)
    whole = drops(Subject(READER), rgb.astype("float32"), 1, patch=1.0, fill=0)
    np.testing.assert_allclose(whole, 240 / 255, atol=1e-6)


def test_patches_overlap_by_half_unless_a_stride_is_given():
    half = explain(READER, BRIGHT, patch=(5, 4), fill=0)
    np.testing.assert_array_equal(half, explain(READER, BRIGHT, patch=(5, 4), stride=(2, 2), fill=0))
    assert np.abs(half - explain(READER, BRIGHT, patch=(5, 4), stride=(5, 4), fill=0)).max() > 0.1


def test_memory_is_bounded_by_the_batch_and_by_the_pixels():
    reader = WindowReader(WINDOW)
    expected = explain(reader, BRIGHT, patch=3, stride=1, batch_size=7)
    assert max(reader.batches) == 7
    np.testing.assert_allclose(explain(reader, BRIGHT, patch=3, stride=1, batch_size=50), expected, atol=1e-6)
    reader.batches.clear()
    explain(reader, np.full((1024, 1024), 240, np.uint8), patch=(256, 1024), stride=(48, 1024), batch_size=50, fill=0)
    assert reader.batches == [1, 16, 1] and PIXELS_AT_ONCE == 16 * 1024**2
    reader.batches.clear()
    drops(Subject(reader), np.broadcast_to(np.float32(240), (4096, 4097, 1)), 1, patch=1.0, fill=0)
    assert reader.batches == [1, 1]


def test_a_network_that_reads_all_pixels_alike_is_explained_by_the_bright_ones():
    image = np.zeros((16, 24), np.uint8)
    image[:8, 12:] = 255
    heat = explain(pixel_network(), image, method="occlusion", target="bright", patch=(4, 6), stride=(4, 6), fill=0)
    np.testing.assert_allclose(heat[0], image / 255, atol=1e-3)


def test_pca_is_explained_by_occlusion_and_gradients_are_refused():
    generator = np.random.default_rng(0)
    labels = [number % 4 for number in range(80)]
    images = np.stack([toy_image(label, generator) for label in labels])[..., None]
    model = PCALogisticRegression(tuple("abcd"), (32, 32), components=20, seed=0)
    model.fit(images, ["abcd"[label] for label in labels])
    heats = explain(model, images[:4], patch=8)
    assert heats.shape == (4, 40, 40)
    for label, heat in enumerate(heats):
        quadrants = heat.reshape(2, 20, 2, 20).sum(axis=(1, 3)).ravel()
        assert quadrants.argmax() == label and quadrants[label] > 0.6 * quadrants.sum()
    for method in ("grad_cam", "attention_rollout"):
        with pytest.raises(ExplanationError, match="does not fit.*occlusion"):
            explain(model, images, method=method)
    with pytest.raises(ExplanationError, match="no layers"):
        layer_activations(model, images)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patch": 0}, "patch 0"),
        ({"patch": 25}, "24 pixels"),
        ({"patch": 1.5}, "share"),
        ({"patch": True}, "patch True"),
        ({"patch": (1, 2, 3)}, "3 sides"),
        ({"patch": 4, "stride": 5}, "left out"),
        ({"stride": -1}, "stride -1"),
        ({"fill": "black"}, "mean, blur"),
        ({"fill": 256}, "0 to 255"),
    ],
)
def test_settings_out_of_range_are_named(settings, words):
    with pytest.raises(ExplanationError, match=words):
        explain(READER, BRIGHT, **settings)
