"""The directory of an experiment: its files, its model, where it comes from, and who may write to it."""

from braintumor_tf.runs.lock import LOCK, undone_if_bare, writing_to
from braintumor_tf.runs.model_hash import check_model, keeping_hash
from braintumor_tf.runs.provenance import data_fingerprint, environment
from braintumor_tf.runs.run import (
    BEGINNING,
    IMPORTED,
    LADDER,
    LADDER_SETTINGS,
    PREDICTIONS,
    Run,
    is_imported,
)

__all__ = [
    "BEGINNING",
    "IMPORTED",
    "LADDER",
    "LADDER_SETTINGS",
    "LOCK",
    "PREDICTIONS",
    "Run",
    "check_model",
    "data_fingerprint",
    "environment",
    "is_imported",
    "keeping_hash",
    "undone_if_bare",
    "writing_to",
]
