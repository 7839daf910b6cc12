"""What an audit found, as one object: for JSON, as text for a terminal, and as a verdict of one or two sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from braintumor_tf.leakage.label_issues import LabelIssues
from braintumor_tf.leakage.manifest_counts import FINGERPRINT_NAMES, DuplicateCounts
from braintumor_tf.leakage.merging.merge_result import Merge
from braintumor_tf.leakage.merging.overlaps import Shared
from braintumor_tf.leakage.provenance import Provenance

Rows = list[dict[str, Any]]

MAX_LINES = 14
"""How many bad files, contradicted or suspicious labels the text lists; JSON has all."""

MAX_FILES = 4
"""How many files of one picture a line lists."""


@dataclass(frozen=True, kw_only=True)
class NearDuplicateCounts(DuplicateCounts):
    """What `DuplicateCounts` says of near-duplicates, and how they were looked for.

    Attributes:
        groups: groups of look-alikes, single images included.
        largest_group: images of the largest.
        distance: bits that the perceptual hashes of near-duplicates may differ in.
        correlation: the least correlation of their thumbnails.
        pose_pairs: pairs that had to be aligned: mirrored, turned, cropped, shifted or otherwise altered copies.
    """

    groups: int
    largest_group: int
    distance: int
    correlation: float
    pose_pairs: int = 0


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What a data set shares with another one.

    Attributes:
        root: the other's folder.
        images: how many it has.
        md5, pixels, picture, near: what is in both, by fingerprint.
        patients: images there whose patient has an image here, and the other way round.
        classes: rows of split and label counts of the images here that are there as the same picture.
        label_conflicts: pictures that are filed differently there, each as the paths of its files.
    """

    root: str
    images: int
    md5: Shared
    pixels: Shared
    picture: Shared
    near: Shared
    patients: Shared
    classes: Rows
    label_conflicts: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """What an audit found in a labelled folder.

    Attributes:
        root: the folder.
        images: how many images could be read.
        unreadable_files: ``path`` and ``reason`` of those that could not.
        passed_over: ``path`` and ``reason`` of what else was seen and is not used.
        remarks: sentences on the layout, and on how much is not used.
        picture_faults: sentences on pictures that teach nothing (`manifest_counts.picture_faults`).
        classes: rows of a split and its images of each class.
        sizes: rows of the most frequent picture sizes.
        test_images: images of the split ``test``.
        md5: duplicates with the same bytes.
        pixels: duplicates with the same grey pixels, those of `md5` included.
        picture: duplicates that show the same picture, re-encoded or resized, those of `pixels` included.
        near: look-alikes such as neighbouring slices, those of `picture` included.
        label_conflicts: for each picture under several labels the paths of its files.
        against: what is shared with each of the other data sets.
        pairs: a choice of near-duplicate pairs to look at: ``a``, ``b`` (paths), ``fingerprint``, ``correlation``,
            ``split_a``, ``split_b``, ``label_a``, ``label_b``, and `matching.other_poses.POSE_COLUMNS` of those
            that had to be aligned.
        provenance: which published pictures the images are, and what follows for classes, labels and patients.
        leaking: test images with a near-duplicate or their patient in training.
        label_issues: images with a suspicious label, if they were looked for.
        merge: what went into a data set that was merged of several, and what they share.
    """

    root: str
    images: int
    unreadable_files: Rows
    passed_over: Rows
    remarks: list[str]
    picture_faults: list[str]
    classes: Rows
    sizes: Rows
    test_images: int
    md5: DuplicateCounts
    pixels: DuplicateCounts
    picture: DuplicateCounts
    near: NearDuplicateCounts
    label_conflicts: list[list[str]]
    against: Sequence[Overlap]
    pairs: Rows
    provenance: Provenance
    leaking: int
    label_issues: LabelIssues | None = None
    merge: Merge | None = None

    @property
    def leak(self) -> bool:
        """Whether a test image has a near-duplicate or its patient in training, or another data set overlaps."""
        return bool(self.leaking or any(other.near.images or other.patients.images for other in self.against))

    def to_dict(self) -> dict[str, Any]:
        """Returns the object that ``braintumor-tf audit --json`` prints."""
        return {
            "root": self.root,
            "images": self.images,
            "unreadable": len(self.unreadable_files),
            "unreadable_files": self.unreadable_files,
            "passed_over": self.passed_over,
            "remarks": self.remarks,
            "picture_faults": self.picture_faults,
            "classes": self.classes,
            "sizes": self.sizes,
            "test_images": self.test_images,
            **{key: getattr(self, key).to_dict() for key in FINGERPRINT_NAMES},
            "label_conflicts": self.label_conflicts,
            "against": [asdict(other) for other in self.against],
            "pairs": self.pairs,
            "provenance": self.provenance.to_dict(),
            "leaking": self.leaking,
            "leak": self.leak,
            **({"label_issues": self.label_issues.to_dict()} if self.label_issues else {}),
            **({"merge": self.merge.to_dict()} if self.merge else {}),
        }


