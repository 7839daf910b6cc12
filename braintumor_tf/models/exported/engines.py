"""What runs an exported graph: one function for each format, each importing its package when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from braintumor_tf.errors import ModelError
from braintumor_tf.models.exported.contract import LITERT, ONNX, OPENVINO, SAVED_MODEL

Engine = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""From images, float32 of shape ``(images, height, width, channels)``, to the outputs of a graph by name."""

_EXTRAS = {"ai_edge_litert": "litert", "openvino": "openvino"}


def open_engine(format: str, path: Path) -> Engine:
    """Opens an exported graph.

    Args:
        format: a key of `contract.FORMATS`.
        path: the file that it is opened by.

    Raises:
        ModelError: the package that runs the format is not installed, or it cannot open the file.
    """
    try:
        return _OPENERS[format](path)
    except ModelError:
        raise
    except Exception as error:  # each package has errors of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: cannot be opened ({reason}); export the run again") from error


def import_extra(name: str) -> Any:
    """Imports a package of the extras for exported models.

    Raises:
        ModelError: it is not installed; the text says how to.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        extra = _EXTRAS.get(package, "export")
        raise ModelError(f"{package} is not installed; install it with pip install 'braintumor_tf[{extra}]'") from error


def _open_onnx(path: Path) -> Engine:
    onnxruntime = import_extra("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    entry, names = session.get_inputs()[0].name, [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {entry: images})))


def _open_litert(path: Path) -> Engine:
    interpreter = import_extra("ai_edge_litert.interpreter").Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner()
    entry = next(iter(runner.get_input_details()))
    return lambda images: runner(**{entry: images})


def _open_openvino(path: Path) -> Engine:
    openvino = import_extra("openvino")
    # float32 throughout: newer processors would round to bfloat16
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names = [output.get_any_name() for output in compiled.outputs]

    def run(images: np.ndarray) -> Mapping[str, np.ndarray]:
        found = compiled([images])
        return {name: np.asarray(found[place]) for place, name in enumerate(names)}

    return run


def _open_saved_model(path: Path) -> Engine:
    import tensorflow as tf

    kept = tf.saved_model.load(str(path.parent))  # the function needs its variables to live
    function = kept.signatures["serving_default"]
    entry = next(iter(function.structured_input_signature[1]))

    def run(images: np.ndarray) -> Mapping[str, np.ndarray]:
        return {name: value.numpy() for name, value in function(**{entry: tf.constant(images)}).items()}

    run.kept = kept
    return run


_OPENERS: Mapping[str, Callable[[Path], Engine]] = MappingProxyType(
    {ONNX: _open_onnx, LITERT: _open_litert, OPENVINO: _open_openvino, SAVED_MODEL: _open_saved_model}
)
