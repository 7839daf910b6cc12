"""Which pictures are the same: fingerprints, and the search for close pairs among them."""

from braintumor_tf.matching.hamming_search import hamming_pairs, to_bits

__all__ = ["hamming_pairs", "to_bits"]
