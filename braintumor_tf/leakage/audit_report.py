"""The audit: what a labelled folder of images hides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import BINARY_CLASSES, to_binary
from braintumor_tf.datasets.manifest import Scan
from braintumor_tf.leakage.groups import CORRELATION, DISTANCE, group, near_duplicate_in_training, near_pairs

FINGERPRINTS = {"md5": "md5", "pixels": "pixel_hash", "picture": "picture", "near": "group"}
"""The audit's fingerprints, strict to wide, and the column that holds each."""

NAMES = {
    "md5": "same bytes",
    "pixels": "same grey pixels",
    "picture": "same picture",
    "near": "look-alikes",
}
"""What the fingerprints are called in text."""

SAME_PICTURE = 0.99
"""Correlation of two thumbnails from which near-duplicates are taken for one picture, in another encoding or size."""

MAX_PAIRS = 24
"""How many pairs of twins the audit shows."""


def audit(
    scan: Scan,
    against: Sequence[Scan] = (),
    distance: int = DISTANCE,
    correlation: float = CORRELATION,
    show_progress: bool = True,
) -> dict[str, Any]:
    """Looks for duplicates, twins across splits, label conflicts, bad files, and overlaps with other data sets.

    Args:
        scan: the data set; its official splits, where it has any, are the ones that are audited.
        against: other data sets.
        distance: bits that the perceptual hashes of near-duplicates may differ in.
        correlation: the least correlation of their thumbnails.
        show_progress: progress bars.

    Returns:
        One JSON-like object: ``root``, ``images``, ``unreadable`` (how many), ``unreadable_files``, ``classes`` and
        ``sizes`` (tables as lists of rows), ``test_images``, ``md5`` (same bytes), ``pixels`` (same grey pixels),
        ``picture`` (same picture, re-encoded or resized) and ``near`` (look-alikes: neighbouring slices too), each
        wider than the one before and each with ``redundant_files``, ``within_split``, ``across_splits``,
        ``across_classes``, ``test_with_train_twin``, ``test_share``, and for near ``groups``, ``largest_group``,
        ``distance``, ``correlation``; ``label_conflicts`` (lists of paths that show one picture under several labels),
        ``against`` (for each other data set ``root``, ``images``, overlaps by fingerprint, ``classes`` of the images
        here that are there as the same picture, and ``label_conflicts``: pictures that are filed differently there),
        ``pairs`` (a choice of twins to look at), ``leak`` (whether a test image has a training twin or another
        data set overlaps).
    """
    manifests = [scan.manifest, *(other.manifest for other in against)]
    everything = pd.concat(manifests, ignore_index=True)
    pairs = near_pairs(everything, distance, correlation, show_progress)
    own = len(scan.manifest)
    manifest = _grouped(scan.manifest.reset_index(drop=True), pairs[pairs["second"] < own])
    joint = _grouped(everything, pairs)
    report: dict[str, Any] = {
        "root": str(scan.root),
        "images": own,
        "unreadable": len(scan.unreadable),
        "unreadable_files": scan.unreadable.to_dict("records"),
        "classes": class_table(manifest).reset_index().to_dict("records"),
        "sizes": size_table(manifest).to_dict("records"),
        "test_images": int((manifest["split"] == "test").sum()),
    }
    for name, column in FINGERPRINTS.items():
        report[name] = duplicate_counts(manifest, column)
    sizes = manifest["group"].value_counts()
    report["near"] |= {
        "groups": len(sizes),
        "largest_group": int(sizes.max()),
        "distance": distance,
        "correlation": correlation,
    }
    report["label_conflicts"] = label_conflicts(manifest)
    report["against"] = _overlaps(joint, own, against)
    report["pairs"] = _pairs_to_show(everything, manifest, pairs, own)
    overlap = any(row["near"]["images"] for row in report["against"])
    report["leak"] = bool(report["near"]["test_with_train_twin"] or overlap)
    return report


