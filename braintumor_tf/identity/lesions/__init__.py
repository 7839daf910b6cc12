"""Where lesions lie in images: boxes of the manifest, and masks."""

from braintumor_tf.identity.lesions.boxes import LesionBox, boxes_of
from braintumor_tf.identity.lesions.masks import Mask, find_masks, read_mask

__all__ = ["LesionBox", "Mask", "boxes_of", "find_masks", "read_mask"]
