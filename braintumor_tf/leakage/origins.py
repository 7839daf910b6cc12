"""Origins: the published set, or the unknown place, that an image comes from."""

from __future__ import annotations

import pandas as pd

from braintumor_tf.identity.people import text_column

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
    origin = text_column(manifest, "origin")
    return origin.where(origin != "", UNKNOWN + text_column(manifest, "source"))
