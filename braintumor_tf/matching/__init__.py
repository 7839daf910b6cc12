"""Which pictures are the same: fingerprints, and the search for close pairs among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from braintumor_tf.lazy import lazy_names

if TYPE_CHECKING:
    from braintumor_tf.matching.fingerprints import (
        CORRELATION,
        DISTANCE,
        SAME_PICTURE,
        near_pairs,
        normalised,
        pair_correlations,
        same_picture,
    )
    from braintumor_tf.matching.hamming_search import hamming_pairs, to_bits
    from braintumor_tf.matching.other_poses import POSE_CORRELATION, POSE_DETAIL, SAME_DETAIL, pose_pairs, turned_back

__all__ = [
    "CORRELATION",
    "DISTANCE",
    "POSE_CORRELATION",
    "POSE_DETAIL",
    "SAME_DETAIL",
    "SAME_PICTURE",
    "hamming_pairs",
    "near_pairs",
    "normalised",
    "pair_correlations",
    "pose_pairs",
    "same_picture",
    "to_bits",
    "turned_back",
]

__getattr__, __dir__ = lazy_names(__name__)
