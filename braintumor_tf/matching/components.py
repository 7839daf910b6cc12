"""Connected components: images that are joined by pairs or by equal keys, directly or by way of others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def number_components(
    images: int, first: Sequence[int] = (), second: Sequence[int] = (), *, keys: Sequence[pd.Series] = ()
) -> np.ndarray:
    """Numbers the components of images.

    Args:
        images: how many there are.
        first: positions of the first images of joined pairs.
        second: positions of the second ones.
        keys: texts, one an image; equal ones join, empty or missing ones do not.

    Returns:
        The number of each image's component, 0 upwards, shape ``(images,)``.

    Example:
        >>> number_components(4, [0], [1], keys=[pd.Series(["", "a", "a", ""])]).tolist()
        [0, 0, 0, 1]
    """
    ends = [(np.asarray(first, int), np.asarray(second, int))]
    for key in keys:
        codes, known = pd.factorize(key.where(key != "").to_numpy(object))
        named = np.flatnonzero(codes >= 0)
        leader = np.empty(len(known), int)
        leader[codes[named]] = named  # any image of a key may stand for it
        ends.append((named, leader[codes[named]]))
    left, right = map(np.concatenate, zip(*ends))
    graph = coo_matrix((np.ones(len(left), bool), (left, right)), shape=(images, images))
    return connected_components(graph, directed=False)[1]


def least_names(names: pd.Series, component: np.ndarray) -> pd.Series:
    """Returns for each image the least name in its component that is not empty, "" where there is none.

    Example:
        >>> least_names(pd.Series(["b", "a", "", ""]), np.array([0, 0, 0, 1])).tolist()
        ['a', 'a', 'a', '']
    """
    known = (names != "").to_numpy()
    least = names[known].groupby(component[known]).min()
    return pd.Series(component, index=names.index).map(least).astype(object).fillna("")
