"""The layers that Keras does not have; importing this registers them all, so that every saved model can be loaded."""

from __future__ import annotations

from braintumor_tf.models.layers.class_probabilities import ClassProbabilities
from braintumor_tf.models.layers.fused_batch_norm import FusedBatchNormalization
from braintumor_tf.models.layers.input_layers import FitSize, SelectChannels
from braintumor_tf.models.layers.legacy_operation import LegacyOperation
from braintumor_tf.models.layers.vit_layers import AddPositions, ClassToken

__all__ = [
    "AddPositions",
    "ClassProbabilities",
    "ClassToken",
    "FitSize",
    "FusedBatchNormalization",
    "LegacyOperation",
    "SelectChannels",
]
