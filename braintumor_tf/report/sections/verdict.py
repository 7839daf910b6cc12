"""What a run's numbers come to, in plain sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.datasets.labels import MODALITIES
from braintumor_tf.evaluation.scores.folders import folder_errors
from braintumor_tf.report.sections.shortcut_sentences import distance
from braintumor_tf.report.sections.trust_sentences import masking_warning, outside_warning
from braintumor_tf.report.wording.numbers import (
    baseline_score,
    baseline_title,
    interval,
    model_above,
    number,
    percent,
    ranked_baselines,
    score,
)
from braintumor_tf.report.wording.selection import scored_images, twin_mask

FEW_GROUPS = 30
"""Below this many independent groups in the test set, an interval is too wide to rank models by."""

UNLIKELY = 0.01
"""Errors in one folder are warned of if luck brings about so many less often than this, over all folders."""

_NOTHING_OF_TUMOURS = "The model has not been shown to have learned anything about tumours."
_NOTHING_OF_PICTURES = (
    "To tell these two kinds of picture apart takes no knowledge of what they show; the score says that the task is "
    "easy, and nothing about tumours."
)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the numbers say.

    Attributes:
        sentences: the result in plain words.
        warnings: reasons to doubt it, the gravest first; empty where the checks found none.
    """

    sentences: list[str]
    warnings: list[str]


