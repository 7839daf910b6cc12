"""Finding all close pairs among 64-bit fingerprints without comparing all pairs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise

import numpy as np

BITS = 64
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd constant (2^64 over the golden ratio): multiplying by it spreads the bits of a key over the high bits."""

_SORT_COST, _PAIR_COST = 9.0, 2.5
"""Relative cost of sorting one key and of checking one candidate pair, as measured: it decides the number of tables."""


def to_bits(hashes: Iterable[str]) -> np.ndarray:
    """Turns hexadecimal fingerprints of 16 digits into a uint64 array."""
    return np.array([int(value, 16) for value in hashes], dtype=np.uint64)


def hamming_pairs(hashes: np.ndarray, distance: int, *, workers: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Finds every pair of fingerprints that differ in at most `distance` bits.

    The 64 bits are cut into `distance + r` blocks. Two fingerprints within the distance agree on at least `r` whole
    blocks, so sorting once by every choice of `r` blocks brings each such pair together: no pair is lost, and the work
    grows like n log n where the fingerprints spread. Source: Manku, Jain, Das Sarma, "Detecting near-duplicates for web
    crawling", WWW 2007. `r` is chosen by the expected cost.

    Args:
        hashes: uint64 array of shape ``(n,)``.
        distance: bits, 0 to 32.
        workers: threads; as many as there are cores by default.

    Returns:
        Two int64 arrays of equal length, positions ``first < second``, sorted; equal fingerprints are pairs too.

    Raises:
        ValueError: `distance` is out of range.

    Example:
        >>> first, second = hamming_pairs(to_bits(["000000000000000f", "000000000000000e", "ffffffffffffffff"]), 2)
        >>> first.tolist(), second.tolist()
        ([0], [1])
    """
    if not 0 <= distance <= BITS // 2:
        raise ValueError(f"distance is {distance}; it must be 0 to {BITS // 2} bits")
    hashes = np.asarray(hashes, dtype=np.uint64)
    unique, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    blocks, kept = _blocks(len(unique), distance)
    masks = _masks(blocks, kept) if distance else []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        found = list(pool.map(lambda mask: _pairs_that_agree(unique, mask, distance), masks))
    codes = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
    left, right = codes // max(len(unique), 1), codes % max(len(unique), 1)
    return _expand(left, right, inverse, counts)


def _blocks(n: int, distance: int) -> tuple[int, int]:
    """The number of blocks, and how many of them must agree, that cost least for `n` spread fingerprints."""

    def cost(kept: int) -> float:
        blocks = distance + kept
        candidates = n / 2.0 ** (BITS * kept / blocks) / 2
        return math.comb(blocks, kept) * (_SORT_COST * math.log2(max(n, 2)) / 20 + _PAIR_COST * candidates)

    best = min(range(1, 7), key=cost)
    return distance + best, best


def _masks(blocks: int, kept: int) -> list[np.uint64]:
    """A mask of bits for every choice of `kept` blocks out of `blocks`."""
    edges = [round(block * BITS / blocks) for block in range(blocks + 1)]
    single = [(1 << high) - (1 << low) for low, high in pairwise(edges)]
    return [np.uint64(sum(choice)) for choice in combinations(single, kept)]


def _pairs_that_agree(unique: np.ndarray, mask: np.uint64, distance: int) -> np.ndarray:
    """Codes ``left * n + right`` of the pairs whose masked bits are equal and that are within the distance."""
    shift = np.uint64(max(len(unique) - 1, 1).bit_length())
    # The masked bits are hashed into the high bits and the position put into the low ones: one plain sort, much faster
    # than argsort, brings equal keys together; a rare collision only adds a candidate that the distance then refuses.
    codes = ((unique & mask) * _MIX) >> shift << shift | np.arange(len(unique), dtype=np.uint64)
    codes.sort()
    order = (codes & ((np.uint64(1) << shift) - np.uint64(1))).astype(np.int64)
    keys, sorted_hashes = codes >> shift, unique[order]
    starts, found = np.arange(len(keys)), []
    for step in range(1, len(keys)):
        starts = starts[: np.searchsorted(starts, len(keys) - step)]
        starts = starts[keys[starts] == keys[starts + step]]
        if not len(starts):
            break
        near = np.bitwise_count(sorted_hashes[starts] ^ sorted_hashes[starts + step]) <= distance
        left, right = order[starts[near]], order[starts[near] + step]
        found.append(np.minimum(left, right) * len(unique) + np.maximum(left, right))
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _expand(
    left: np.ndarray, right: np.ndarray, inverse: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turns pairs of unique fingerprints into pairs of positions, and adds the pairs of equal fingerprints."""
    members = np.split(np.argsort(inverse, kind="stable"), np.cumsum(counts)[:-1]) if len(counts) else []
    several = np.flatnonzero(counts > 1)
    if not len(several):
        first = np.array([members[i][0] for i in range(len(members))], dtype=np.int64)
        pairs = [np.stack([first[left], first[right]], axis=1)] if len(left) else []
    else:
        within = [members[i][np.stack(np.triu_indices(counts[i], 1), axis=1)] for i in several]
        across = [
            np.stack(np.meshgrid(members[a], members[b], indexing="ij"), axis=-1).reshape(-1, 2)
            for a, b in zip(left, right)
        ]
        pairs = within + across
    if not pairs:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    table = np.sort(np.concatenate(pairs), axis=1)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    return table[:, 0], table[:, 1]
