"""The last layer of every network: a probability for each class, and the names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="braintumor_tf")
class ClassProbabilities(keras.layers.Dense):
    """A softmax layer with one unit a class that keeps the names of the classes in the saved model.

    Softmax is used for two classes as well, so that every model answers with one probability a class, in order. The
    layer computes in float32 whatever the precision of the layers before it.

    Args:
        class_names: the classes in the order of the probabilities.
    """

    def __init__(self, class_names: Sequence[str], **kwargs: Any):
        kwargs.pop("units", None)
        settings = {"activation": "softmax", "dtype": "float32", **kwargs}
        super().__init__(len(class_names), **settings)
        self.class_names = tuple(class_names)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return {**super().get_config(), "class_names": list(self.class_names)}
