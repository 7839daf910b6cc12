"""Random grey curves, and several noises in a row."""

from __future__ import annotations

import json

import numpy as np
import pytest

from braintumor_tf.augment import (
    BiasField,
    GaussianBlur,
    GaussianNoise,
    GreyCurve,
    NoiseError,
    NoiseSequence,
    RandomNoise,
    describe,
    replay,
)
from braintumor_tf.augment.noise import from_description
from braintumor_tf.training.presets import Preset
from braintumor_tf.training.remedies.images import scanner_noise
from tests.augment.conftest import smooth_image


def test_a_grey_curve_goes_from_black_through_its_levels_and_is_mixed_with_the_identity():
    ramp = np.tile(np.linspace(0, 255, 256, dtype=np.float64), (3, 1))
    record = {"noise": "GreyCurve", "share": 1.0, "levels": [200.0, 50.0, 120.0, 255.0]}
    curved = replay(ramp, record)[0]
    np.testing.assert_allclose(curved[[0, 64, 128, 191, 255]], [0, 200, 50, 120, 255], atol=3)
    np.testing.assert_allclose(replay(ramp, {**record, "share": 0.25})[0], 0.75 * ramp[0] + 0.25 * curved, atol=0.5)
    assert np.diff(curved).min() < 0 < np.diff(curved).max(), "tissues change places"


def test_a_grey_curve_of_share_0_is_the_identity_and_colours_are_mapped_alike():
    image = np.ascontiguousarray(smooth_image(0, 20, 30)[..., 0])
    assert replay(image, GreyCurve(0).sample(np.random.default_rng(0))).tobytes() == image.tobytes()
    record = GreyCurve(0.8).sample(np.random.default_rng(1))
    colour = np.dstack([image, image[::-1], image[:, ::-1]])
    for channel in range(3):
        alone = replay(np.ascontiguousarray(colour[..., channel]), record)
        np.testing.assert_array_equal(replay(colour, record)[..., channel], alone)
    for wrong in ({"share": 1.2}, {"knots": 0}):
        with pytest.raises(NoiseError, match="GreyCurve"):
            GreyCurve(**wrong)


def test_a_sequence_applies_its_noises_in_order():
    sequence = NoiseSequence([BiasField(0.4), GaussianBlur(2), GaussianNoise(15)])
    image = np.ascontiguousarray(smooth_image(0, 40, 40)[..., 0])
    record = json.loads(json.dumps(sequence.sample(np.random.default_rng(0))))
    expected = image
    for part in record["records"]:
        expected = replay(expected, part)
    np.testing.assert_array_equal(replay(image, record), expected)
    assert [part["noise"] for part in record["records"]] == ["BiasField", "GaussianBlur", "GaussianNoise"]
    assert from_description(describe(sequence)) == sequence and len(sequence.parts) == 3
    with pytest.raises(NoiseError, match="NoiseSequence"):
        NoiseSequence([])


def test_a_sequence_in_which_nothing_happens_is_no_noise():
    sequence = NoiseSequence([RandomNoise([GaussianBlur(1)], probability=0.5), BiasField(0)])
    records = [sequence.sample(np.random.default_rng(seed)) for seed in range(60)]
    assert 15 < sum(record is None for record in records) < 45


def test_the_scanner_of_a_preset_is_what_it_names_and_comes_before_other_noise():
    assert scanner_noise(Preset(), None) is None and scanner_noise(Preset(), GaussianNoise()) == GaussianNoise()
    found = scanner_noise(Preset(grey_curves=0.5, blur=1.0), GaussianNoise(3))
    assert found.parts == (GreyCurve((0, 0.5)), GaussianBlur((0, 1.0)), GaussianNoise(3))
    records = [scanner_noise(Preset(bias_fields=0.3), None).sample(np.random.default_rng(seed)) for seed in range(80)]
    assert 25 < sum(record is not None for record in records) < 55, "half of the images"
