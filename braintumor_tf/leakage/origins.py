"""Origins: the published set, or the unknown place, that an image comes from."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.leakage.groups import as_text

UNKNOWN = "unknown:"
"""An origin that starts with this is no published set: the images of one source whose origin nothing tells."""


def origin_names(manifest: pd.DataFrame) -> pd.Series:
    """Names the origin of each image: its `origin`, or ``unknown:<source>`` where none is known.

    Args:
        manifest: one row an image, with `source` and, where the images were linked (`identity.link`), `origin`.

    Returns:
        Text with the index of `manifest`, never empty.

    Example:
        >>> manifest = pd.DataFrame({"origin": ["figshare", ""], "source": ["sartaj", "sartaj"]})
        >>> origin_names(manifest).tolist()
        ['figshare', 'unknown:sartaj']
    """
    unknown = UNKNOWN + as_text(manifest["source"])
    if "origin" not in manifest:
        return unknown
    origin = as_text(manifest["origin"])
    return origin.where(origin != "", unknown)


def origin_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Counts the images of each origin and class.

    A class that only one origin has cannot be told from that origin, whatever a model scores.

    Returns:
        One row an origin, one column a class, integers.

    Example:
        >>> manifest = pd.DataFrame({"origin": ["figshare", ""], "source": "sartaj", "label": ["glioma", "no_tumor"]})
        >>> origin_table(manifest).loc["figshare"].to_dict()
        {'glioma': 1, 'no_tumor': 0}
    """
    return pd.crosstab(origin_names(manifest).rename("origin"), manifest["label"])


def single_origin_classes(manifest: pd.DataFrame) -> dict[str, str]:
    """Returns the classes that only one origin has, each with that origin; empty where there is a single origin.

    Example:
        >>> manifest = pd.DataFrame({"origin": ["figshare", "", ""], "source": "sartaj"})
        >>> single_origin_classes(manifest.assign(label=["glioma", "glioma", "no_tumor"]))
        {'no_tumor': 'unknown:sartaj'}
    """
    there = origin_table(manifest) > 0
    if len(there) < 2:
        return {}
    return {str(label): str(there.index[there[label]][0]) for label in there if there[label].sum() == 1}
