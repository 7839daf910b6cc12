"""Which pictures are the same: fingerprints, and the search for close pairs among them."""

from braintumor_tf.matching.fingerprints import (
    CORRELATION,
    DISTANCE,
    SAME_PICTURE,
    near_pairs,
    normalised,
    pair_correlations,
)
from braintumor_tf.matching.hamming_search import hamming_pairs, to_bits

__all__ = [
    "CORRELATION",
    "DISTANCE",
    "SAME_PICTURE",
    "hamming_pairs",
    "near_pairs",
    "normalised",
    "pair_correlations",
    "to_bits",
]
