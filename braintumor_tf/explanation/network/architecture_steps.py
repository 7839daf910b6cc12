"""What an architecture picture shows of a network: its steps from the image to the probabilities, repeats put together.

Only the network's public configuration and the shapes of its outputs are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

IMAGE = "image"
INVERTED_RESIDUAL = "inverted residual block"
TRANSFORMER = "transformer block"
BLOCKS = "blocks put together"
SKIP = "passed on as it is"
OTHER_COLOUR = "#b8b0a4"

COLOURS: Mapping[str, str] = MappingProxyType(
    {
        IMAGE: "#dfe4ea",
        "convolution": "#4c78a8",
        "depthwise convolution": "#72b7b2",
        INVERTED_RESIDUAL: "#54a24b",
        "patches": "#4c78a8",
        "positions": "#9ecae9",
        TRANSFORMER: "#54a24b",
        "attention": "#b279a2",
        "pooling": "#e45756",
        "average over the map": "#e8a33d",
        "product": "#ff9da6",
        "sum": "#f2cf5b",
        "dense": "#9d755d",
        "class token": "#e8a33d",
        "probabilities": "#3b3f46",
        BLOCKS: "#54a24b",
        SKIP: "#eef1f4",
    }
)
"""The colour of each kind of step; a kind that is not listed is `OTHER_COLOUR`."""

_KINDS = {
    "FitSize": IMAGE,
    "Conv2D": "convolution",
    "SeparableConv2D": "convolution",
    "DepthwiseConv2D": "depthwise convolution",
    "MultiHeadAttention": "attention",
    "MaxPooling2D": "pooling",
    "AveragePooling2D": "pooling",
    "GlobalAveragePooling2D": "average over the map",
    "Add": "sum",
    "Multiply": "product",
    "Dense": "dense",
    "AddPositions": "positions",
    "ClassToken": "class token",
    "ClassProbabilities": "probabilities",
}

_IGNORED = frozenset({
    "Activation", "BatchNormalization", "Dropout", "Flatten", "FusedBatchNormalization", "InputLayer",
    "LayerNormalization", "Normalization", "ReLU", "Rescaling", "Reshape", "SelectChannels", "ZeroPadding2D",
})  # fmt: skip
"""Types of layers that no picture shows: they belong to the step before or only prepare its input."""


@dataclass(frozen=True)
class Step:
    """One box of a picture.

    Attributes:
        kind: what it is, a key of `COLOURS` or the name of a layer type.
        shape: its output's shape without the batch; unknown sides are 1.
        block: the name of the repeated block that it is part of, or empty.
        parents: places, in the list of steps, that it takes its input from.
        count: how many blocks it stands for.
    """

    kind: str
    shape: tuple[int, ...]
    block: str = ""
    parents: tuple[int, ...] = ()
    count: int = 1


def layered_steps(model: keras.Model) -> list[Step]:
    """Returns the steps of the layered picture: single layers, and each block of several branches as one step.

    Args:
        model: a network whose layers are known (functional or sequential).
    """
    steps = _layer_steps(model)
    compound = _compound_blocks(steps)
    found: list[Step] = []
    for block, members in groupby(steps, key=lambda step: step.block if step.block in compound else None):
        members = list(members)
        if block is None:
            found += members
        else:
            found.append(Step(compound[block], members[-1].shape, block))
    return found


def graph_steps(model: keras.Model) -> list[Step]:
    """Returns the steps of the graph: every layer, but only one block of each sort, the first of the most layers.

    The others, where they follow each other, are one step of kind `BLOCKS` with their `count`.

    Args:
        model: as in `layered_steps`.
    """
    steps = _layer_steps(model)
    compound = _compound_blocks(steps)
    shown = _fullest(steps, compound)
    found: list[Step] = []
    place: dict[int, int] = {}
    for block, members in groupby(enumerate(steps), key=lambda item: item[1].block):
        numbered = list(members)
        if block not in compound or block in shown:
            for number, step in numbered:
                place[number] = len(found)
                parents = tuple(dict.fromkeys(place[parent] for parent in step.parents))
                found.append(Step(step.kind, step.shape, step.block, parents))
            continue
        shape = numbered[-1][1].shape
        if found[-1].kind == BLOCKS:
            found[-1] = Step(BLOCKS, shape, "", found[-1].parents, found[-1].count + 1)
        else:
            parents = tuple(dict.fromkeys(place[p] for _, step in numbered for p in step.parents if p in place))
            found.append(Step(BLOCKS, shape, "", parents))
        place.update((number, len(found) - 1) for number, _ in numbered)
    return found


def _layer_steps(model: keras.Model) -> list[Step]:
    """Returns a step for each layer that is shown; a layer that is not shown is bridged."""
    from braintumor_tf.models.backbone import BLOCK_NAME  # imports Keras

    inputs = _inputs_by_name(model)
    shown: dict[str, tuple[int, ...]] = {}
    steps: list[Step] = []
    for layer in model.layers:
        parents = tuple(dict.fromkeys(place for name in inputs[layer.name] for place in shown.get(name, ())))
        kind = _kind(layer)
        if kind is None:
            shown[layer.name] = parents
            continue
        match = BLOCK_NAME.match(layer.name)
        shown[layer.name] = (len(steps),)
        steps.append(Step(kind, _shape(layer), match[1] if match else "", parents))
    return steps


def _inputs_by_name(model: keras.Model) -> dict[str, list[str]]:
    """Returns the names of the layers that each layer takes its input from, by the configuration."""
    rows = model.get_config()["layers"]
    if not all("inbound_nodes" in row for row in rows):
        names = [layer.name for layer in model.layers]
        return {name: names[place - 1 : place] if place else [] for place, name in enumerate(names)}
    return {row["name"]: list(dict.fromkeys(_histories(row["inbound_nodes"]))) for row in rows}


def _histories(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if "keras_history" in value:
            yield value["keras_history"][0]
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for item in value:
        yield from _histories(item)


def _kind(layer: keras.layers.Layer) -> str | None:
    name = type(layer).__name__
    if name in _IGNORED:
        return None
    return "patches" if layer.name == "patches" else _KINDS.get(name, name)


def _shape(layer: keras.layers.Layer) -> tuple[int, ...]:
    output = layer.output[0] if isinstance(layer.output, (list, tuple)) else layer.output
    return tuple(side or 1 for side in output.shape[1:])


def _compound_blocks(steps: list[Step]) -> dict[str, str]:
    """Returns what each block of more than convolutions in a row is called."""
    kinds: dict[str, set[str]] = {}
    for step in steps:
        kinds.setdefault(step.block, set()).add(step.kind)
    kinds.pop("", None)
    return {
        block: TRANSFORMER if "attention" in found else INVERTED_RESIDUAL
        for block, found in kinds.items()
        if found & {"attention", "depthwise convolution", "sum"}
    }


def _fullest(steps: list[Step], compound: Mapping[str, str]) -> set[str]:
    """Returns for each sort of block the name of the first that has the most layers."""
    sizes: dict[str, int] = {}
    for step in steps:
        sizes[step.block] = sizes.get(step.block, 0) + 1
    shown: dict[str, str] = {}
    for block, sort in compound.items():
        if sort not in shown or sizes[block] > sizes[shown[sort]]:
            shown[sort] = block
    return set(shown.values())
