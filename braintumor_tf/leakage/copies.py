"""Dropping copies: one file of each picture stays."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.errors import SplitError
from braintumor_tf.leakage.groups import group
from braintumor_tf.leakage.manifest_counts import FINGERPRINTS
from braintumor_tf.matching.fingerprints import near_pairs, same_picture

SAME = tuple(name for name in FINGERPRINTS if name != "near")
"""What can make two files copies, strict to wide: ``md5``, ``pixels``, ``picture``, as the audit counts them."""


def drop_copies(manifest: pd.DataFrame, same: str = "picture", *, show_progress: bool = True) -> pd.DataFrame:
    """Leaves out all but one file of each picture; look-alikes, such as neighbouring slices, stay.

    The file with the most pixels stays; of equal ones that with the smallest hash, and of those the first path. A
    picture that is filed under several labels keeps one file for each, because nothing says which label is right
    (`audit` lists them as ``label_conflicts``). Splits are not looked at, and whether an image stays does not depend on
    them: dropping before and after a split keeps the same images.

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
    if same == "picture":
        plain = manifest.reset_index(drop=True)
        pairs = near_pairs(plain, show_progress=show_progress)
        picture = group(plain, patients=False, pairs=pairs[same_picture(pairs)])["group"].to_numpy()
    else:
        picture = manifest[FINGERPRINTS[same]].to_numpy()
    ranked = manifest.assign(
        _picture=picture, _pixels=-manifest["width"] * manifest["height"], _row=range(len(manifest))
    )
    ranked = ranked.sort_values(["_pixels", "md5", "path"]).drop_duplicates(["_picture", "label"])
    return manifest.iloc[sorted(ranked["_row"])].reset_index(drop=True)
