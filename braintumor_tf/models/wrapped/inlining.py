"""A model whose layers are copied into one flat graph, those of models inside it, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from braintumor_tf.models.backbone import HEAD_NAME

OWN_NAMES = ("image", "channels", "size", "preprocessing", "probabilities")
"""Names of the layers that a wrapped model has around those of the other model."""


class InlinedLayers:
    """Copies of a model's layers, each made once, with names that do not clash.

    Example:
        >>> inside = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="last")], name="inside")
        >>> model = keras.Sequential([keras.Input((8,)), inside, keras.layers.Dense(2, name="last")])
        >>> image, layers = keras.Input((8,), name="image"), InlinedLayers()
        >>> flat = keras.Model(image, layers.on(model, image))
        >>> layers.copy_weights()
        >>> [layer.name for layer in flat.layers]
        ['image', 'last', 'last_1']
    """

    def __init__(self) -> None:
        self._copies: dict[int, tuple[keras.Operation, keras.Operation]] = {}
        self._names = set(OWN_NAMES)

    def on(self, model: keras.Model, tensor: Any) -> Any:
        """Returns what a model makes of a tensor of Keras, by copies of its layers; a model without a graph is one.

        Args:
            model: a model with one input and one output.
            tensor: a tensor of Keras.
        """
        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                tensor = self._call(layer)(tensor)
            return tensor
        if not has_graph(model):
            return self._call(model)(tensor)
        found = model._run_through_graph([tensor], operation_fn=self._call)
        return keras.tree.flatten(found)[0]

    def copy_weights(self) -> None:
        """Gives each copy the weights that the layer has."""
        for layer, copy in self._copies.values():
            if isinstance(copy, BorrowedLayer) or not isinstance(layer, keras.layers.Layer):
                continue
            copy.set_weights(layer.get_weights())
            for inside in (copy, *copy._flatten_layers(include_self=False)):
                if isinstance(inside, keras.layers.Normalization):
                    inside.finalize_state()  # what it computes with, which setting its weights leaves as it was

    def _call(self, operation: keras.Operation) -> Callable[..., Any]:
        """Returns what is called in the place of a layer, an operation, or a model inside the model."""

        def inlined(*args: Any, **kwargs: Any) -> Any:
            given = {name: value for name, value in kwargs.items() if value is not None}
            tensors = keras.tree.flatten(args)
            plain = set(given) <= {"training"} and not given.get("training")
            if plain and has_graph(operation) and len(tensors) == len(operation.inputs) == len(operation.outputs) == 1:
                return self.on(operation, tensors[0])
            return self._copy(operation)(*args, **given)

        return inlined

    def _copy(self, operation: keras.Operation) -> keras.Operation:
        if id(operation) not in self._copies:
            self._copies[id(operation)] = (operation, self._copy_of(operation))
        return self._copies[id(operation)][1]

    def _copy_of(self, operation: keras.Operation) -> keras.Operation:
        """Copies a layer; one whose class does not say how it is made again, or will not, is used itself."""
        name = self._free_name(operation.name)
        try:
            return type(operation).from_config({**operation.get_config(), "name": name})
        except Exception:
            return BorrowedLayer(operation, name=name)

    def _free_name(self, name: str) -> str:
        number, found = 0, name
        while found in self._names or HEAD_NAME.match(found):
            number += 1
            found = f"{name}_{number}"
        self._names.add(found)
        return found


class BorrowedLayer(keras.layers.Layer):
    """Another model's layer, called as it is; what is made of it cannot be kept in a file.

    Args:
        layer: the layer, or a model without a graph.
    """

    def __init__(self, layer: keras.Operation, **kwargs: Any):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Returns what the layer returns."""
        return self.layer(*args, **kwargs)


def has_graph(model: keras.Operation) -> bool:
    """Whether a layer is a model that is a graph or a row of layers, and no class with a `call` of its own."""
    if isinstance(model, keras.Sequential):
        return bool(model.built)
    return isinstance(model, keras.Model) and hasattr(model, "_run_through_graph") and bool(model.inputs)
