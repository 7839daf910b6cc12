"""A last look at a split: whether any two of its parts share anything."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.errors import SplitError
from braintumor_tf.leakage.splits import SPLITS
from braintumor_tf.matching.fingerprints import CORRELATION, DISTANCE, near_pairs

SHARED_BY = {"md5": "the same bytes", "pixel_hash": "the same grey pixels", "group": "the same group"}
"""What two images of different splits may not share, and how it is called in text."""

LOOK_ALIKES = "look-alikes"


def check_split(
    manifest: pd.DataFrame,
    *,
    distance: int = DISTANCE,
    correlation: float = CORRELATION,
    poses: bool = True,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Makes sure that train, validation and test share nothing: no bytes, no pixels, no group, no look-alikes.

    Look-alikes are searched for anew in the pictures, so the answer does not rest on the groups that the split was
    made from.

    Args:
        manifest: with its groups and its splits; images of other splits, such as ``overlap``, are passed over.
        distance: bits that the perceptual hashes of look-alikes may differ in.
        correlation: the least correlation of their thumbnails.
        poses: also look for copies that are mirrored, turned, cropped, shifted or otherwise altered.
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        One row a fingerprint (``md5``, ``pixel_hash``, ``group``, ``look-alikes``): how many different ones, or for
        look-alikes pairs, there are (``found``) and how many reach into two splits (``shared``), always 0.

    Raises:
        SplitError: something is shared, or a split has no image; the text names two of the images.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from braintumor_tf.datasets import scan, write_synthetic
        >>> from braintumor_tf.leakage import split
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_synthetic(f"{folder}/set", patients_per_class=3, slices_per_patient=1, image_size=64)
        ...     table = check_split(split(scan(f"{folder}/set").manifest))
        >>> table["shared"].tolist()
        [0, 0, 0, 0]
    """
    rows = manifest[manifest["split"].isin(SPLITS)].reset_index(drop=True)
    empty = [name for name in SPLITS if not (rows["split"] == name).any()]
    if empty:
        raise SplitError(f"the split {empty[0]} has no image; split the manifest first")
    table = []
    for column, words in SHARED_BY.items():
        splits = rows.groupby(column)["split"].transform("nunique")
        if (splits > 1).any():
            pair = rows[rows[column] == rows.loc[splits > 1, column].iloc[0]].drop_duplicates("split")
            raise _shared(pair.iloc[0], pair.iloc[1], words)
        table.append((column, rows[column].nunique(), 0))
    pairs = near_pairs(rows, distance=distance, correlation=correlation, poses=poses, show_progress=show_progress)
    first, second = rows.iloc[pairs["first"]], rows.iloc[pairs["second"]]
    across = first["split"].to_numpy() != second["split"].to_numpy()
    if across.any():
        where = int(across.argmax())
        raise _shared(first.iloc[where], second.iloc[where], "their looks")
    table.append((LOOK_ALIKES, len(pairs), 0))
    return pd.DataFrame(table, columns=["fingerprint", "found", "shared"]).set_index("fingerprint")


def _shared(first: pd.Series, second: pd.Series, what: str) -> SplitError:
    return SplitError(
        f"{first['split']} and {second['split']} share {what}: {first['path']} and {second['path']}; "
        "split by group (protocol grouped)"
    )
