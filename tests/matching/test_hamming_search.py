"""Close fingerprints: none lost, none invented, equal to comparing all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf.matching.hamming_search import hamming_pairs, to_bits


def brute_force(hashes: np.ndarray, distance: int) -> list[tuple[int, int]]:
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None])
    first, second = np.nonzero(np.triu(bits <= distance, 1))
    return list(zip(first.tolist(), second.tolist()))


def found(hashes: np.ndarray, distance: int) -> list[tuple[int, int]]:
    first, second = hamming_pairs(hashes, distance)
    return list(zip(first.tolist(), second.tolist()))


def planted(count: int, flips: int, seed: int) -> np.ndarray:
    """Random fingerprints, half of them copies of the other half with up to `flips` bits turned."""
    rng = np.random.default_rng(seed)
    originals = rng.integers(0, 2**64, count, dtype=np.uint64)
    copies = originals.copy()
    for _ in range(flips):
        copies ^= (np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64)) * (rng.random(count) < 0.7)
    return rng.permutation(np.concatenate([originals, copies]))


@settings(max_examples=25, deadline=None)
@given(distance=st.integers(0, 12), seed=st.integers(0, 10_000))
def test_equals_comparing_all_pairs(distance, seed):
    hashes = planted(150, flips=distance + 2, seed=seed)
    assert found(hashes, distance) == brute_force(hashes, distance)


@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.integers(0, 7), max_size=40), distance=st.integers(0, 4))
def test_equal_and_crowded_fingerprints(values, distance):
    hashes = np.array(values, dtype=np.uint64)
    assert found(hashes, distance) == brute_force(hashes, distance)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_fingerprints(count):
    assert found(np.full(count, 5, dtype=np.uint64), 8) == ([(0, 1)] if count == 2 else [])


def test_no_planted_pair_is_lost_among_many():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 50_000, dtype=np.uint64)
    mask = sum(1 << int(bit) for bit in rng.choice(64, 8, replace=False))
    hashes[25_000:] = hashes[:25_000] ^ np.uint64(mask)
    first, second = hamming_pairs(hashes, 8)
    assert {(i, i + 25_000) for i in range(25_000)} <= set(zip(first.tolist(), second.tolist()))


def test_the_number_of_workers_does_not_matter():
    hashes = planted(2000, 6, seed=3)
    np.testing.assert_array_equal(hamming_pairs(hashes, 6, workers=1), hamming_pairs(hashes, 6, workers=4))


def test_distance_out_of_range():
    with pytest.raises(ValueError, match="distance is 40"):
        hamming_pairs(np.zeros(3, np.uint64), 40)


def test_hexadecimal_fingerprints():
    assert to_bits(["ffffffffffffffff", "0000000000000010"]).tolist() == [2**64 - 1, 16]