def label_conflicts(manifest: pd.DataFrame) -> list[list[str]]:
    """Returns, for each picture that is filed under several labels, the paths of all its files.

    Args:
        manifest: with the column ``picture`` of same pictures, such as `group` makes at a correlation of
            `SAME_PICTURE`.
    """
    labels = manifest.groupby("picture")["label"].transform("nunique")
    return sorted(sorted(paths) for _, paths in manifest[labels > 1].groupby("picture")["path"])


def _grouped(manifest: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Fills the groups of look-alikes, and a further column for those that show one and the same picture."""
    pictures = group(manifest.assign(group=""), pairs=pairs[pairs["correlation"] >= SAME_PICTURE])["group"]
    return group(manifest, pairs=pairs).assign(picture=pictures)


def class_table(manifest: pd.DataFrame) -> pd.DataFrame:
    """Returns the number of images of each class (columns) in each split (rows; ``all`` where there is none)."""
    split = manifest["split"].replace("", "all").rename("split")
    return pd.crosstab(split, manifest["label"]).rename_axis(columns=None)


def size_table(manifest: pd.DataFrame, rows: int = 10) -> pd.DataFrame:
    """Returns the most frequent picture sizes.

    ``width``, ``height``, ``images``, ``share``, and the classes that have them.
    """
    by_size = manifest.groupby(["width", "height"])
    table = by_size.size().rename("images").reset_index()
    table["share"] = table["images"] / len(manifest)
    table["classes"] = by_size["label"].agg(lambda labels: ", ".join(sorted(set(labels)))).to_numpy()
    return table.sort_values(["images", "width"], ascending=[False, True]).head(rows).reset_index(drop=True)


def duplicate_counts(manifest: pd.DataFrame, column: str) -> dict[str, Any]:
    """Counts what a fingerprint finds twice.

    Args:
        manifest: with its splits; every image has the fingerprint.
        column: the one that holds it, such as those of `FINGERPRINTS`.

    Returns:
        ``redundant_files``, ``within_split``, ``across_splits``, ``across_classes``, ``test_with_train_twin``,
        ``test_share``, as in `audit`.
    """
    by_value = manifest.groupby(column)
    several = by_value["path"].transform("size") > 1
    across_splits = by_value["split"].transform("nunique") > 1
    test = manifest["split"] == "test"
    with_twin = int(near_duplicate_in_training(manifest[test], manifest, column=column).sum())
    return {
        "redundant_files": len(manifest) - manifest[column].nunique(),
        "within_split": int((several & ~across_splits).sum()),
        "across_splits": int(across_splits.sum()),
        "across_classes": int((by_value["label"].transform("nunique") > 1).sum()),
        "test_with_train_twin": with_twin,
        "test_share": with_twin / int(test.sum()) if test.any() else None,
    }


def _overlaps(joint: pd.DataFrame, own: int, against: Sequence[Scan]) -> list[dict[str, Any]]:
    """For each other data set, how much of it is here and of ours there, by each fingerprint, and filed differently."""
    ours, start, rows = joint.iloc[:own], own, []
    for other in against:
        theirs = joint.iloc[start : start + len(other.manifest)]
        start += len(other.manifest)
        row: dict[str, Any] = {"root": str(other.root), "images": len(theirs)}
        for name, column in FINGERPRINTS.items():
            row[name] = {
                "images": int(theirs[column].isin(ours[column]).sum()),
                "ours": int(ours[column].isin(theirs[column]).sum()),
            }
        there = ours["picture"].isin(theirs["picture"])
        row["classes"] = class_table(ours[there]).reset_index().to_dict("records")
        row["label_conflicts"] = _conflicts_between(ours[there], theirs[theirs["picture"].isin(ours["picture"])])
        rows.append(row)
    return rows


def _conflicts_between(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[list[str]]:
    """Pictures that two data sets file differently; as tumour or not, if one of them knows no more."""
    both = [ours, theirs]
    if any(set(manifest["label"]) <= set(BINARY_CLASSES) for manifest in both):
        both = [to_binary(manifest) for manifest in both]
    return label_conflicts(pd.concat(both, ignore_index=True))


def _pairs_to_show(
    everything: pd.DataFrame, manifest: pd.DataFrame, pairs: pd.DataFrame, own: int
) -> list[dict[str, Any]]:
    """Chooses pairs worth a look: across splits, classes or data sets first, some of each kind of fingerprint."""
    first, second = everything.iloc[pairs["first"]], everything.iloc[pairs["second"]]

    def differs(column: str) -> np.ndarray:
        return first[column].to_numpy() != second[column].to_numpy()

    across = (pairs["first"] < own) & (pairs["second"] >= own)
    inside = pairs["second"] < own
    rank = np.select([differs("label") & inside, across, differs("split") & inside, inside], [0, 1, 2, 3], 4)
    same = (pairs["correlation"] >= SAME_PICTURE).to_numpy()
    kind = np.select([~differs("md5"), ~differs("pixel_hash"), same], ["bytes", "pixels", "picture"], "near")
    table = pairs.assign(rank=rank, kind=kind)
    table = table[table["rank"] < 4].sort_values(["rank", "correlation", "first"])
    table["turn"] = table.groupby(["rank", "kind"]).cumcount()
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
        }
        for row in table.itertuples()
    ]


def format_audit(report: dict[str, Any]) -> str:
    """Returns an audit as text for a terminal.

    Args:
        report: from `audit`.
    """
    test = report["test_images"]
    lines = [f"{report['root']}: {report['images']:,} images, {report['unreadable']} unreadable files", ""]
    lines += [f"  unreadable: {row['path']}: {row['reason']}" for row in report["unreadable_files"]]
    classes = pd.DataFrame(report["classes"]).set_index("split")
    lines += [classes.to_string(), "", f"{'':24}{'redundant':>12}{'across':>10}{'across':>10}{'test images with':>20}"]
    lines += [f"{'fingerprint':24}{'files':>12}{'splits':>10}{'classes':>10}{'a training twin':>20}"]
    for key, name in NAMES.items():
        row = report[key]
        share = f"{row['test_with_train_twin']} of {test}" if test else "no test split"
        lines.append(
            f"{name:24}{row['redundant_files']:>12,}{row['across_splits']:>10,}{row['across_classes']:>10,}{share:>20}"
        )
    near = report["near"]
    lines += ["", f"{near['groups']:,} groups of look-alikes, the largest of {near['largest_group']} images"]
    for paths in report["label_conflicts"]:
        lines += ["one picture under several labels:", *(f"  {path}" for path in paths)]
    for row in report["against"]:
        lines += [
            "",
            f"overlap with {row['root']} ({row['images']:,} images): of its images "
            + ", ".join(f"{row[key]['images']:,} ({name})" for key, name in NAMES.items())
            + " are here too",
        ]
        if row["classes"]:
            lines += ["of the images here, these are there too as the same picture:"]
            lines += [pd.DataFrame(row["classes"]).set_index("split").to_string()]
        for paths in row["label_conflicts"]:
            lines += ["one picture under several labels, here or there:", *(f"  {path}" for path in paths)]
    return "\n".join([*lines, "", verdict(report)])


def verdict(report: dict[str, Any]) -> str:
    """Returns what an audit means, in one or two sentences."""
    test, near = report["test_images"], report["near"]
    parts = []
    if near["test_with_train_twin"]:
        same = report["picture"]["test_with_train_twin"]
        parts.append(
            f"LEAK: {near['test_share']:.0%} of the test images have a training twin ({same} the same picture, "
            f"{near['test_with_train_twin'] - same} a look-alike such as a neighbouring slice); "
            "a score on this test set is no evidence. Split by group instead (protocol grouped)."
        )
    elif not test and near["redundant_files"]:
        share = near["redundant_files"] / report["images"]
        parts.append(
            f"No official test split. {share:.0%} of the images look like another one: split by group, not at random."
        )
    else:
        parts.append("No test image has a training twin." if test else "No near-duplicates found.")
    overlaps = [row["root"] for row in report["against"] if row["near"]["images"]]
    if overlaps:
        parts.append(
            f"LEAK: overlaps with {', '.join(overlaps)}; drop the overlap before one is used to test the other."
        )
    return " ".join(parts)