def setting(config: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """Returns a setting by name, from the top of a configuration or from the first section that holds it."""
    if name in config and not isinstance(config[name], Mapping):
        return config[name]
    for value in config.values():
        if isinstance(value, Mapping) and name in value and not isinstance(value[name], Mapping):
            return value[name]
    return default


def run_verdict(
    metrics: Mapping[str, Any],
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    config: Mapping[str, Any],
    explanations: Mapping[str, Any] | None = None,
) -> Verdict:
    """Says what a run's scores are, what they stand against, and every reason found to doubt them.

    Args:
        metrics: as in ``metrics.json``.
        predictions: the table of predictions.
        manifest: the table of images with the splits that were used.
        config: the run's settings.
        explanations: as in ``explanations.json``, for a run that was checked.
    """
    tested = scored_images(predictions, metrics)
    twins = int(twin_mask(tested, manifest).sum())
    sentences = [_result(metrics, tested), _against(metrics), _twins(twins, len(tested))]
    warnings = [
        _warn_twins(metrics, twins, len(tested)),
        _warn_baseline(metrics),
        _warn_folders(metrics, predictions),
        outside_warning(explanations),
        masking_warning(explanations),
        _warn_missing(metrics, tested, manifest),
        _warn_protocol(config),
        _warn_size(_groups(metrics, tested)),
        _warn_synthetic(config, manifest),
    ]
    return Verdict([text for text in sentences if text], [text for text in warnings if text])


def _result(metrics: Mapping[str, Any], tested: pd.DataFrame) -> str:
    name = "macro_f1" if score(metrics, "macro_f1")["value"] is not None else "accuracy"
    found = score(metrics, name)
    title = "Macro-F1" if name == "macro_f1" else "Accuracy"
    within = f" (95 % interval {interval(found, 2)})" if interval(found) else ""
    return (
        f"{title} {number(found['value'], 2)}{within} on {_count(len(tested), 'test image')} "
        f"from {_count(_groups(metrics, tested), 'group')}."
    )


def _against(metrics: Mapping[str, Any]) -> str:
    ranked = ranked_baselines(metrics)
    if not ranked:
        return "No dumb baseline was scored beside it."
    best = ranked[0]
    name, title = (
        ("macro_f1", "")
        if baseline_score(metrics, best, "macro_f1")["value"] is not None
        else ("accuracy", " accuracy")
    )
    value = baseline_score(metrics, best, name)["value"]
    return f"The best dumb baseline ({baseline_title(best)}) reaches{title} {number(value, 2)}."


def _twins(twins: int, images: int) -> str:
    return f"{twins:,} of {_count(images, 'test image')} {'has' if twins == 1 else 'have'} a twin in training."


def _warn_twins(metrics: Mapping[str, Any], twins: int, images: int) -> str:
    if not twins:
        return ""
    text = f"{twins:,} of {images:,} test images ({percent(twins, images)}) have a near-duplicate in training"
    on_twins, clean = score(metrics, "twins.accuracy")["value"], score(metrics, "clean.accuracy")["value"]
    if on_twins is None:
        return f"{text}. The scores reward memory; split by groups instead."
    if clean is None:
        return f"{text}. No test image is without one, so nothing here tells what the model does with a new picture."
    return (
        f"{text}: accuracy is {number(on_twins, 2)} on these and {number(clean, 2)} on the rest. Only the rest "
        "tells what the model does with a new picture."
    )


def _warn_baseline(metrics: Mapping[str, Any]) -> str:
    for name, title in (("macro_f1", "macro-F1"), ("accuracy", "accuracy")):
        for key in ranked_baselines(metrics, name):
            value = baseline_score(metrics, key, name)["value"]
            how = _reaches(metrics, key, name) if value is not None else ""
            if how:
                modality = set(metrics.get("classes_order") or ()) == set(MODALITIES)
                return (
                    f"A dumb baseline does as well: {baseline_title(key)} reaches {title} {number(value, 2)}, {how}. "
                    f"{_NOTHING_OF_PICTURES if modality else _NOTHING_OF_TUMOURS}"
                )
    return ""


def _reaches(metrics: Mapping[str, Any], key: str, name: str) -> str:
    """How a baseline stands to the model where the model is not clearly above it; empty where it is."""
    lead = model_above(metrics, key, name)
    if lead["low"] is not None:
        if lead["low"] > 0:
            return ""
        return f"and the model's {number(score(metrics, name)['value'], 2)} is {distance(lead)} it"
    value, own = baseline_score(metrics, key, name)["value"], score(metrics, name)
    if own["low"] is None or value < own["low"]:
        return ""
    return f"{'above' if own['high'] is not None and value > own['high'] else 'inside'} the model's interval"


def _warn_folders(metrics: Mapping[str, Any], predictions: pd.DataFrame) -> str:
    table = folder_errors(predictions, metrics.get("split", "test"))
    found = [
        f"{row.folder}, {row.wrong} of {row.images} {row.label} images, against "
        f"{row.elsewhere_wrong} of {row.elsewhere} in other folders"
        for row in table[table["p_holm"] < UNLIKELY].itertuples()
    ]
    if not found:
        return ""
    return (
        f"Errors crowd in one place: {'; '.join(found)}. Either labels there are wrong, or its images are of another "
        "kind than those that were trained on: look at them before you trust or improve the score."
    )


def _warn_missing(metrics: Mapping[str, Any], tested: pd.DataFrame, manifest: pd.DataFrame) -> str:
    classes = list(metrics.get("classes_order") or sorted(manifest["label"].unique()))
    missing = [str(name) for name in classes if not (tested["label"] == name).any()]
    if not missing:
        return ""
    return (
        f"The test set has no image of {', '.join(missing)}: nothing is known about "
        f"{'this class' if len(missing) == 1 else 'these classes'}, and means over the classes leave "
        f"{'it' if len(missing) == 1 else 'them'} out."
    )


def _warn_protocol(config: Mapping[str, Any]) -> str:
    protocol = setting(config, "protocol")
    if protocol == "random":
        return (
            "The split was drawn image by image (protocol “random”), so near-duplicates may stand on both sides of it."
        )
    if protocol == "official":
        return (
            "The split is the one that the data set came with (protocol “official”). It was taken as it is, whatever "
            "it repeats; the grouped protocol keeps near-duplicates together."
        )
    return ""


def _groups(metrics: Mapping[str, Any], tested: pd.DataFrame) -> int:
    return int(metrics.get("groups") or tested["group"].nunique())


def _warn_size(groups: int) -> str:
    if groups >= FEW_GROUPS:
        return ""
    return f"The test set has only {_count(groups, 'group')}: too few to tell a good model from a lucky one."


def _warn_synthetic(config: Mapping[str, Any], manifest: pd.DataFrame) -> str:
    sources = set(manifest["source"].astype(str))
    drawn = {name for name in sources if name.startswith("synthetic")}
    if drawn and drawn < sources:
        return (
            f"Some images are synthetic ({', '.join(sorted(drawn))}) and some are not, so a model may tell drawn "
            "from real pictures instead of what was asked."
        )
    if drawn or setting(config, "dataset") == "synthetic":
        return "The images are synthetic. These scores show that the pipeline works, and nothing about real patients."
    return ""


def _count(number_of: int, noun: str) -> str:
    return f"{number_of:,} {noun}{'' if number_of == 1 else 's'}"
