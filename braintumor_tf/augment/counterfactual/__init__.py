"""Counterfactual pictures: a lesion taken out, a lesion put in, and controls that leave the label as it is."""

from braintumor_tf.augment.counterfactual.edits import (
    lesion_region,
    paste_lesion,
    paste_patch,
    refill_region,
    remove_lesion,
)
from braintumor_tf.augment.counterfactual.pairs import CounterfactualPairs, make_pairs
from braintumor_tf.augment.counterfactual.seams import SeamCheck, check_seams

__all__ = [
    "CounterfactualPairs",
    "SeamCheck",
    "check_seams",
    "lesion_region",
    "make_pairs",
    "paste_lesion",
    "paste_patch",
    "refill_region",
    "remove_lesion",
]
