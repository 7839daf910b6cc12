"""What linking found, as tables: one row an image, counts by class and origin, and a summary for a terminal."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.identity.links import Links

RECORD = ("path", "label", "origin", "origin_id", "patient", "pose", "origin_label", "origin_patient", "lesion_box")
"""The columns that say of an image what it is."""

UNKNOWN = "unknown"


def link_records(manifest: pd.DataFrame) -> pd.DataFrame:
    """Returns what is known of each image, the columns `RECORD`, "" where nothing is.

    Args:
        manifest: as `identity.link` fills it.
    """
    return manifest[list(RECORD)].reset_index(drop=True)


def origin_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Counts images by class (rows) and origin (columns; ``unknown`` last).

    Example:
        >>> rows = pd.DataFrame({"label": ["glioma", "glioma", ""], "origin": ["figshare", "", ""]})
        >>> origin_table(rows).loc["glioma"].to_dict(), origin_table(rows).index.tolist()
        ({'figshare': 1, 'unknown': 1}, ['glioma', '(no label)'])
    """
    table = pd.crosstab(manifest["label"], manifest["origin"])
    named = sorted(name for name in table.columns if name)
    table = table.reindex(columns=[*named, ""], fill_value=0).rename(columns={"": UNKNOWN})
    order = sorted(table.index, key=lambda label: (label == "", label))
    return table.reindex(order).rename(index={"": "(no label)"}).rename_axis(index=None, columns=None)


def label_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Counts linked images by their label and the label of the origin.

    Returns:
        ``label``, ``origin``, ``origin_label``, ``images``, where the two labels differ, most images first. A set that
        says ``tumor`` contradicts no kind of tumour.
    """
    known = manifest[(manifest["origin_label"] != "") & (manifest["label"] != "")]
    ours, theirs = known["label"], known["origin_label"]
    coarse = (ours == "tumor") | (theirs == "tumor")
    same = (ours == theirs) | (coarse & ((ours == "no_tumor") == (theirs == "no_tumor")))
    columns = ["label", "origin", "origin_label"]
    table = known[~same].groupby(columns).size().rename("images").reset_index()
    return table.sort_values(["images", *columns], ascending=[False, True, True, True], ignore_index=True)


def format_links(manifest: pd.DataFrame, links: Links) -> str:
    """Returns what linking found as text for a terminal.

    Args:
        manifest: as `identity.link` fills it.
        links: the counts.
    """
    if not links.pictures:
        return f"None of {links.images:,} images is a published picture that was searched for."
    lines = [f"{links.sentence}.", "", "Images by class and origin", origin_table(manifest).to_string()]
    poses = manifest.loc[manifest["origin"] != "", "pose"].value_counts()
    lines += ["", "How they lie to the published picture", poses.rename_axis(None).to_string()]
    wrong = label_table(manifest)
    if len(wrong):
        lines += ["", "Other labels than there", wrong.to_string(index=False)]
    return "\n".join(lines)
