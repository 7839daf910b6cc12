"""From a file of any format to a picture of 8 bits: one decoder, one scaling, bounded in time and memory."""

from braintumor_tf.datasets.formats.depth import PERCENTILES, to_bytes
from braintumor_tf.datasets.formats.medical.content import read_content
from braintumor_tf.datasets.formats.medical.table import file_of
from braintumor_tf.datasets.formats.pictures import Decoded, decode, eight_bit
from braintumor_tf.datasets.formats.signatures import IMAGE_SUFFIXES

__all__ = ["IMAGE_SUFFIXES", "PERCENTILES", "Decoded", "decode", "eight_bit", "file_of", "read_content", "to_bytes"]
