"""The task of telling brain MRI from breast histopathology: two data sets become one with two labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import CLASSES, HISTOPATHOLOGY, MRI, NO_TUMOR
from braintumor_tf.datasets.synthetic.tissue.patches import TISSUES
from braintumor_tf.errors import DatasetError


def modality_manifest(
    mri: pd.DataFrame, histopathology: pd.DataFrame, *, limit: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Joins two manifests into one whose labels are ``mri`` and ``histopathology``, whatever they were before.

    Official splits and groups are forgotten, for they were made within one data set. Known patients stay known; those
    of the two data sets are two people even where they go by the same number, for which a name that both data sets
    have as `source` gets the modality in front. Group and split the
    result as any other (`braintumor_tf.leakage.split`), and write it with `write_manifest` to hand it to the command
    line as a CSV.

    Args:
        mri: a manifest of MRI slices.
        histopathology: a manifest of histopathology patches.
        limit: the most images to take of each, drawn at random; None for all. Public histopathology sets are many times
            as large as those of MRI.
        seed: of that draw, which depends on content and not on the order of rows.

    Returns:
        A manifest sorted by path, with the splits empty.

    Raises:
        DatasetError: one of them is empty, both hold one and the same file, the limit is below 1, or the two were
            given the wrong way round.

    Example:
        >>> row = {"split": "", "group": "", "md5": "1"}
        >>> mri = pd.DataFrame([{"path": "1.jpg", "label": "glioma", **row}])
        >>> tissue = pd.DataFrame([{"path": "2.png", "label": "idc", **row}])
        >>> modality_manifest(mri, tissue)["label"].tolist()
        ['mri', 'histopathology']
    """
    if limit is not None and limit < 1:
        raise DatasetError(f"limit must be at least 1, or None for all images, not {limit!r}")
    strange = set(histopathology["label"]) & (set(CLASSES) - {NO_TUMOR}) or set(mri["label"]) & set(TISSUES)
    if strange:
        raise DatasetError(
            f"label {min(strange)} is on the wrong side; give the MRI manifest first and histopathology second"
        )
    parts = [_part(manifest, label, limit, seed) for manifest, label in ((mri, MRI), (histopathology, HISTOPATHOLOGY))]
    joint = pd.concat([_named_apart(*parts), parts[1]], ignore_index=True)
    twice = joint.loc[joint["path"].duplicated(), "path"]
    if len(twice):
        raise DatasetError(f"{twice.iloc[0]}: is in both manifests or twice in one; an image has one modality")
    return joint.sort_values("path", ignore_index=True)


def _part(manifest: pd.DataFrame, label: str, limit: int | None, seed: int) -> pd.DataFrame:
    if manifest.empty:
        raise DatasetError(f"the manifest of {label} holds no image; give one that does")
    if limit is not None and limit < len(manifest):
        order = manifest.sort_values(["md5", "path"])
        manifest = order.iloc[np.random.default_rng(seed).permutation(len(order))[:limit]]
    return manifest.assign(label=label, split="", group="")


def _named_apart(part: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Renames the sources of a part that have the name of another one's."""
    if "source" not in part or "source" not in other:
        return part
    shared = part["source"].isin(other["source"])
    return part.assign(source=part["source"].mask(shared, part["label"] + ":" + part["source"]))
