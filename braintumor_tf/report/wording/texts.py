"""What the report and the model card say in the same words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from braintumor_tf.report.sections.verdict import setting

PROTOCOLS = {
    "grouped": "The split keeps groups whole: no group has images both in training and in the test set.",
    "kfold": "Each fold keeps groups whole: no group has images both in training and in the part that is scored.",
    "external": "The test images come from another data set than the training images; those that are also in training "
    "were left out and are listed as “overlap”.",
    "random": "The split was drawn image by image and pays no heed to groups: near-duplicates can stand on both sides. "
    "It is here to be compared with the grouped split, not to be believed.",
    "official": "The split is the one that the data set came with. Nothing was moved, so whatever it repeats between "
    "training and test is still there.",
}
"""What each protocol does, in words."""

PROOF = (
    "Where a source names its patients, the patients are the groups. Elsewhere a group is a cluster of look-alikes: "
    "byte copies, re-encoded copies and near-identical slices. Keeping clusters on one side shows that the test is not "
    "answered by remembering a picture. It does not show that the patients are different: two slices of one patient "
    "that look different can stand on both sides, and no file says so. Nor does it show that the model works on "
    "another hospital’s scanner; only a data set from elsewhere can."
)
"""What keeping groups whole shows, and what it does not."""


def resamples_text(metrics: Mapping[str, Any]) -> str:
    """Says how many resamples the intervals are made of, such as `` of 1,000 resamples``; empty where unknown."""
    found = metrics.get("interval")
    return f" of {found['resamples']:,} resamples" if isinstance(found, Mapping) and found.get("resamples") else ""


def run_title(config: Mapping[str, Any], name: str) -> str:
    """Names a run by its model and data set; by `name` where the configuration has no model."""
    model, dataset = setting(config, "model"), setting(config, "dataset")
    if not model:
        return name
    dataset = re.split(r"[\\/]", str(dataset).rstrip("\\/"))[-1] if dataset else ""
    return f"{str(model).replace('_', ' ')} on {dataset}" if dataset else str(model).replace("_", " ")
