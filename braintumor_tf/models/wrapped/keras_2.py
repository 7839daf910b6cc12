"""The description of a model as Keras 2 wrote it, as Keras 3 reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import Any

OPERATIONS = ("TFOpLambda", "SlicingOpLambda")
"""Classes of Keras 2 for calls of TensorFlow functions; `LegacyOperation` stands for them."""

_CONSTANT = "_CONSTANT_VALUE"
"""What Keras 2 writes in the place of a layer's name where a number is given and no tensor."""

_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
_SHAPES = ("query_shape", "key_shape", "value_shape")


def _one(value: Any) -> bool:
    return value == 1


def _off(value: Any) -> bool:
    return value in (False, None)


def _any(value: Any) -> bool:
    return True


DROPPED: Mapping[str, Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "DepthwiseConv2D": {"groups": _one, **dict.fromkeys(_KERNEL, _any)},
        "SeparableConv2D": {"groups": _one, **dict.fromkeys(_KERNEL, _any)},
        "Conv2DTranspose": {"groups": _one},
        "BatchNormalization": {"fused": _any, "renorm": _off, "virtual_batch_size": _off},
        "MultiHeadAttention": dict.fromkeys(_SHAPES, _any),
        **{f"Random{name}": {"rng_type": _any} for name in ("Flip", "Rotation", "Zoom", "Translation", "Contrast")},
    }
)
"""Settings that Keras 3 has no more, by class, and the values that change nothing; another value stays and is refused
by Keras."""

_MODELS = {"Functional": "keras.src.models.functional", "Model": "keras.src.models", "Sequential": "keras"}


def modernised(config: Any) -> Any:
    """Returns a description with what Keras 2 wrote rewritten for Keras 3; one of Keras 3 comes back equal.

    Rewritten are: settings without effect (`DROPPED`), precision policies, calls of TensorFlow functions, the numbers
    of calls of networks inside, and the modules of models in a ``.keras`` file.

    Example:
        >>> modernised({"class_name": "DepthwiseConv2D", "config": {"kernel_size": 3, "groups": 1}})
        {'class_name': 'DepthwiseConv2D', 'config': {'kernel_size': 3}}
    """
    if isinstance(config, list):
        return [modernised(value) for value in config]
    if not isinstance(config, Mapping):
        return config
    if "layers" in config and "output_layers" in config:
        config = _with_calls_from_0(config)
    if config.get("class_name") in OPERATIONS:
        return _operation(config)
    found = {name: modernised(value) for name, value in config.items()}
    kind, settings = found.get("class_name"), found.get("config")
    if not isinstance(settings, Mapping):
        return found
    if kind == "Policy" and found.get("module") in (None, "keras.mixed_precision"):
        return settings["name"]
    if kind in _MODELS and str(found.get("module", "")).startswith("keras.src.engine"):
        found["module"] = _MODELS[kind]
    harmless = DROPPED.get(str(kind), {})
    found["config"] = {
        name: value for name, value in settings.items() if not (name in harmless and harmless[name](value))
    }
    return found


def _with_calls_from_0(graph: Mapping[str, Any]) -> dict[str, Any]:
    """Counts the calls of networks inside a graph from 0, as Keras 3 does.

    In Keras 2 call 0 of a network with an input layer is the one that made it, which a file leaves out. Keras 3 sees to
    that itself for a graph's outputs, but only where a functional network gives them.
    """
    inside = {layer["config"]["name"]: layer for layer in graph["layers"] if layer["class_name"] in _MODELS}
    calls = [call for layer in graph["layers"] for call in _calls(layer["inbound_nodes"])]
    outputs = list(_calls(graph["output_layers"]))
    least = {name: min((call[1] for call in (*calls, *outputs) if call[0] == name), default=0) for name in inside}
    later = {name for name, number in least.items() if number > 0}
    own = {name for name in later if inside[name]["class_name"] == "Sequential"}
    layers = [{**layer, "inbound_nodes": _earlier(layer["inbound_nodes"], later)} for layer in graph["layers"]]
    return {**graph, "layers": layers, "output_layers": _earlier(graph["output_layers"], own)}


def _calls(nodes: Any) -> Iterator[list[Any]]:
    """Yields what refers to a layer's output inside a description: its name, the number of the call, a place."""
    if _refers(nodes):
        yield nodes
    for value in nodes.values() if isinstance(nodes, Mapping) else nodes if isinstance(nodes, list) else ():
        yield from _calls(value)


def _earlier(nodes: Any, names: Set[str]) -> Any:
    """Lowers the number of the call by 1 wherever one of some layers is referred to."""
    if isinstance(nodes, Mapping):
        return {key: _earlier(value, names) for key, value in nodes.items()}
    if not isinstance(nodes, list):
        return nodes
    lowered = [nodes[0], nodes[1] - 1, *nodes[2:]] if _refers(nodes) and nodes[0] in names else nodes
    return [_earlier(value, names) for value in lowered]


def _refers(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (3, 4) and [type(each) for each in value[:3]] == [str, int, int]


def _operation(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrites the call of a TensorFlow function: which parameters are tensors, and the values of the others.

    Keras 2 writes ``["first", 0, 0, {"y": ["second", 0, 0], "name": null}]`` for a call on two layers' outputs.
    """
    nodes = layer["inbound_nodes"]
    call = nodes[0][0] if nodes and isinstance(nodes[0][0], list) else nodes[0]
    name, node, place, keywords = call
    arguments = {"x": place} if name == _CONSTANT else {}
    inputs = {} if name == _CONSTANT else {"x": [name, node, place]}
    for key, value in keywords.items():
        if _is_tensor(value):
            inputs[key] = value
        elif key != "name":
            arguments[key] = value
    settings = {key: value for key, value in layer["config"].items() if key in ("name", "trainable", "dtype")}
    settings |= {"function": layer["config"]["function"], "tensors": list(inputs), "arguments": arguments}
    return {**layer, "config": modernised(settings), "inbound_nodes": [[[*where, {}] for where in inputs.values()]]}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int)
