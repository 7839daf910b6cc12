"""What the report and the model card of a run say in the same words: its title, its settings, what its split proves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.leakage.rungs import LOOK_ALIKE, count_leaks
from braintumor_tf.leakage.splits import LEAVE_ORIGIN_OUT
from braintumor_tf.report.wording.origins import patient_sentence
from braintumor_tf.runs import is_imported

PROTOCOLS = {
    "grouped": "The split keeps groups whole: no group has images both in training and in the test set.",
    "kfold": "Each fold keeps groups whole: no group has images both in training and in the part that is scored.",
    "external": "The test images come from another data set than the training images. Images that are also in training "
    "were left out; they are listed as “overlap”.",
    "random": "The split was drawn image by image and ignores groups: near-duplicates can stand on both sides. "
    "It is here to be compared with the grouped split, not to be believed.",
    "official": "The split is the one that the data set came with. Nothing was moved: what it repeats between training "
    "and test is still there.",
    LEAVE_ORIGIN_OUT: "The test images are those of one origin, a published set or an unknown place, and the training "
    "images those of the others. Images whose near-duplicate or patient is in training too were left out; they are "
    "listed as “overlap”.",
}
"""What each protocol does, in words."""

LOOK_ALIKES_ONLY = (
    "The split keeps look-alikes whole and takes no notice of patients, so one patient can stand on both sides. "
    "It is a rung of a leak ladder, to be compared with the rung “patient”, not to be believed."
)
"""What a split by near-duplicates alone does."""

PROOF = (
    "A group holds all near-duplicates of a picture (byte copies, re-encoded copies, copies in another pose, "
    "near-identical slices) and all images of a patient, where the patient is known: named by the data set, or "
    "recognised because the picture is one of a published set. Keeping groups on one side shows that the test is not "
    "answered by remembering a picture or a known patient. It does not show that all patients are different: images "
    "without a known patient may still share one, and no file says so. Nor does it show that the model works on "
    "another hospital’s scanner; only a data set from elsewhere can."
)
"""What keeping groups whole shows, and what it does not."""


UNKNOWN_TRAINING = (
    "The model was trained elsewhere and imported. On which images is not known, so near-duplicates of the test "
    "images, and their patients, may be among them, and nobody can tell here."
)
"""What can be said of the split of an imported model."""

UNKNOWN_PROOF = (
    "All images that are scored here count as test images. Groups of near-duplicates and known patients make the "
    "intervals; they do not show that the model has not seen these images, for what it was trained on is not known. "
    "Only images that were made after the model can show that."
)
"""What the scores of an imported model show, and what they do not."""


def setting(config: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """Returns a setting by name, from the top of a configuration or from the first section that holds it.

    Example:
        >>> setting({"split": {"protocol": "random"}}, "protocol")
        'random'
    """
    if name in config and not isinstance(config[name], Mapping):
        return config[name]
    for value in config.values():
        if isinstance(value, Mapping) and name in value and not isinstance(value[name], Mapping):
            return value[name]
    return default


def flat_settings(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Returns a configuration as pairs of dotted name and value; what was not read or used has its own lists.

    Example:
        >>> flat_settings({"model": "CNN", "training": {"epochs": 3}})
        [('model', 'CNN'), ('training.epochs', '3')]
    """
    rows: list[tuple[str, str]] = []
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name in ("unreadable", "data_remarks"):
            continue
        if isinstance(value, Mapping) and value:
            rows += flat_settings(value, f"{name}.")
        else:
            rows.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)))
    return rows


def split_text(config: Mapping[str, Any]) -> str:
    """Says what the protocol of a run does."""
    if is_imported(config):
        return UNKNOWN_TRAINING
    if setting(config, "grouping") == LOOK_ALIKE:
        return LOOK_ALIKES_ONLY
    return PROTOCOLS.get(str(setting(config, "protocol")), "How the split was made was not recorded.")


def sides_text(config: Mapping[str, Any], manifest: pd.DataFrame) -> str:
    """Says what the protocol of a run does, and for how many test images the patient is known and in training."""
    if is_imported(config):
        return split_text(config)
    return f"{split_text(config)} {patient_sentence(count_leaks(manifest))}"


def proof_text(config: Mapping[str, Any]) -> str:
    """Says what keeping groups whole shows of a run, and what it does not."""
    return UNKNOWN_PROOF if is_imported(config) else PROOF


def resamples_text(metrics: Mapping[str, Any]) -> str:
    """Says how many resamples the intervals are made of, such as `` of 1,000 resamples``; empty where unknown."""
    found = metrics.get("interval")
    return f" of {found['resamples']:,} resamples" if isinstance(found, Mapping) and found.get("resamples") else ""


def dataset_name(config: Mapping[str, Any]) -> str:
    """Returns what the data sets of a run are called, without their folders; "" where that was not recorded.

    Example:
        >>> dataset_name({"dataset": ["data/sartaj", "data/masoud"]})
        'sartaj + masoud'
    """
    found = setting(config, "dataset") or []
    names = found if isinstance(found, (list, tuple)) else [found]
    return " + ".join(re.split(r"[\\/]", str(name).rstrip("\\/"))[-1] for name in names)


def run_title(config: Mapping[str, Any], name: str) -> str:
    """Names a run by its model and data set; by `name` where the configuration has no model.

    Example:
        >>> run_title({"model": "CNN", "dataset": "/data/sartaj"}, "run 1")
        'CNN on sartaj'
    """
    model, dataset = setting(config, "model"), dataset_name(config)
    if not model:
        return name
    return f"{str(model).replace('_', ' ')} on {dataset}" if dataset else str(model).replace("_", " ")
