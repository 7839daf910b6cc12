"""Nearest neighbours among vectors by an inverted file: each vector is compared with those of the nearest cells."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

ONE_CELL = 20_000
"""Vectors up to which there is a single cell, so that every two are compared."""

PROBES = 12
"""Cells that are looked through for each vector."""

_SAMPLE_PER_CELL, _ROWS_AT_ONCE = 40, 512


def nearest(
    queries: np.ndarray,
    base: np.ndarray,
    count: int,
    *,
    skip_self: bool = False,
    one_cell: int = ONE_CELL,
    probes: int = PROBES,
    seed: int = 0,
    workers: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the vectors nearest to each query.

    Vectors are dealt to cells around the centres of k-means, about the root of their number. A query is compared with
    the vectors of its nearest cells alone, so the work grows like n to the power of 1.5. Source: Sivic and Zisserman,
    "Video Google", ICCV 2003. With one cell, that is few vectors, the answer is exact.

    Args:
        queries: float32 of shape ``(m, d)``, of length 1.
        base: float32 of shape ``(n, d)``, of length 1.
        count: how many to find for each query; fewer where its cells hold fewer.
        skip_self: leave out the vector with the query's own position.
        one_cell: vectors up to which all are compared.
        probes: cells to look through.
        seed: of k-means.
        workers: threads.

    Returns:
        Positions in `queries` and in `base`, int64, sorted by query.

    Example:
        >>> vectors = np.eye(3, dtype=np.float32)
        >>> nearest(np.array([[0.6, 0.8, 0]], np.float32), vectors, 2)[1].tolist()
        [1, 0]
    """
    if len(base) <= one_cell:
        centres, probes = np.zeros((1, base.shape[1]), np.float32), 1
    else:
        centres = _centres(base, seed)
    cell_of = _closest(base, centres, 1)[:, 0]
    members = np.split(np.argsort(cell_of, kind="stable"), np.cumsum(np.bincount(cell_of, minlength=len(centres)))[:-1])
    probed = _closest(queries, centres, min(probes, len(centres)))
    order = np.argsort(probed, axis=None, kind="stable")
    askers = np.split(order // probed.shape[1], np.searchsorted(probed.ravel()[order], np.arange(1, len(centres))))
    tasks = [
        (rows[start : start + _ROWS_AT_ONCE], cell)
        for rows, cell in zip(askers, members)
        for start in range(0, len(rows) if len(cell) else 0, _ROWS_AT_ONCE)
    ]
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda task: _in_cell(queries, base, *task, count, skip_self), tasks))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    query, position, likeness = (np.concatenate(column) for column in zip(*found))
    best = np.lexsort((position, -likeness, query))
    query, position = query[best], position[best]
    rank = np.arange(len(query)) - np.searchsorted(query, query)
    return query[rank < count], position[rank < count]


def _centres(base: np.ndarray, seed: int) -> np.ndarray:
    cells = round(math.sqrt(len(base)))
    sample = base
    if len(base) > cells * _SAMPLE_PER_CELL:
        sample = base[np.random.default_rng(seed).choice(len(base), cells * _SAMPLE_PER_CELL, replace=False)]
    from sklearn.cluster import KMeans  # imports much, and a prediction needs no cells

    return KMeans(cells, init="random", n_init=1, max_iter=8, random_state=seed).fit(sample).cluster_centers_


def _closest(vectors: np.ndarray, centres: np.ndarray, count: int) -> np.ndarray:
    """The `count` centres closest to each vector, shape ``(len(vectors), count)``."""
    if len(centres) == 1:
        return np.zeros((len(vectors), 1), np.int64)
    half, found = 0.5 * (centres**2).sum(1), np.empty((len(vectors), count), np.int64)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        chunk = slice(start, start + _ROWS_AT_ONCE)
        found[chunk] = np.argpartition(half - vectors[chunk] @ centres.T, count - 1, axis=1)[:, :count]
    return found


def _in_cell(
    queries: np.ndarray, base: np.ndarray, rows: np.ndarray, cell: np.ndarray, count: int, skip_self: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best of one cell for the queries that probe it: query, position, dot product."""
    kept = min(count, len(cell))
    likeness = queries[rows] @ base[cell].T
    if skip_self:
        place = np.searchsorted(cell, rows).clip(max=len(cell) - 1)
        own = np.flatnonzero(cell[place] == rows)
        likeness[own, place[own]] = -np.inf
    best = np.argpartition(likeness, len(cell) - kept, axis=1)[:, len(cell) - kept :]
    values = np.take_along_axis(likeness, best, axis=1)
    good = np.isfinite(values)
    return np.repeat(rows, kept)[good.ravel()], cell[best[good]], values[good]
