"""Whether a score can be believed: near-duplicates, groups, splits, the audit, the shortcut baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from braintumor_tf.lazy import lazy_names

if TYPE_CHECKING:
    from braintumor_tf.leakage.audit_report import AuditReport, format_audit
    from braintumor_tf.leakage.baseline_models import BASELINES, predict_baselines
    from braintumor_tf.leakage.copies import drop_copies
    from braintumor_tf.leakage.folder_audit import audit
    from braintumor_tf.leakage.groups import (
        fill_groups,
        group,
        join_data_sets,
        join_patients,
        near_duplicate_in_training,
    )
    from braintumor_tf.leakage.label_issues import LabelIssues, find_label_issues
    from braintumor_tf.leakage.leak_curves import leak_curve
    from braintumor_tf.leakage.manifest_counts import class_table, label_conflicts, size_table
    from braintumor_tf.leakage.merging import Merge, MergedScan, merge, merge_sentences, write_merged
    from braintumor_tf.leakage.origins import origin_names
    from braintumor_tf.leakage.provenance import Provenance, find_provenance
    from braintumor_tf.leakage.rungs import RUNGS, SplitLeaks, count_leaks, rung_splits
    from braintumor_tf.leakage.split_check import check_split
    from braintumor_tf.leakage.splits import OVERLAP, PROTOCOLS, SPLITS, leave_each_origin_out, split

__all__ = [
    "BASELINES",
    "OVERLAP",
    "PROTOCOLS",
    "RUNGS",
    "SPLITS",
    "AuditReport",
    "LabelIssues",
    "Merge",
    "MergedScan",
    "Provenance",
    "SplitLeaks",
    "audit",
    "check_split",
    "class_table",
    "count_leaks",
    "drop_copies",
    "fill_groups",
    "find_label_issues",
    "find_provenance",
    "format_audit",
    "group",
    "join_data_sets",
    "join_patients",
    "label_conflicts",
    "leak_curve",
    "leave_each_origin_out",
    "merge",
    "merge_sentences",
    "near_duplicate_in_training",
    "origin_names",
    "predict_baselines",
    "rung_splits",
    "size_table",
    "split",
    "write_merged",
]

__getattr__, __dir__ = lazy_names(__name__)
