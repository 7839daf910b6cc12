"""Which of several published pictures an image is; unknown where nothing tells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from braintumor_tf.identity.placement import Found

LEAST_CORRELATION = 0.92
"""Correlation of the details, once aligned, from which an image is a published picture."""

LEAD = 0.02
"""How far a picture may stay behind the best and still be taken for as good."""


def decide(found: Found, rows: pd.DataFrame) -> Found:
    """Chooses one published picture for each image that is one.

    The best picture wins. Others that stay behind it by `LEAD` at most may be as good: of one patient they do not
    matter, and where the best has no patient but one of these has, that one is taken. If they are of several
    patients of one set, nothing tells which it is, and the image stays unknown. Of two sets, both may hold the picture:
    the best counts, and at a tie that of the set that was given first.

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
        >>> decide(pairs(0.98, 0.97, 0.9), rows).picture.tolist()
        [0]
        >>> decide(pairs(0.98, 0.9, 0.97), rows).picture.tolist()
        []
        >>> decide(pairs(0.98, 0.9, 0.98), rows.assign(origin=["a", "a", "b"])).picture.tolist()
        [0]
    """
    found = found.at(np.lexsort((found.picture, -found.correlation, found.image)))
    best = found.correlation[np.searchsorted(found.image, found.image)]
    found = found.at(found.correlation >= np.maximum(best - LEAD, LEAST_CORRELATION))
    if not len(found.image):
        return found
    names = pd.factorize(rows["origin"].str.cat(rows["patient"], sep="\n"))[0]
    patient = np.where(rows["patient"] != "", names, -1)[found.picture]
    origin = pd.factorize(rows["origin"])[0][found.picture]
    order = np.lexsort((np.arange(len(patient)), patient < 0, found.image))
    start, place = np.unique(found.image, return_index=True, return_inverse=True)[1:]
    first = order[start]
    rivals = (patient >= 0) & (origin == origin[first][place]) & (patient != patient[first][place])
    return found.at(first[np.bincount(place, rivals, minlength=len(start)) == 0])
