"""Whether a score can be believed: near-duplicates, groups, splits, the audit, the dumb baselines."""

from braintumor_tf.leakage.audit import audit, class_table, format_audit, label_conflicts, size_table, verdict
from braintumor_tf.leakage.baselines import BASELINES, baselines, leak_curve, pca_logistic_regression
from braintumor_tf.leakage.copies import drop_copies
from braintumor_tf.leakage.groups import CORRELATION, DISTANCE, group, near_pairs, twins
from braintumor_tf.leakage.neighbours import hamming_pairs, to_bits
from braintumor_tf.leakage.sharing import check_split
from braintumor_tf.leakage.splits import OVERLAP, PROTOCOLS, SPLITS, split

__all__ = [
    "BASELINES",
    "CORRELATION",
    "DISTANCE",
    "OVERLAP",
    "PROTOCOLS",
    "SPLITS",
    "audit",
    "baselines",
    "check_split",
    "class_table",
    "drop_copies",
    "format_audit",
    "group",
    "hamming_pairs",
    "label_conflicts",
    "leak_curve",
    "near_pairs",
    "pca_logistic_regression",
    "size_table",
    "split",
    "to_bits",
    "twins",
    "verdict",
]
