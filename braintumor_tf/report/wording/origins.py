"""What pages and cards say of origins and patients: whether features name them, and who is on both sides of a split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from braintumor_tf.evaluation.scores.judgement import BETTER, NOT_TOLD_APART, WORSE, judge
from braintumor_tf.identity.link_tables import UNKNOWN as UNKNOWN_ORIGIN
from braintumor_tf.leakage.origins import UNKNOWN
from braintumor_tf.leakage.provenance.confounding import class_origins
from braintumor_tf.leakage.provenance.provenance_result import told_by_origin
from braintumor_tf.leakage.rungs import SplitLeaks
from braintumor_tf.report.wording.judgements import reason
from braintumor_tf.report.wording.numbers import as_score, counted, number, percent, score_text


def origin_title(name: str) -> str:
    """Returns the name of an origin for people.

    Example:
        >>> origin_title("figshare"), origin_title("unknown:sartaj")
        ('figshare', 'unknown (sartaj)')
    """
    return f"unknown ({name.removeprefix(UNKNOWN)})" if name.startswith(UNKNOWN) else name


def probe_sentence(metrics: Mapping[str, Any]) -> str:
    """Says in one sentence how often the network's features name the origin; empty for a run of one origin.

    Args:
        metrics: as in ``metrics.json``.

    Example:
        >>> found = {"value": 0.8, "low": 0.7, "high": 0.9, "chance": 0.5, "origins": ["a", "b"], "images": 90}
        >>> probe = {"features": {"overall": found, "within_classes": None}}
        >>> probe_sentence({"source_probe": probe}).split("with ")[1]
        'balanced accuracy 0.80 (0.70–0.90); chance is 0.50.'
    """
    features = (metrics.get("source_probe") or {}).get("features")
    if not features:
        return ""
    within = features.get("within_classes")
    found = within or features["overall"]
    where = " within one class" if within else ""
    return (
        f"From the model’s features a linear model names the origin{where} with balanced accuracy "
        f"{score_text(found, 2)}; chance is {number(found['chance'], 2)}."
    )


def probe_sentences(metrics: Mapping[str, Any]) -> list[str]:
    """Says what the source probe found: from features and from pixels, which class it rests on, what was left out.

    Args:
        metrics: as in ``metrics.json``.

    Returns:
        Nothing for a run whose images are of one origin.
    """
    probe = metrics.get("source_probe")
    if not probe:
        return []
    left = [
        f"{origin_title(name)} ({counted(size['images'], 'image')} of {counted(size['groups'], 'group')})"
        for name, size in probe["left_out"].items()
    ]
    out = f"Too few images or groups to ask about: {', '.join(left)}." if left else ""
    if not probe["features"]:
        return [f"Whether the model’s features name the origin of an image could not be asked. {out}".strip()]
    names = ", ".join(map(origin_title, probe["features"]["overall"]["origins"]))
    texts = [f"{probe_sentence(metrics)} {_meaning(probe)}", _across_classes(probe, names), out]
    return [text for text in texts if text]


def _meaning(probe: Mapping[str, Any]) -> str:
    """Says what the headline of the probe means, beside that of thumbnails."""
    which = "within_classes" if probe["features"]["within_classes"] else "overall"
    found, pixels = as_score(probe["features"][which]), as_score(probe["pixels"][which])
    chance = probe["features"][which]["chance"]
    beside = f"From thumbnails of 32 × 32 pixels it is {score_text(pixels, 2)}."
    judgement = judge(found, against=chance)
    if judgement.outcome == BETTER:
        return f"The features tell places apart, so a score may rest on the place. {beside}"
    if judgement.outcome == WORSE:
        return f"That is worse than guessing. {beside}"
    return f"That is {NOT_TOLD_APART} from guessing{reason(judgement)}. {beside}"


def _across_classes(probe: Mapping[str, Any], names: str) -> str:
    features = probe["features"]
    if not features["within_classes"]:
        return (
            f"No class has enough images of two origins ({names}), so it cannot be said whether the features know the "
            "origin or only the class."
        )
    return (
        f"Over all classes it is {score_text(features['overall'], 2)} of {names} (chance "
        f"{number(features['overall']['chance'], 2)}); that number also holds what the class tells of the origin."
    )


def confounding_warning(manifest: pd.DataFrame) -> str:
    """Returns the reason to doubt a run whose classes can be told by their origin, as the audit says it; else empty.

    Args:
        manifest: the table of images with the splits that were used.
    """
    if "origin" not in manifest or (manifest["origin"] == "").all():
        return ""
    found = class_origins(manifest, manifest["origin"].replace("", UNKNOWN_ORIGIN), manifest["group"])
    told = told_by_origin(found)
    return f"Class and origin go together: {told[0]}" if told else ""


_REMEDIES = (
    ("grey_curves", "random grey curves"),
    ("bias_fields", "random bias fields"),
    ("blur", "random blur"),
    ("box_loss", "a second head that finds the lesion, in training alone"),
    ("balance", "all pairs of origin and class weighed alike"),
    ("group_dro", "a loss that follows the worst pair of origin and class (group-DRO)"),
)
"""Settings of a training that keep it from telling the class by the place, and what each is called."""


def remedies_text(settings: Mapping[str, Any], pairs: Mapping[str, Any] | None) -> str:
    """Says what a training did so that the class cannot be told by the place; empty for a training without.

    Args:
        settings: of the training, as in ``config.json``.
        pairs: the counterfactual pictures, as in ``metrics.json``, or None.

    Example:
        >>> made = {"pictures": 6, "removed": 2, "pasted": 1, "refilled": 1, "as_it_is": 2, "left_out": {"why": 4}}
        >>> remedies_text({"counterfactuals": 1, "blur": 1.0}, made).split("(")[1]
        '2 lesions taken out, 1 put in, 1 changed elsewhere; 4 training images left out: why); random blur'
    """
    found = []
    if settings.get("counterfactuals"):
        made = pairs or {}
        controls = sum(made.get(name, 0) for name in ("refilled", "patched"))
        left = ", ".join(
            f"{count:,} training images left out: {why}" for why, count in made.get("left_out", {}).items()
        )
        counts = f"{made.get('removed', 0):,} lesions taken out, {made.get('pasted', 0):,} put in"
        counts += f", {controls:,} changed elsewhere" + (f"; {left}" if left else "")
        pictures = f"{made.get('pictures', 0):,} pictures, each head with and without a lesion equally often"
        found.append(f"counterfactual training: {pictures} ({counts})")
    found += [text for name, text in _REMEDIES if settings.get(name)]
    return "; ".join(found)


def remedies_sentence(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Returns `remedies_text` of a run as a sentence; empty for a run that was trained without.

    Args:
        config: the run's settings.
        metrics: as in ``metrics.json``.
    """
    made = (metrics.get("training") or {}).get("counterfactuals")
    text = remedies_text(config.get("training") or {}, made)
    return f"Against the confounding of origins and classes it was trained with {text}." if text else ""


def patient_sentence(leaks: SplitLeaks) -> str:
    """Says for how many test images the patient is known, and how many of these have the patient in training too."""
    images = counted(leaks.images, "test image")
    if not leaks.known_patients:
        return f"The patient is known for none of the {images}: a patient may stand on both sides."
    text = (
        f"The patient is known for {leaks.known_patients:,} of the {images}; {leaks.same_patient:,} of these have that "
        "patient in training."
    )
    rest = " Images without a known patient may still share one with training."
    return text + (rest if leaks.known_patients < leaks.images else "")


def patient_warning(leaks: SplitLeaks) -> str:
    """Returns the reason to doubt a split that has known patients on both sides; empty without one."""
    if not leaks.same_patient:
        return ""
    known = counted(leaks.known_patients, "test image")
    text = (
        f"{leaks.same_patient:,} of the {known} with a known patient "
        f"({percent(leaks.same_patient, leaks.known_patients)}) have that patient in training. The score is not one on "
        "new patients; the grouped protocol keeps known patients on one side."
    )
    unknown = leaks.images - leaks.known_patients
    return text + (f" Of the other {unknown:,} nobody knows." if unknown else "")
