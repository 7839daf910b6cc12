"""Which published picture an image is, and so which patient it shows: found by content, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from braintumor_tf.lazy import lazy_names

if TYPE_CHECKING:
    from braintumor_tf.identity.links import Links, link
    from braintumor_tf.identity.loading import LinkedScan, link_scan, load
    from braintumor_tf.identity.origin_index import (
        OriginIndex,
        make_index,
        read_index,
        shipped_files,
        shipped_indexes,
        write_index,
    )
    from braintumor_tf.identity.origin_search import find_origins
    from braintumor_tf.identity.people import origin_patients, own_patients, patient_contradictions, persons

__all__ = [
    "LinkedScan",
    "Links",
    "OriginIndex",
    "find_origins",
    "link",
    "link_scan",
    "load",
    "make_index",
    "origin_patients",
    "own_patients",
    "patient_contradictions",
    "persons",
    "read_index",
    "shipped_files",
    "shipped_indexes",
    "write_index",
]

__getattr__, __dir__ = lazy_names(__name__)
