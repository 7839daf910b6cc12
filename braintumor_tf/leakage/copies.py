"""Dropping copies: one file of each picture stays."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.errors import SplitError
from braintumor_tf.identity.people import origin_patients, own_patients
from braintumor_tf.leakage.groups import group
from braintumor_tf.leakage.manifest_counts import FINGERPRINTS
from braintumor_tf.matching.fingerprints import near_pairs, same_picture

SAME = tuple(name for name in FINGERPRINTS if name != "near")
"""What can make two files copies, strict to wide: ``md5``, ``pixels``, ``picture``, as the audit counts them."""


def drop_copies(manifest: pd.DataFrame, same: str = "picture", *, show_progress: bool = True) -> pd.DataFrame:
    """Leaves out all but one file of each picture; look-alikes, such as neighbouring slices, stay.

    The file with the most pixels stays; of equal ones that with the smallest hash, and of those the first path. A
    picture that is filed under several labels keeps one file for each, because nothing says which label is right
    (`audit` lists them as ``label_conflicts``). A file whose data set names its patient stays before one whose patient
    is not known, and copies that are named after several patients keep one file for each: who is the same person must
    not be lost with a copy. Splits are not looked at, and whether an image stays does not depend on them: dropping
    before and after a split keeps the same images.

    Args:
        manifest: one row an image; its groups and splits stay as they are.
        same: ``"md5"`` (same bytes), ``"pixels"`` (same grey pixels) or ``"picture"`` (re-encoded, resized or in
            another pose too).
        show_progress: a progress bar where thumbnails must be read again.

    Returns:
        The rows that stay, in the manifest's order. The number dropped is the difference in length.

    Raises:
        SplitError: `same` is another text than these three.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a.png", "b.png", "c.png"], "label": "glioma", "width": 8, "height": 8,
        ...                          "md5": ["1", "1", "2"]})
        >>> drop_copies(manifest, "md5")["path"].tolist()
        ['a.png', 'c.png']
    """
    if same not in SAME:
        raise SplitError(f"same is {same!r}; it must be one of {', '.join(SAME)}")
    plain = manifest.reset_index(drop=True)
    if same == "picture":
        pairs = near_pairs(plain, show_progress=show_progress)
        picture = group(plain, patients=False, pairs=pairs[same_picture(pairs)])["group"]
    else:
        picture = plain[FINGERPRINTS[same]]
    return plain[kept_copies(plain, picture) == plain.index].reset_index(drop=True)


def kept_copies(manifest: pd.DataFrame, picture: pd.Series) -> pd.Series:
    """Says for each image which file stays for it where copies are dropped, as `drop_copies` chooses.

    Args:
        manifest: one row an image, numbered from 0.
        picture: what its copies share, with the manifest's index.

    Returns:
        For each image the number of the row that stays: its own, or that of the copy that is kept in its place.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a.png", "b.png"], "label": "glioma", "width": [8, 9], "height": 8,
        ...                          "md5": ["1", "2"]})
        >>> kept_copies(manifest, pd.Series(["same", "same"])).tolist()
        [1, 1]
    """
    own, pixels = own_patients(manifest), manifest["width"] * manifest["height"]
    ranked = manifest.assign(_picture=picture, _own=own, _nobody=own == "", _pixels=-pixels, _row=manifest.index)
    ranked["_unlinked"] = origin_patients(manifest) == ""
    ranked = ranked.sort_values(["_nobody", "_unlinked", "_pixels", "md5", "path"])
    best = ranked.groupby(["_picture", "label"])["_own"].transform("first")
    ranked["_own"] = ranked["_own"].where(ranked["_own"] != "", best)
    return ranked.groupby(["_picture", "label", "_own"])["_row"].transform("first").sort_index()
