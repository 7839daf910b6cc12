"""Whether a score can be believed: near-duplicates, groups, splits, the audit, the dumb baselines."""

from braintumor_tf.leakage.audit_report import audit, class_table, format_audit, label_conflicts, size_table, verdict
from braintumor_tf.leakage.baseline_models import BASELINES, leak_curve, pca_logistic_regression, predict_baselines
from braintumor_tf.leakage.copies import drop_copies
from braintumor_tf.leakage.groups import CORRELATION, DISTANCE, group, near_duplicate_in_training, near_pairs
from braintumor_tf.leakage.split_check import check_split
from braintumor_tf.leakage.splits import OVERLAP, PROTOCOLS, SPLITS, split

__all__ = [
    "BASELINES",
    "CORRELATION",
    "DISTANCE",
    "OVERLAP",
    "PROTOCOLS",
    "SPLITS",
    "audit",
    "check_split",
    "class_table",
    "drop_copies",
    "format_audit",
    "group",
    "label_conflicts",
    "leak_curve",
    "near_duplicate_in_training",
    "near_pairs",
    "pca_logistic_regression",
    "predict_baselines",
    "size_table",
    "split",
    "verdict",
]
