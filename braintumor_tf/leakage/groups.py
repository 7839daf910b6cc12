"""Groups of near-duplicates: images so alike that a split must not divide them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from braintumor_tf.datasets.manifest import PATIENT, thumbnails
from braintumor_tf.matching.hamming_search import hamming_pairs, to_bits

DISTANCE = 8
"""Bits in which two 64-bit perceptual hashes may differ to make a candidate pair."""

CORRELATION = 0.9
"""Correlation of two 64x64 grey thumbnails from which a candidate pair counts as near-duplicates."""

_PAIRS_AT_ONCE = 4096


def group(
    manifest: pd.DataFrame,
    distance: int = DISTANCE,
    correlation: float = CORRELATION,
    pairs: pd.DataFrame | None = None,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Fills a manifest's groups: the connected components of its near-duplicate pairs and its patients.

    Two images are near-duplicates if their perceptual hashes differ in at most `distance` bits and their thumbnails
    correlate at `correlation` or more. A cluster of look-alikes is not a patient: two slices of one patient may look
    different and stay apart. Where the source knows its patients, their images always stay together.

    Args:
        manifest: one row an image.
        distance: bits, 0 to 32.
        correlation: -1 to 1.
        pairs: the result of `near_pairs` with the same settings, where it is known already.
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        A copy with the column `group`: ``patient:…`` where known, else ``g`` and ten hex digits that depend on the
        pictures alone, not on paths or order.
    """
    if pairs is None:
        pairs = near_pairs(manifest, distance, correlation, show_progress)
    patients = manifest["group"].where(manifest["group"].str.startswith(PATIENT), "")
    known = patients != ""
    anchors = np.arange(len(manifest))
    anchors[known] = (
        patients[known]
        .groupby(patients[known])
        .transform(lambda rows: rows.index[0])
        .map(pd.Series(np.arange(len(manifest)), index=manifest.index))
    )
    left = np.concatenate([pairs["first"], np.arange(len(manifest))])
    right = np.concatenate([pairs["second"], anchors])
    graph = coo_matrix((np.ones(len(left), bool), (left, right)), shape=(len(manifest),) * 2)
    _, component = connected_components(graph, directed=False)
    names = manifest["pixel_hash"].str[:10].radd("g").where(~known, patients)
    # "g" sorts before "patient:", so the largest name of a component is a patient's where there is one
    best = names.groupby(component).transform("max") if known.any() else names.groupby(component).transform("min")
    return manifest.assign(group=best)


def near_pairs(
    manifest: pd.DataFrame,
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
    alike = pair_correlations(thumbnails(manifest, show_progress), left, right)
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
    """Returns the correlation of each pair of images, float32 of shape ``(pairs,)``, in bounded memory."""
    result = np.empty(len(left), np.float32)
    for start in range(0, len(left), _PAIRS_AT_ONCE):
        chunk = slice(start, start + _PAIRS_AT_ONCE)
        result[chunk] = np.einsum("ij,ij->i", normalised(images[left[chunk]]), normalised(images[right[chunk]]))
    return result


def near_duplicate_in_training(rows: pd.DataFrame, manifest: pd.DataFrame, *, column: str = "group") -> pd.Series:
    """Tells which images have a near-duplicate in training: an image of the split ``train`` with the same group.

    An image without a group has no known near-duplicate, and a training image is not its own.

    Args:
        rows: the images asked about, with `column` and, where training images may be among them, ``split``: rows of a
            manifest or of a predictions table.
        manifest: all images, with `column` and ``split``.
        column: ``"group"`` (near-duplicates), ``"picture"`` (same picture), ``"pixel_hash"`` (same grey pixels) or
            ``"md5"`` (same file).

    Returns:
        Booleans with the index of `rows`.

    Example:
        >>> manifest = pd.DataFrame({"split": ["train", "train", "test", "test"], "group": ["a", "", "a", ""]})
        >>> near_duplicate_in_training(manifest, manifest).tolist()
        [False, False, True, False]
    """
    known = set(manifest.loc[manifest["split"] == "train", column].fillna("").astype(str)) - {""}
    found = rows[column].fillna("").astype(str).isin(known)
    return found & (rows["split"] != "train") if "split" in rows else found
