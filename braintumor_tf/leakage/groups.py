"""Groups of near-duplicates: images so alike that a split must not divide them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from braintumor_tf.datasets.layouts import PATIENT
from braintumor_tf.matching.fingerprints import CORRELATION, DISTANCE, near_pairs


def group(
    manifest: pd.DataFrame,
    *,
    distance: int = DISTANCE,
    correlation: float = CORRELATION,
    poses: bool = True,
    pairs: pd.DataFrame | None = None,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Fills a manifest's groups: the connected components of its near-duplicate pairs and its patients.

    Two images are near-duplicates if their perceptual hashes differ in at most `distance` bits and their thumbnails
    correlate at `correlation` or more, or if one shows the other in another pose (`matching.near_pairs`). A cluster of
    look-alikes is not a patient: two slices of one patient may look different and stay apart. Where the source knows
    its patients, their images always stay together.

    Args:
        manifest: one row an image.
        distance: bits, 0 to 32.
        correlation: -1 to 1.
        poses: also look for copies that are mirrored, turned, cropped, shifted or otherwise altered.
        pairs: the result of `matching.near_pairs` with the same settings, where it is known already.
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        A copy with the column `group`: ``patient:…`` where known, else ``g`` and ten hex digits that depend on the
        pictures alone, not on paths or order.

    Example:
        >>> manifest = pd.DataFrame({"pixel_hash": ["aa", "bb", "cc"], "group": ""})
        >>> pairs = pd.DataFrame({"first": [0], "second": [2]})  # as matching.near_pairs finds them
        >>> group(manifest, pairs=pairs)["group"].tolist()
        ['gaa', 'gbb', 'gaa']
    """
    if pairs is None:
        pairs = near_pairs(
            manifest, distance=distance, correlation=correlation, poses=poses, show_progress=show_progress
        )
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
    known = set(as_text(manifest.loc[manifest["split"] == "train", column])) - {""}
    found = as_text(rows[column]).isin(known)
    return found & (rows["split"] != "train") if "split" in rows else found


def as_text(values: pd.Series) -> pd.Series:
    """Returns values as text, empty where they are missing: a CSV may give numbers on one side, text on the other."""
    return values.astype(object).where(values.notna(), "").astype(str)
