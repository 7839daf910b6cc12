"""What a run's numbers come to, in plain sentences; each section says its own reasons to doubt them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.evaluation.scores.errors_by_folder import folder_errors
from braintumor_tf.leakage.groups import near_duplicate_in_training
from braintumor_tf.leakage.manifest_counts import picture_faults
from braintumor_tf.leakage.rungs import LOOK_ALIKE, count_leaks
from braintumor_tf.report.plots.selection import scored_images
from braintumor_tf.report.sections.calibration import temperature_warning
from braintumor_tf.report.sections.covered_parts import outside_warning
from braintumor_tf.report.sections.shortcuts import baseline_warning, best_baseline_sentence, near_duplicate_warning
from braintumor_tf.report.sections.trust import masking_warning
from braintumor_tf.report.wording.metrics import headline, score, score_title
from braintumor_tf.report.wording.numbers import counted, interval, number
from braintumor_tf.report.wording.origins import (
    confounding_warning,
    patient_sentence,
    patient_warning,
    probe_sentence,
    remedies_sentence,
)
from braintumor_tf.report.wording.run_texts import UNKNOWN_TRAINING, setting
from braintumor_tf.runs import IMPORTED, is_imported

FEW_GROUPS = 30
"""Below this many independent groups in the test set, an interval is too wide to rank models by."""

MANY = 0.1
"""From this share of all images on, pictures without one true label are the gravest reason to doubt a score."""

UNLIKELY = 0.01
"""Errors in one folder are warned of if luck brings about so many less often than this, over all folders."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the numbers say.

    Attributes:
        sentences: the result in plain words.
        warnings: reasons to doubt it, the gravest first; empty where the checks found no reason.
    """

    sentences: list[str]
    warnings: list[str]

    def to_dict(self) -> dict[str, list[str]]:
        """Returns ``sentences`` and ``warnings``."""
        return dataclasses.asdict(self)


def run_verdict(
    metrics: Mapping[str, Any],
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    config: Mapping[str, Any],
    *,
    explanations: Mapping[str, Any] | None = None,
    calibration: Mapping[str, Any] | None = None,
) -> Verdict:
    """Says what a run's scores are, what they stand against, and every reason found to doubt them.

    Args:
        metrics: as in ``metrics.json``.
        predictions: the table of predictions.
        manifest: the table of images with the splits that were used.
        config: the run's settings.
        explanations: as in ``explanations.json``, for a run that was checked.
        calibration: as in ``calibration.json``, for a run that was calibrated.
    """
    tested = scored_images(predictions, metrics)
    leaked, images = int(near_duplicate_in_training(tested, manifest).sum()), len(tested)
    groups = int(metrics.get("groups") or tested["group"].nunique())
    have = "has" if leaked == 1 else "have"
    leaks = count_leaks(manifest)
    shared = "a near-duplicate or their patient" if leaks.known_patients else "a near-duplicate"
    sentences = [_result(metrics, images, groups), best_baseline_sentence(metrics)]
    if not is_imported(config):
        sentences.append(f"{leaked:,} of {counted(images, 'test image')} {have} {shared} in training.")
        sentences += [] if leaks.same_patient else [patient_sentence(leaks)]
    sentences += filter(None, [probe_sentence(metrics), remedies_sentence(config, metrics)])
    faults, grave = picture_faults(manifest), picture_faults(manifest, least=MANY)
    warnings = [
        *_import_warnings(config),
        *grave,
        near_duplicate_warning(metrics, leaked, images, what=shared),
        patient_warning(leaks),
        baseline_warning(metrics),
        _folder_warning(metrics, predictions),
        *(text for text in faults if text not in grave),
        outside_warning(explanations),
        masking_warning(explanations),
        temperature_warning(calibration),
        _missing_class_warning(metrics, tested, manifest),
        confounding_warning(manifest),
        _protocol_warning(config),
        _size_warning(groups),
        _synthetic_warning(config, manifest),
    ]
    return Verdict(sentences, [text for text in warnings if text])


def _import_warnings(config: Mapping[str, Any]) -> list[str]:
    """Returns what is not known of an imported model, and what spoke against its contract when it was imported."""
    if not is_imported(config):
        return []
    found = [f"{hint[0].upper()}{hint[1:]}." for hint in config[IMPORTED].get("hints") or []]
    return [*found, UNKNOWN_TRAINING]


def _result(metrics: Mapping[str, Any], images: int, groups: int) -> str:
    name = headline(metrics)
    found, title = score(metrics, name), score_title(name)
    within = f" (95 % interval {interval(found, 2)})" if interval(found) else ""
    return (
        f"{title[0].upper()}{title[1:]} {number(found.value, 2)}{within} on {counted(images, 'test image')} "
        f"from {counted(groups, 'group')}."
    )


def _folder_warning(metrics: Mapping[str, Any], predictions: pd.DataFrame) -> str:
    table = folder_errors(predictions, split=metrics.get("split", "test"))
    found = [
        f"{row.folder}, {row.wrong} of {row.images} {row.label} images, against "
        f"{row.elsewhere_wrong} of {row.elsewhere} in other folders"
        for row in table[table["p_holm"] < UNLIKELY].itertuples()
    ]
    if not found:
        return ""
    return (
        f"Errors crowd in one place: {'; '.join(found)}. Either labels there are wrong, or its images are of another "
        "kind than the training images. Look at them before you trust or improve the score."
    )


def _missing_class_warning(metrics: Mapping[str, Any], tested: pd.DataFrame, manifest: pd.DataFrame) -> str:
    classes = list(metrics.get("classes_order") or sorted(manifest["label"].unique()))
    missing = [str(name) for name in classes if not (tested["label"] == name).any()]
    if not missing:
        return ""
    return (
        f"The test set has no image of {', '.join(missing)}: nothing is known about "
        f"{'this class' if len(missing) == 1 else 'these classes'}, and means over the classes leave "
        f"{'it' if len(missing) == 1 else 'them'} out."
    )


def _protocol_warning(config: Mapping[str, Any]) -> str:
    protocol = setting(config, "protocol")
    if protocol == "random":
        return (
            "The split was drawn image by image (protocol “random”), so near-duplicates may stand on both sides of it."
        )
    if protocol == "official":
        return (
            "The split is the one that the data set came with (protocol “official”), with all that it repeats. The "
            "grouped protocol keeps near-duplicates together."
        )
    if setting(config, "grouping") == LOOK_ALIKE:
        return (
            "The split keeps look-alikes together and takes no notice of patients: it is a rung of a leak ladder, to "
            "be compared with, not to be believed."
        )
    return ""


def _size_warning(groups: int) -> str:
    if groups >= FEW_GROUPS:
        return ""
    return f"The test set has only {counted(groups, 'group')}: too few to tell a good model from a lucky one."


def _synthetic_warning(config: Mapping[str, Any], manifest: pd.DataFrame) -> str:
    sources = set(manifest["source"].astype(str))
    drawn = {name for name in sources if name.startswith("synthetic")}
    if drawn and drawn < sources:
        return (
            f"Some images are synthetic ({', '.join(sorted(drawn))}) and some are not. A model may tell drawn from "
            "real pictures instead of the classes."
        )
    if drawn or setting(config, "dataset") == "synthetic":
        return "The images are synthetic. These scores show that the pipeline works, and nothing about real patients."
    return ""
