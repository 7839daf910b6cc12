"""The directory of an experiment: its files, where it comes from, and who may write to it."""

from braintumor_tf.runs.provenance import data_fingerprint, environment
from braintumor_tf.runs.run import LADDER, LADDER_SETTINGS, Run

__all__ = ["LADDER", "LADDER_SETTINGS", "Run", "data_fingerprint", "environment"]
