"""Random streams: SFC64 as its author starts it; what neighbouring seeds give has nothing in common."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from braintumor_tf.augment import GaussianNoise, RicianNoise, replay
from braintumor_tf.augment.random_streams import quick_stream, stream

WORD = (1 << 64) - 1


def sfc64(seed: int, count: int) -> list[int]:
    """SFC64 in plain integers: three words of the seed, a counter from 1, twelve rounds thrown away."""
    a = b = c = seed & WORD
    found = []
    for counter in range(1, 13 + count):
        value = (a + b + counter) & WORD
        a = b ^ (b >> 11)
        b = (c + (c << 3)) & WORD
        c = (((c << 24) | (c >> 40)) + value) & WORD
        found.append(value)
    return found[12:]


@pytest.mark.parametrize("seed", [0, 1, 2, 12345, (1 << 63) - 1, (1 << 64) + 7, -1])
def test_a_quick_stream_is_sfc64_after_twelve_rounds(seed: int) -> None:
    assert [int(word) for word in quick_stream(seed, "a").bit_generator.random_raw(5)] == sfc64(seed, 5)


def test_first_draws_of_neighbouring_seeds_have_nothing_in_common() -> None:
    first = np.array([quick_stream(seed, "a").random() for seed in range(4000)])
    assert stats.kstest(first, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.06


@pytest.mark.parametrize("model", [GaussianNoise, RicianNoise])
def test_noise_of_neighbouring_seeds_is_independent_from_the_first_pixel_on(model: type) -> None:
    image = np.full((2, 2), 128, np.float32)
    record = model(8).sample(np.random.default_rng(0))
    noise = np.stack([replay(image, {**record, "seed": seed}) for seed in range(3000)]) - 128
    for row, column in np.ndindex(2, 2):
        pixel = noise[:, row, column]
        assert abs(pixel.mean()) < 0.8 and pixel.std() == pytest.approx(8, rel=0.06)
        assert abs(np.corrcoef(pixel[1:], pixel[:-1])[0, 1]) < 0.08


def test_what_was_drawn_before_leaves_nothing_behind() -> None:
    def draw() -> list[float]:
        rng = quick_stream(5, "a")
        return [float(rng.random(dtype=np.float32)), float(rng.random()), float(rng.random(dtype=np.float32))]

    expected = draw()
    quick_stream(6, "a").random(dtype=np.float32)  # takes half a word and keeps the other half
    assert draw() == expected
    other = quick_stream(6, "b")
    again = quick_stream(5, "a")
    assert other is not again and float(again.random(dtype=np.float32)) == expected[0]


def test_every_part_of_a_key_counts() -> None:
    keys = [(1,), (2,), (0, 1), (1, 1), (1, 2), (0, 0, 1), (0, 1, 1), (1, 0, 1), (0, 0, 0, 1), (0, 1, 0, 1)]
    assert len({stream(*key).random() for key in keys}) == len(keys)
    assert stream(3, 4).random() == stream(3, 4).random() == stream(3 + (1 << 64), 4).random()
