"""Which pictures are the same: near-duplicate pairs by perceptual hash, confirmed by the correlation of thumbnails."""

from __future__ import annotations

import numpy as np
import pandas as pd

from braintumor_tf.datasets.manifest import thumbnails
from braintumor_tf.matching.hamming_search import hamming_pairs, to_bits

DISTANCE = 8
"""Bits in which two 64-bit perceptual hashes may differ to make a candidate pair."""

CORRELATION = 0.9
"""Correlation of two 64x64 grey thumbnails from which a candidate pair counts as near-duplicates."""

SAME_PICTURE = 0.99
"""Correlation of two thumbnails from which near-duplicates are taken for one picture, in another encoding or size."""

_PAIRS_AT_ONCE = 4096


def near_pairs(
    manifest: pd.DataFrame,
    *,
    distance: int = DISTANCE,
    correlation: float = CORRELATION,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Finds the pairs of near-duplicates, identical pictures included.

    Args:
        manifest: one row an image.
        distance: bits that two perceptual hashes may differ in.
        correlation: the least correlation of two thumbnails.
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        One row a pair: ``first``, ``second`` (positions in the manifest, first < second), ``distance`` (bits) and
        ``correlation``. Of pictures that are identical pixel by pixel, each is paired with the first of them alone.
    """
    first_of = manifest["pixel_hash"].groupby(manifest["pixel_hash"]).transform(lambda rows: rows.index[0])
    position = pd.Series(np.arange(len(manifest)), index=manifest.index)
    first_of = position.loc[first_of].to_numpy()
    copies = np.flatnonzero(first_of != np.arange(len(manifest)))
    unique = np.flatnonzero(first_of == np.arange(len(manifest)))
    hashes = to_bits(manifest["phash"].iloc[unique])
    left, right = hamming_pairs(hashes, distance)
    bits = np.bitwise_count(hashes[left] ^ hashes[right])
    left, right = unique[left], unique[right]
    alike = pair_correlations(thumbnails(manifest, show_progress=show_progress), left, right)
    near = alike >= correlation
    found = {
        "first": np.concatenate([left[near], first_of[copies]]),
        "second": np.concatenate([right[near], copies]),
        "distance": np.concatenate([bits[near], np.zeros(len(copies), bits.dtype)]).astype(int),
        "correlation": np.concatenate([alike[near], np.ones(len(copies))]),
    }
    return pd.DataFrame(found).sort_values(["first", "second"], ignore_index=True)


def normalised(images: np.ndarray) -> np.ndarray:
    """Centres each image on its mean and scales it to length 1, so that a dot product is a correlation.

    Args:
        images: shape ``(n, height, width)``.

    Returns:
        float32 of shape ``(n, height * width)``; an image of one single value becomes zeros and correlates with
        nothing.
    """
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)


def pair_correlations(images: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns the correlation of each pair of images, float32 of shape ``(pairs,)``, in bounded memory.

    Example:
        >>> images = np.array([[[0, 1], [2, 3]], [[0, 2], [4, 6]], [[3, 2], [1, 0]]])
        >>> pair_correlations(images, np.array([0, 0]), np.array([1, 2])).round(3).tolist()
        [1.0, -1.0]
    """
    result = np.empty(len(left), np.float32)
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        chunk = slice(start, start + _PAIRS_AT_ONCE)
        result[chunk] = np.einsum("ij,ij->i", normalised(images[left[chunk]]), normalised(images[right[chunk]]))
    return result
