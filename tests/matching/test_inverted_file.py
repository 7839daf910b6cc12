"""Nearest neighbours against comparing everything: exact with one cell, nearly so with many."""

from __future__ import annotations

import numpy as np
import pytest

from braintumor_tf.matching.inverted_file import nearest


def planted(count: int, seed: int = 0) -> np.ndarray:
    """Directions, the second half of them near those of the first half."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(count // 2, 24))
    both = np.concatenate([first, first + 0.25 * rng.normal(size=first.shape)])
    return (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("skip_self", [False, True])
def test_one_cell_gives_what_comparing_everything_gives(skip_self):
    base, queries = planted(300), planted(300)
    likeness = queries @ base.T
    if skip_self:
        np.fill_diagonal(likeness, -2)
    query, found = nearest(queries, base, 4, skip_self=skip_self)
    assert query.tolist() == np.repeat(np.arange(300), 4).tolist()
    np.testing.assert_array_equal(found.reshape(300, 4), np.argsort(-likeness, axis=1)[:, :4])


def test_many_cells_find_nearly_all_planted_neighbours_and_the_same_ones_each_time():
    base = planted(3000)
    query, found = nearest(base, base, 3, skip_self=True, one_cell=100, probes=12)
    pairs = set(zip(query.tolist(), found.tolist()))
    assert np.mean([(number, number + 1500) in pairs for number in range(1500)]) > 0.97
    again = nearest(base, base, 3, skip_self=True, one_cell=100, probes=12)
    np.testing.assert_array_equal(again[1], found)
    assert (query != found).all() and np.bincount(query).max() <= 3


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_vectors(count):
    base = np.eye(3, dtype=np.float32)[:count]
    query, found = nearest(base, base, 5, skip_self=True)
    assert len(query) == count * (count - 1) and (query != found).all()
