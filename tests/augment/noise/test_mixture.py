"""Training noise by name and severity: one of several for each image."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from braintumor_tf.augment import NoiseError, describe, noise_at, training_noise
from braintumor_tf.augment.noise import from_description, parse_severities


def test_each_noise_and_severity_comes_equally_often_and_the_rest_stays_clean() -> None:
    noise = training_noise(["gaussian", "salt_and_pepper"], (1, 3), probability=0.5)
    rng = np.random.default_rng(0)
    records = [noise.sample(rng) for _ in range(8000)]
    counts = Counter(None if record is None else record.get("sigma", record.get("amount")) for record in records)
    assert set(counts) == {None, 20.4, 45.9, 0.03, 0.09}
    assert counts.pop(None) / 8000 == pytest.approx(0.5, abs=0.02)
    assert all(count / 8000 == pytest.approx(0.125, abs=0.015) for count in counts.values())


def test_a_single_noise_on_every_image_is_that_noise() -> None:
    assert training_noise(["speckle"], (2,)) == noise_at("speckle", 2)
    mixed = training_noise(["speckle"], (1, 2), probability=0.3)
    assert from_description(describe(mixed)) == mixed


def test_severities_are_read_as_a_number_or_a_range() -> None:
    assert parse_severities("3") == (3,) and parse_severities("1-5") == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("text", ["0", "6", "3-6", "4-2", "-2", "1-", "strong", "", "1.5"])
def test_other_severities_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(NoiseError, match="1 to 5") as caught:
        parse_severities(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (([],), {}),
        ((["gaussian"], ()), {}),
        ((["gaussian", "gaussian"],), {}),
        ((["rain"],), {}),
        ((["gaussian"], (1, 6)), {}),
        ((["gaussian"], (1,)), {"probability": 1.5}),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments: tuple, options: dict) -> None:
    with pytest.raises(NoiseError):
        training_noise(*arguments, **options)
