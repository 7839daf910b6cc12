"""Labels that contradict the label of the published picture that an image is a copy of."""

from __future__ import annotations

from typing import Any

import pandas as pd

from braintumor_tf.identity.link_tables import label_contradictions

_SHOWN = ("path", "label", "split", "origin", "origin_id", "origin_label")


def contradicted_labels(manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the images whose label contradicts that of their origin (`identity.link_tables.label_contradictions`).

    Args:
        manifest: with ``label``, ``origin`` and ``origin_label``.

    Returns:
        Rows of ``path``, ``label``, ``split``, ``origin``, ``origin_id``, ``origin_label`` in the manifest's order.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a", "b"], "label": ["pituitary", "tumor"], "split": ""})
        >>> manifest = manifest.assign(origin="figshare", origin_id="1", origin_label="meningioma")
        >>> [row["path"] for row in contradicted_labels(manifest)]
        ['a']
    """
    return manifest.loc[label_contradictions(manifest), list(_SHOWN)].to_dict("records")
