"""The judgement which of several published pictures an image is, or that it is none of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

LEAST_CORRELATION = 0.92
"""Correlation of the details, once aligned, from which an image is a published picture."""

LEAD = 0.02
"""How far a picture may stay behind the best and still be taken for as good."""


class Found(NamedTuple):
    """Pairs of an image and a published picture.

    Attributes:
        image: positions among the images, int64 of shape ``(pairs,)``.
        picture: positions among the published pictures.
        maps: shape ``(pairs, 2, 3)``: where a point of the published picture lies in the image, in shares of the
            frames from their middles.
        correlation: of the details over the overlap, 0 to 1.
    """

    image: np.ndarray
    picture: np.ndarray
    maps: np.ndarray
    correlation: np.ndarray


def decide(found: Found, rows: pd.DataFrame) -> Found:
    """Chooses one published picture for each image that is one.

    The best picture wins. Others that stay behind it by `LEAD` at most may be as good: of one patient they do not
    matter, and where the best has no patient but one of these has, that one is taken. If they are of several
    patients, nothing tells which it is, and the image stays unknown.

    Args:
        found: pairs, in any order; a pair may stand twice.
        rows: the published pictures with the columns ``origin`` and ``patient``.

    Returns:
        At most one pair for each image, sorted by image.

    Example:
        >>> rows = pd.DataFrame({"origin": "a", "patient": ["Ann", "Ann", "Ben"]})
        >>> def pairs(*correlations):
        ...     count = len(correlations)
        ...     images, pictures = np.zeros(count, int), np.arange(count)
        ...     return Found(images, pictures, np.zeros((count, 2, 3)), np.array(correlations))
        >>> [decide(pairs(*row), rows).picture.tolist() for row in [(0.98, 0.97, 0.9), (0.98, 0.9, 0.97), (0.9, 0.8, 0)]]
        [[0], [], []]
    """
    order = np.lexsort((found.picture, -found.correlation, found.image))
    found = Found(*(column[order] for column in found))
    starts = np.unique(found.image, return_index=True)[1]
    chosen = []
    for start, end in zip(starts, [*starts[1:], len(found.image)]):
        if found.correlation[start] < LEAST_CORRELATION:
            continue
        good = np.arange(start, end)
        good = good[found.correlation[start:end] >= max(found.correlation[start] - LEAD, LEAST_CORRELATION)]
        known = rows.iloc[found.picture[good]]
        has_patient = (known["patient"] != "").to_numpy()
        if len(set(zip(known["origin"][has_patient], known["patient"][has_patient]))) <= 1:
            chosen.append(good[has_patient][0] if has_patient.any() else good[0])
    return Found(*(column[np.array(chosen, int)] for column in found))
