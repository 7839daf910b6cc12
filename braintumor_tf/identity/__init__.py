"""Which published picture an image is, and so which patient it shows: found by content, never guessed."""

from braintumor_tf.identity.loading import load
from braintumor_tf.identity.origin_index import (
    OriginIndex,
    make_index,
    read_index,
    shipped_files,
    shipped_indexes,
    write_index,
)
from braintumor_tf.identity.origin_search import find_origins

__all__ = [
    "OriginIndex",
    "find_origins",
    "load",
    "make_index",
    "read_index",
    "shipped_files",
    "shipped_indexes",
    "write_index",
]
