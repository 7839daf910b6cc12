"""What goes wrong at a model's door, named."""

from __future__ import annotations

from braintumor_tf.errors import BrainTumorError


class ModelError(BrainTumorError):
    """A model is unknown, was asked for with settings it does not have, or its file cannot be used."""


class WeightsUnavailable(BrainTumorError, FileNotFoundError):
    """Pretrained weights are not where they should be, or are not the published file; the text says what to do."""


class ImageInputError(BrainTumorError, ValueError):
    """Images handed to a model do not fit its input contract: pixels 0 to 255, grey or RGB, one array of four axes."""
