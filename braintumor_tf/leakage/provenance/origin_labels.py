"""Labels that contradict the label of the published picture that an image is a copy of."""

from __future__ import annotations

from typing import Any

import pandas as pd

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES, NO_TUMOR, TUMOR, plain_label

_SHOWN = ("path", "label", "split", "origin", "origin_id", "origin_label")


def contradicted_labels(manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the images whose label contradicts that of their origin.

    ``no_tumor`` contradicts every other label. The bare label ``tumor`` contradicts ``no_tumor`` alone. Two types of
    tumour contradict each other if this origin is known to tell the image's type; a type that it does not use may be
    a part of one that it uses, and is not compared.

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
    known = manifest[(manifest["origin_label"] != "") & (manifest["label"] != "")]
    here, there = known["label"].map(plain_label), known["origin_label"].map(plain_label)
    used = {origin: {*CLASSES, *BINARY_CLASSES, *labels} for origin, labels in there.groupby(known["origin"])}
    told = pd.Series([label in used[origin] for label, origin in zip(here, known["origin"])], known.index, bool)
    healthy = (here == NO_TUMOR) | (there == NO_TUMOR)
    types = (here != TUMOR) & (there != TUMOR) & told
    return known.loc[(here != there) & (healthy | types), list(_SHOWN)].to_dict("records")
