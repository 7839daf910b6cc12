"""Several data sets as one: what they share, the merged manifest, the merged folder."""

from braintumor_tf.leakage.merging.data_sets import MergedScan, merge
from braintumor_tf.leakage.merging.merge_result import Between, Merge, Part, merge_sentences
from braintumor_tf.leakage.merging.merged_folder import write_merged
from braintumor_tf.leakage.merging.overlaps import Shared, shared_images, with_fingerprints

__all__ = [
    "Between",
    "Merge",
    "MergedScan",
    "Part",
    "Shared",
    "merge",
    "merge_sentences",
    "shared_images",
    "with_fingerprints",
    "write_merged",
]
