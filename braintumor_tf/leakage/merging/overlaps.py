"""What two data sets share: copies by each fingerprint, look-alikes, patients."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from braintumor_tf.identity.people import persons
from braintumor_tf.leakage.groups import group, join_data_sets
from braintumor_tf.leakage.manifest_counts import FINGERPRINTS
from braintumor_tf.matching.fingerprints import same_picture


@dataclass(frozen=True)
class Shared:
    """How much of two data sets is in both: how many `images` of the other are here, and how many of `ours` there."""

    images: int
    ours: int


def with_fingerprints(manifest: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Fills the groups of look-alikes, and a further column ``picture`` for those that show one and the same picture.

    Args:
        manifest: one row an image.
        pairs: its near-duplicates, from `matching.near_pairs`.
    """
    pictures = group(manifest, patients=False, pairs=pairs[same_picture(pairs)])["group"]
    return group(manifest, patients=False, pairs=pairs).assign(picture=pictures)


def shared_images(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, Shared]:
    """Counts what is in both of two data sets.

    Args:
        ours: one of them, with the columns of `with_fingerprints`, made for both together.
        theirs: the other one.

    Returns:
        A count for each fingerprint of `manifest_counts.FINGERPRINTS`, and ``patients``: the images whose patient has
        an image in the other one.

    Example:
        >>> rows = pd.DataFrame({"path": ["/a/1", "/a/2"], "md5": ["1", "2"], "pixel_hash": ["1", "2"], "picture": "p"})
        >>> rows = rows.assign(group="g", source="one")
        >>> shared_images(rows, rows.assign(md5=["2", "3"], source="two"))["md5"]
        Shared(images=1, ours=1)
    """
    shared = {
        name: Shared(int(theirs[column].isin(ours[column]).sum()), int(ours[column].isin(theirs[column]).sum()))
        for name, column in FINGERPRINTS.items()
    }
    people = persons(join_data_sets(ours, theirs))
    here, there = people.iloc[: len(ours)], people.iloc[len(ours) :]
    known = set(here[here != ""]) & set(there[there != ""])
    return {**shared, "patients": Shared(int(there.isin(known).sum()), int(here.isin(known).sum()))}
