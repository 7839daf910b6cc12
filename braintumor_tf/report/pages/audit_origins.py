"""The parts of the audit page on origins, patients and suspicious labels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from braintumor_tf.leakage.provenance import CONFOUNDED
from braintumor_tf.report.sections.embedding import MAX_TILES, embed_thumbnail
from braintumor_tf.report.wording.numbers import counted, number, percent

MAX_PATIENTS = 40
"""How many patients in several splits the page lists."""


def origins_context(audit: Mapping[str, Any], root: str) -> dict[str, Any] | None:
    """Returns what the page's section on origins and patients shows; None if the audit knows nothing of them."""
    found = audit.get("provenance")
    if not isinstance(found, Mapping):
        return None
    classes = [name for name in found["origins"][0] if name != "origin"] if found["origins"] else []
    patients, shared = found["patients"], shared_patients(found)
    return {
        "linked": found["linked"],
        "known": found["known"],
        "columns": [*classes, "images"],
        "rows": [_origin_row(row, classes) for row in found["origins"]],
        "threshold": number(CONFOUNDED, 2),
        "classes": [_class_row(row) for row in found["classes"]],
        "contradictions": [_contradiction(row, root) for row in found["contradictions"][:MAX_TILES]],
        "contradiction_count": len(found["contradictions"]),
        "patients": patients,
        "several": found["patient_contradictions"],
        "patient_sentence": patient_sentence(found) + (f" {shared}." if shared else ""),
        "crossing": [
            {**row, "test_paths": [relative(path, root) for path in row["test_paths"]]}
            for row in patients["crossing"][:MAX_PATIENTS]
        ],
    }


def labels_context(audit: Mapping[str, Any], root: str) -> dict[str, Any] | None:
    """Returns what the page's section on suspicious labels shows; None if they were not looked for."""
    found = audit.get("label_issues")
    if not isinstance(found, Mapping):
        return None
    issues = found["issues"]
    judged = [row for row in issues if row["origin_label"]]
    return {
        "count": len(issues),
        "images": f"{found['images']:,}",
        "model": found["model"],
        "folds": found["folds"],
        "accuracy": percent(found["accuracy"], 1),
        "known": len(judged),
        "confirmed": sum(row["origin_label"] == row["label"] for row in judged),
        "tiles": [_suspicion(row, root) for row in issues[:MAX_TILES]],
    }


def provenance_warnings(audit: Mapping[str, Any]) -> list[str]:
    """Returns the warnings at the top of the page that origins and patients give."""
    found = audit.get("provenance")
    if not isinstance(found, Mapping):
        return []
    warnings = [
        sentence.replace("CONFOUNDED", "Class and origin are confounded")
        for sentence in found["sentences"]
        if sentence.startswith(("CONFOUNDED", "Whether class and origin are confounded"))
    ]
    if found["patients"]["test_in_training"]:
        warnings.insert(0, f"{shared_patients(found)}: a score on this test set says little about new patients.")
    if found["contradictions"]:
        warnings.append(f"Labels that contradict those of the published pictures: {len(found['contradictions'])}.")
    return warnings


def provenance_advice(audit: Mapping[str, Any]) -> list[str]:
    """Returns what to do about origins, patients and suspicious labels."""
    found, advice = audit.get("provenance"), []
    if isinstance(found, Mapping):
        if found["patients"]["test_in_training"]:
            advice.append("Split anew with the grouped protocol: it keeps all images of a known patient on one side.")
        if found["confounded"]:
            advice.append(
                "Add images of the confounded class from the other origins, or test on each origin alone; "
                "until then no score can tell tumour from place."
            )
        if found["contradictions"]:
            advice.append("Look at the labels that contradict the published picture's, and correct the wrong ones.")
    labels = audit.get("label_issues")
    if isinstance(labels, Mapping) and labels["issues"]:
        advice.append("Have somebody who reads MRI look at the most suspicious labels; change none by this list alone.")
    return advice


def patient_sentence(found: Mapping[str, Any]) -> str:
    """Says how many patients are known."""
    patients = found["patients"]
    if not patients["images"]:
        return "The patient of no image is known."
    return f"{counted(patients['patients'], 'patient')} known, in {patients['images']:,} of {found['images']:,} images."


def shared_patients(found: Mapping[str, Any]) -> str:
    """Says how far the folder's own splits divide patients; empty without test images of known patients."""
    patients = found["patients"]
    if not patients["test_images"]:
        return ""
    return (
        f"{patients['test_in_training']:,} of {counted(patients['test_images'], 'test image')} with a known patient "
        "have that patient in training"
    )


def relative(path: str, root: str) -> str:
    """A path without the audited folder in front, as it is where it lies elsewhere."""
    return os.path.relpath(path, root) if root and path.startswith(root.rstrip(os.sep) + os.sep) else path


def _origin_row(row: Mapping[str, Any], classes: list[str]) -> dict[str, Any]:
    counts = [int(row[name]) for name in classes]
    return {"origin": row["origin"], "numbers": [f"{count:,}" for count in (*counts, sum(counts))]}


def _class_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "label": row["label"],
        "accuracy": number(row["balanced_accuracy"], 2),
        "origin": row["origin"],
        "share": percent(row["share"], 1),
        "share_of_others": percent(row["share_of_others"], 1),
        "confounded": row["confounded"],
    }


def _contradiction(row: Mapping[str, Any], root: str) -> dict[str, Any]:
    there = f"{row['origin_label']} in {row['origin']} ({row['origin_id']})"
    return _tile(row, root, f"filed as {row['label']}", there, wrong=True)


def _suspicion(row: Mapping[str, Any], root: str) -> dict[str, Any]:
    note = f"perhaps {row['suggested']}, score {number(row['score'], 2)}"
    if row["origin_label"]:
        note += f"; {row['origin_label']} in {row['origin']}"
    return _tile(row, root, f"filed as {row['label']}", note, wrong=row["origin_label"] == row["suggested"])


def _tile(row: Mapping[str, Any], root: str, title: str, note: str, *, wrong: bool) -> dict[str, Any]:
    picture = embed_thumbnail(row["path"])
    return {"source": picture, "title": title, "note": note, "path": relative(row["path"], root), "wrong": wrong}
