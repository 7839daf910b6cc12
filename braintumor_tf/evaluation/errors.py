"""What goes wrong between a model and its scores, named."""

from __future__ import annotations

from braintumor_tf.errors import BrainTumorError


class EvaluationError(BrainTumorError):
    """Predictions cannot be made or scored as asked: no images, other classes, probabilities that are none."""
