"""What linking found, as tables: one row an image, counts by class and origin, and a summary for a terminal."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES, NO_TUMOR, TUMOR, plain_label
from braintumor_tf.identity.links import Links
from braintumor_tf.identity.people import text_column

RECORD = ("path", "label", "origin", "origin_id", "patient", "pose", "origin_label", "origin_patient", "lesion_box")
"""The columns that say of an image what it is."""

UNKNOWN = "unknown"
"""The origin of images that are no known published picture; they may come from many places."""


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


def label_contradictions(manifest: pd.DataFrame) -> pd.Series:
    """Tells for each image whether its label contradicts that of the published picture.

    ``no_tumor`` contradicts every other label. The bare label ``tumor`` contradicts ``no_tumor`` alone. Two types of
    tumour contradict each other if this origin is known to tell the image's type; a type that it does not use may be
    a part of one that it uses, and is not compared. An image of which one label is unknown contradicts nothing.

    Args:
        manifest: with ``label`` and, as `identity.link` fills them, ``origin`` and ``origin_label``; columns that it
            lacks count as empty.

    Example:
        >>> manifest = pd.DataFrame({"label": ["pituitary", "tumor"], "origin": "figshare"})
        >>> label_contradictions(manifest.assign(origin_label="meningioma")).tolist()
        [True, False]
    """
    given, named, origin = (text_column(manifest, name) for name in ("label", "origin_label", "origin"))
    known = (given != "") & (named != "")
    here, there = given[known].map(plain_label), named[known].map(plain_label)
    used = {name: {*CLASSES, *BINARY_CLASSES, *labels} for name, labels in there.groupby(origin[known])}
    told = pd.Series([label in used[name] for label, name in zip(here, origin[known])], here.index, bool)
    healthy = (here == NO_TUMOR) | (there == NO_TUMOR)
    types = (here != TUMOR) & (there != TUMOR) & told
    return ((here != there) & (healthy | types)).reindex(manifest.index, fill_value=False)


def label_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Counts images whose label contradicts that of the origin (`label_contradictions`).

    Returns:
        ``label``, ``origin``, ``origin_label``, ``images``, most images first.
    """
    columns = ["label", "origin", "origin_label"]
    table = manifest[label_contradictions(manifest)].groupby(columns).size().rename("images").reset_index()
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
        lines += ["", "Labels that contradict those there", wrong.to_string(index=False)]
    return "\n".join(lines)