def format_audit(report: AuditReport) -> str:
    """Returns an audit as text for a terminal: first what it means, then the tables.

    Args:
        report: from `audit`.
    """
    found = report.provenance
    lines = [f"{report.root}: {report.images:,} images, {len(report.unreadable_files)} unreadable files", ""]
    lines += [*_leak_sentences(report), *report.picture_faults, *found.sentences, *_label_sentences(report), ""]
    lines += [*report.merge.sentences, ""] if report.merge else []
    lines += [f"  {remark}" for remark in report.remarks]
    lines += _shown("unreadable", [f"{row['path']}: {row['reason']}" for row in report.unreadable_files])
    lines += [_class_lines(report.classes), ""]
    if found.known:
        lines += [_class_lines(found.origins, "origin"), ""]
    lines += [*_duplicate_lines(report), ""]
    lines += [f"{report.near.groups:,} groups of look-alikes, the largest of {report.near.largest_group} images"]
    if report.near.pose_pairs:
        lines += [f"{report.near.pose_pairs:,} pairs are copies in another pose: mirrored, turned, cropped or shifted"]
    lines += _shown("one picture under several labels", [_conflict(paths) for paths in report.label_conflicts])
    lines += _shown("labels that contradict the origin's", [_contradiction(row) for row in found.contradictions])
    if report.label_issues:
        lines += _shown("suspicious labels", [_suspicion(row) for row in report.label_issues.issues])
    for other in report.against:
        lines += _overlap_lines(other)
    return "\n".join(lines)


def _leak_sentences(report: AuditReport) -> list[str]:
    """What an audit means for a score on the data set's own test images."""
    test, near, patients = report.test_images, report.near, report.provenance.patients
    lines = []
    if near.test_in_training:
        same = report.picture.test_in_training
        lines.append(
            f"LEAK: {near.test_share:.0%} of the test images have a near-duplicate in training "
            f"({same} the same picture, {near.test_in_training - same} a look-alike such as a neighbouring slice); "
            "a score on this test set is no evidence. Split by group instead (protocol grouped)."
        )
    elif not test and near.redundant_files:
        share = near.redundant_files / report.images
        lines.append(f"No official test split. {share:.0%} of the images are redundant: split by group, not at random.")
    else:
        lines.append("No test image has a near-duplicate in training." if test else "No near-duplicates found.")
    if patients.test_in_training:
        lines.append(
            f"LEAK: {patients.test_in_training} of the {patients.test_images} test images with a known patient have "
            f"that patient in training; near-duplicates and patients together reach {report.leaking} of {test}."
        )
    elif patients.test_images:
        lines.append(f"None of the {patients.test_images} test images with a known patient has it in training.")
    overlaps = [other.root for other in report.against if other.near.images or other.patients.images]
    if overlaps:
        lines.append(
            f"LEAK: overlaps with {', '.join(overlaps)}; drop the overlap before one is used to test the other."
        )
    return lines


def _label_sentences(report: AuditReport) -> list[str]:
    found = report.label_issues
    if found is None:
        return []
    return [
        f"{len(found.issues)} suspicious labels: a quick model, right for {found.accuracy:.0%} of images of groups it "
        "never saw, takes them for another class. Look at the first ones; many are the model's mistakes."
    ]


def _shown(what: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  and {len(lines) - MAX_LINES} more (--json or --html)"] if len(lines) > MAX_LINES else []
    return [f"{what}:", *(f"  {line}" for line in lines[:MAX_LINES]), *more]


def _conflict(paths: list[str]) -> str:
    more = f", {len(paths) - MAX_FILES} more" if len(paths) > MAX_FILES else ""
    return ", ".join(paths[:MAX_FILES]) + more


def _contradiction(row: dict[str, Any]) -> str:
    return f"{row['path']}: {row['label']}, but {row['origin_label']} in {row['origin']}"


def _suspicion(row: dict[str, Any]) -> str:
    there = f", {row['origin_label']} in {row['origin']}" if row["origin_label"] else ""
    return f"{row['score']:.2f} {row['path']}: {row['label']}, perhaps {row['suggested']}{there}"


def _class_lines(rows: Rows, name: str = "split") -> str:
    return pd.DataFrame(rows).set_index(name).to_string()


def _duplicate_lines(report: AuditReport) -> list[str]:
    lines = [
        f"{'':24}{'redundant':>12}{'across':>10}{'across':>10}{'test images with a':>28}",
        f"{'fingerprint':24}{'files':>12}{'splits':>10}{'classes':>10}{'near-duplicate in training':>28}",
    ]
    for key, name in FINGERPRINT_NAMES.items():
        found: DuplicateCounts = getattr(report, key)
        share = f"{found.test_in_training} of {report.test_images}" if report.test_images else "no test split"
        lines.append(
            f"{name:24}{found.redundant_files:>12,}{found.across_splits:>10,}{found.across_classes:>10,}{share:>28}"
        )
    return lines


def _overlap_lines(other: Overlap) -> list[str]:
    shared = ", ".join(f"{getattr(other, key).images:,} ({name})" for key, name in FINGERPRINT_NAMES.items())
    lines = ["", f"overlap with {other.root} ({other.images:,} images): of its images {shared} are here too"]
    if other.patients.images:
        lines += [f"{other.patients.images:,} of its images show a patient of an image here"]
    if other.classes:
        lines += ["of the images here, these are there too as the same picture:", _class_lines(other.classes)]
    conflicts = [_conflict(paths) for paths in other.label_conflicts]
    return lines + _shown("one picture under several labels, here or there", conflicts)
