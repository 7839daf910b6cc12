"""The judgement which of several published pictures an image is, or that it is none of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

LEAST_CORRELATION = 0.9
"""Correlation of the details, once aligned, from which an image is a published picture."""

LEAD = 0.02
"""By how much the best must lead before a picture of another patient."""


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


def decide(found: Found, rows: pd.DataFrame, details: np.ndarray) -> Found:
    """Chooses one published picture for each image that is one."""
    order = np.lexsort((found.picture, -found.correlation, found.image))
    found = Found(*(column[order] for column in found))
    best = np.unique(found.image, return_index=True)[1]
    best = best[found.correlation[best] >= LEAST_CORRELATION]
    return Found(*(column[best] for column in found))
