"""The audit: what a labelled folder of images hides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import BINARY_CLASSES, to_binary
from braintumor_tf.datasets.manifest import Scan
from braintumor_tf.identity.people import persons
from braintumor_tf.leakage.audit_report import AuditReport, NearDuplicateCounts, Overlap, Rows
from braintumor_tf.leakage.groups import group, near_duplicate_in_training
from braintumor_tf.leakage.label_issues import find_label_issues
from braintumor_tf.leakage.manifest_counts import (
    FINGERPRINTS,
    class_table,
    count_duplicates,
    label_conflicts,
    picture_faults,
    size_table,
)
from braintumor_tf.leakage.merging.overlaps import shared_images, with_fingerprints
from braintumor_tf.leakage.provenance import find_provenance
from braintumor_tf.matching.fingerprints import CORRELATION, DISTANCE, near_pairs, same_picture
from braintumor_tf.matching.other_poses import POSE_COLUMNS

MAX_PAIRS = 24
"""How many pairs of near-duplicates the audit shows."""


def audit(
    scan: Scan,
    against: Sequence[Scan] = (),
    *,
    distance: int = DISTANCE,
    correlation: float = CORRELATION,
    poses: bool = True,
    labels: bool = False,
    show_progress: bool = True,
) -> AuditReport:
    """Looks for duplicates, near-duplicates and patients across splits, wrong labels, bad files, overlaps.

    Args:
        scan: the data set, linked to published pictures where origins and patients are wanted (`identity.load`); its
            official splits, where it has any, are the ones that are audited.
        against: other data sets.
        distance: bits that the perceptual hashes of near-duplicates may differ in, 0 to 32.
        correlation: the least correlation of their thumbnails, -1 to 1.
        poses: also look for copies that are mirrored, turned, cropped, shifted or otherwise altered.
        labels: also look for suspicious labels (`label_issues.find_label_issues`), which needs the extra ``labels``.
        show_progress: progress bars.

    Returns:
        The report; `format_audit` makes text of it, and `report.pages.audit.write_audit_page` a page.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from braintumor_tf.datasets import scan, write_synthetic
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_synthetic(f"{folder}/set", patients_per_class=2, slices_per_patient=2, image_size=64)
        ...     report = audit(scan(f"{folder}/set"))
        >>> report.leak, report.md5.redundant_files
        (True, 6)
    """
    everything = pd.concat([scan.manifest, *(other.manifest for other in against)], ignore_index=True)
    options = {"distance": distance, "correlation": correlation, "poses": poses}
    pairs = near_pairs(everything, **options, show_progress=show_progress)
    own = len(scan.manifest)
    inside = pairs[pairs["second"] < own]
    manifest = with_fingerprints(scan.manifest.reset_index(drop=True), inside)
    joined = group(manifest, pairs=inside)
    return AuditReport(
        root=scan.title,
        images=own,
        unreadable_files=scan.unreadable.to_dict("records"),
        passed_over=scan.passed_over.to_dict("records"),
        remarks=[*_remarks(scan, against), *_few_groups(joined)],
        picture_faults=picture_faults(manifest),
        classes=_class_rows(manifest),
        sizes=size_table(manifest).to_dict("records"),
        test_images=int((manifest["split"] == "test").sum()),
        **_duplicates(manifest, inside, distance, correlation),
        label_conflicts=label_conflicts(manifest),
        against=_overlaps(with_fingerprints(everything, pairs), own, against),
        pairs=_pairs_to_show(everything, pairs, own),
        provenance=find_provenance(manifest, joined["group"], linked=getattr(scan, "links", None) is not None),
        leaking=_leaking(manifest),
        label_issues=find_label_issues(joined, show_progress=show_progress) if labels else None,
        merge=getattr(scan, "merge", None),
    )


def _duplicates(manifest: pd.DataFrame, pairs: pd.DataFrame, distance: int, correlation: float) -> dict[str, Any]:
    """Counts what each fingerprint finds twice."""
    counts = {name: count_duplicates(manifest, column) for name, column in FINGERPRINTS.items()}
    sizes = manifest["group"].value_counts()
    counts["near"] = NearDuplicateCounts(
        **asdict(counts["near"]),
        groups=len(sizes),
        largest_group=int(sizes.max()),
        distance=distance,
        correlation=correlation,
        pose_pairs=int(pairs["detail"].notna().sum()),
    )
    return counts


def _remarks(scan: Scan, against: Sequence[Scan]) -> list[str]:
    return [*scan.remarks, *(f"{other.root}: {remark}" for other in against for remark in other.remarks)]


def _few_groups(manifest: pd.DataFrame) -> list[str]:
    """Says which classes have several images and yet one group, which a split cannot divide."""
    found = manifest.groupby("label")["group"].agg(["size", "nunique"])
    names = [str(name) for name in found.index[(found["nunique"] == 1) & (found["size"] > 1)]]
    one = "all images of the class {} are of one group, look-alikes or one patient: a split cannot divide them"
    return [one.format(name) for name in names]


def _leaking(manifest: pd.DataFrame) -> int:
    """Counts the test images with a near-duplicate or their patient in training."""
    test = manifest.assign(person=persons(manifest))
    test, everything = test[test["split"] == "test"], test
    found = [near_duplicate_in_training(test, everything, column=column) for column in ("group", "person")]
    return int((found[0] | found[1]).sum())


def _class_rows(manifest: pd.DataFrame) -> Rows:
    return class_table(manifest).reset_index().to_dict("records")


def _overlaps(joint: pd.DataFrame, own: int, against: Sequence[Scan]) -> list[Overlap]:
    """For each other data set, how much of it is here and of ours there, by each fingerprint, and filed differently."""
    ours, start, found = joint.iloc[:own], own, []
    for other in against:
        theirs = joint.iloc[start : start + len(other.manifest)]
        start += len(other.manifest)
        there = ours["picture"].isin(theirs["picture"])
        conflicts = _conflicts_between(ours[there], theirs[theirs["picture"].isin(ours["picture"])])
        found.append(
            Overlap(
                root=other.title,
                images=len(theirs),
                **shared_images(ours, theirs),
                classes=_class_rows(ours[there]),
                label_conflicts=conflicts,
            )
        )
    return found


def _conflicts_between(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[list[str]]:
    """Pictures that two data sets file differently; as tumour or not, if one of them knows no more."""
    both = [ours, theirs]
    if any(set(manifest["label"]) <= set(BINARY_CLASSES) for manifest in both):
        both = [to_binary(manifest) for manifest in both]
    return label_conflicts(pd.concat(both, ignore_index=True))


def _pairs_to_show(everything: pd.DataFrame, pairs: pd.DataFrame, own: int) -> Rows:
    """Chooses pairs worth a look: across splits, classes or data sets first, some of each kind of fingerprint."""
    first, second = everything.iloc[pairs["first"]], everything.iloc[pairs["second"]]

    def differs(column: str) -> np.ndarray:
        return first[column].to_numpy() != second[column].to_numpy()

    across = (pairs["first"] < own) & (pairs["second"] >= own)
    inside = pairs["second"] < own
    rank = np.select([differs("label") & inside, across, differs("split") & inside, inside], [0, 1, 2, 3], 4)
    kind = np.select(
        [~differs("md5"), ~differs("pixel_hash"), same_picture(pairs)], ["bytes", "pixels", "picture"], "near"
    )
    table = pairs.assign(rank=rank, kind=kind, aligned=pairs["detail"].notna())
    table = table[table["rank"] < 4].sort_values(["rank", "correlation", "first"])
    table["turn"] = table.groupby(["rank", "kind", "aligned"]).cumcount()
    table = table.sort_values(["turn", "rank"], kind="stable").head(MAX_PAIRS)
    return [
        {
            "a": everything["path"].iat[row.first],
            "b": everything["path"].iat[row.second],
            "fingerprint": row.kind,
            "correlation": round(float(row.correlation), 4),
            "split_a": everything["split"].iat[row.first],
            "split_b": everything["split"].iat[row.second],
            "label_a": everything["label"].iat[row.first],
            "label_b": everything["label"].iat[row.second],
            **_pose(row),
        }
        for row in table.itertuples()
    ]


def _pose(row: Any) -> dict[str, Any]:
    """How the second picture lies to the first, if they had to be aligned."""
    if not row.aligned:
        return {}
    pose = {name: getattr(row, name) for name in POSE_COLUMNS}
    return {name: round(float(value), 4) if isinstance(value, float) else value for name, value in pose.items()}
