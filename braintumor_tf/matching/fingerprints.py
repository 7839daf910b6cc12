"""Which pictures are the same: near-duplicate pairs by perceptual hash and thumbnails, and copies in other poses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from braintumor_tf.datasets.manifest import thumbnails, thumbnails_and_pictures
from braintumor_tf.matching.hamming_search import hamming_pairs, to_bits
from braintumor_tf.matching.other_poses import AS_IT_IS, POSE_COLUMNS, SAME_DETAIL, pose_pairs

DISTANCE = 8
"""Bits in which two 64-bit perceptual hashes may differ to make a candidate pair."""

CORRELATION = 0.9
"""Correlation of two 64x64 grey thumbnails from which a candidate pair counts as near-duplicates."""

SAME_PICTURE = 0.99
"""Correlation of two thumbnails from which near-duplicates are taken for one picture, in another encoding or size."""

STAND_IN = 0.999
"""Correlation of two thumbnails from which one stands for both in the search for other poses."""

_PAIRS_AT_ONCE = 4096


def near_pairs(
    manifest: pd.DataFrame,
    *,
    distance: int = DISTANCE,
    correlation: float = CORRELATION,
    poses: bool = True,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Finds the pairs of near-duplicates: identical pictures, look-alikes, and one picture in two poses.

    Args:
        manifest: one row an image.
        distance: bits that two perceptual hashes of look-alikes may differ in.
        correlation: the least correlation of two thumbnails. A picture in another pose needs it too, once aligned,
            and `other_poses.POSE_CORRELATION` at least.
        poses: also look for pictures that are mirrored, turned, cropped, bordered, shifted, inverted or equalised.
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        One row a pair: ``first``, ``second`` (positions in the manifest, first < second), ``distance`` (bits),
        ``correlation``, and what `other_poses.pose_pairs` explains: ``detail`` (missing for look-alikes) and
        `other_poses.POSE_COLUMNS`; look-alikes are in the pose "as it is". Of pictures that are identical pixel by
        pixel, each is paired with the first of them alone. Of those that correlate at `STAND_IN`, the first stands
        for all in the search for other poses.
    """
    position = pd.Series(np.arange(len(manifest)))
    first_of = position.groupby(manifest["pixel_hash"].to_numpy()).transform("first").to_numpy()
    copies = np.flatnonzero(first_of != np.arange(len(manifest)))
    unique = np.flatnonzero(first_of == np.arange(len(manifest)))
    hashes = to_bits(manifest["phash"])
    left, right = hamming_pairs(hashes[unique], distance)
    left, right = unique[left], unique[right]
    small, pictures = _pixels(manifest, poses, show_progress)
    alike = pair_correlations(small, left, right)
    near = alike >= correlation
    found = pd.DataFrame(
        {
            "first": np.concatenate([left[near], first_of[copies]]),
            "second": np.concatenate([right[near], copies]),
            "correlation": np.concatenate([alike[near], np.ones(len(copies))]),
            "detail": np.nan,
            **dict(zip(POSE_COLUMNS, AS_IT_IS)),
        }
    )
    if poses:
        turned = _in_other_poses(manifest, pictures, unique, found, correlation)
        found = pd.concat([found, turned], ignore_index=True) if len(turned) else found
    bits = np.bitwise_count(hashes[found["first"]] ^ hashes[found["second"]]).astype(int)
    found.insert(2, "distance", bits)
    return found.sort_values(["first", "second"], ignore_index=True)


def same_picture(pairs: pd.DataFrame) -> np.ndarray:
    """Tells which near-duplicates are one picture, in another encoding, size or pose, and not neighbouring slices.

    Args:
        pairs: from `near_pairs`.

    Returns:
        Booleans: a correlation of at least `SAME_PICTURE`, and for pictures that had to be aligned a correlation of
        their details of at least `other_poses.SAME_DETAIL`.

    Example:
        >>> pairs = pd.DataFrame({"correlation": [0.995, 0.98, 0.995, 0.98], "detail": [np.nan, np.nan, 0.93, 0.99]})
        >>> same_picture(pairs).tolist()
        [True, False, False, True]
    """
    aligned = pairs["detail"].notna()
    return np.where(aligned, pairs["detail"] >= SAME_DETAIL, pairs["correlation"] >= SAME_PICTURE)


def _pixels(manifest: pd.DataFrame, poses: bool, show_progress: bool) -> tuple[np.ndarray, np.ndarray | None]:
    if poses:
        return thumbnails_and_pictures(manifest, show_progress=show_progress)
    return thumbnails(manifest, show_progress=show_progress), None


def _in_other_poses(
    manifest: pd.DataFrame, pictures: np.ndarray, unique: np.ndarray, found: pd.DataFrame, correlation: float
) -> pd.DataFrame:
    """The pairs in other poses among pictures that none stands for, less those that are found already."""
    same = found[found["correlation"] >= STAND_IN].sort_values(["first", "second"])
    shown_by_another = np.zeros(len(manifest), bool)
    for first, second in zip(same["first"].tolist(), same["second"].tolist()):
        if not shown_by_another[first]:
            shown_by_another[second] = True
    rows = unique[~shown_by_another[unique]]
    place = np.full(len(manifest), -1)
    place[rows] = np.arange(len(rows))
    known = place[found[["first", "second"]].to_numpy()]
    known = known[(known >= 0).all(axis=1)]
    sizes = manifest[["height", "width"]].to_numpy()[rows]
    turned = pose_pairs(pictures[rows], sizes, known[:, 0] * len(rows) + known[:, 1], correlation=correlation)
    return turned.assign(first=rows[turned["first"]], second=rows[turned["second"]])


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
