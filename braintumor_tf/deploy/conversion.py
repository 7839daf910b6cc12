"""From a SavedModel to the other formats, as float and as 8-bit integers."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from braintumor_tf.errors import ExportError
from braintumor_tf.models.exported.contract import FORMATS, IMAGE, LITERT, ONNX, OPENVINO, SAVED_MODEL
from braintumor_tf.models.exported.engines import import_extra

OPSET = 17
"""The version of ONNX's operators: what browsers and servers of several years read."""

NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ONNX: ("onnx", "tf2onnx", "onnxruntime"),
        LITERT: ("ai_edge_litert",),
        OPENVINO: ("openvino",),
        SAVED_MODEL: (),
    }
)
"""The packages that each format needs beside TensorFlow."""

QUANTISED = (ONNX, LITERT)
"""The formats that can be made of 8-bit integers."""


def check_packages(format: str) -> None:
    """Raises ModelError unless the packages that a format needs are installed."""
    for name in NEEDED[format]:
        import_extra(name)


def convert(saved_model: Path, folder: Path, format: str, *, calibration: np.ndarray | None = None) -> Path:
    """Writes a model in one of `FORMATS`.

    Args:
        saved_model: folder of the SavedModel.
        folder: where to write to.
        format: a key of `FORMATS`.
        calibration: training images, float32 of shape ``(images, height, width, channels)``, whose activations say how
            8-bit integers are scaled; None for float32.

    Returns:
        The file that the model is opened by.

    Raises:
        ExportError: a converter failed; the text has its reason.
    """
    path = folder / FORMATS[format]
    try:
        _CONVERTERS[format](saved_model, path, calibration)
    except Exception as error:  # converters raise whatever they meet
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"the model cannot be converted to {format} ({reason}); choose another --format") from error
    return path


def _to_saved_model(saved_model: Path, path: Path, calibration: np.ndarray | None) -> None:
    shutil.copytree(saved_model, path.parent, dirs_exist_ok=True)


def _to_onnx(saved_model: Path, path: Path, calibration: np.ndarray | None) -> None:
    from tf2onnx import optimizer, tf_loader, tfonnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    graph, inputs, outputs, renamed = tf_loader.from_saved_model(
        str(saved_model), None, None, "serve", ["serving_default"], return_tensors_to_rename=True
    )
    import tensorflow as tf

    with tf.Graph().as_default() as tf_graph:
        tf.import_graph_def(graph, name="")
        converted = tfonnx.process_tf_graph(
            tf_graph,
            opset=OPSET,
            input_names=inputs,
            output_names=outputs,
            tensors_to_rename=renamed,
            custom_op_handlers={"Erfc": (_one_less_erf, [])},
        )
    model = optimizer.optimize_graph(converted).make_model("braintumor_tf")
    path.write_bytes(model.SerializeToString())
    if calibration is not None:
        _quantise_onnx(path, calibration)


def _one_less_erf(graph: Any, node: Any, name: str, args: Any) -> None:
    """Writes the complementary error function, which is in Keras's GELU and not in ONNX, as 1 - erf."""
    node.type, node.domain = "Erf", ""
    one = graph.make_const(f"{name}/one", np.array(1, np.float32)).output[0]
    graph.insert_new_node_on_output("Sub", node.output[0], name=f"{name}/one_less_erf", inputs=[one, node.output[0]])


def _quantise_onnx(path: Path, calibration: np.ndarray) -> None:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class TrainingImages(CalibrationDataReader):
        """Hands out the training images one by one."""

        def __init__(self) -> None:
            self._images = ({IMAGE: image[None]} for image in calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._images, None)

    logging.getLogger().setLevel(max(logging.getLogger().level, logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / path.name
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        # in steps of 1/255 probabilities would not add up to 1
        kept = [node.name for node in onnx.load(str(prepared)).graph.node if node.op_type == "Softmax"]
        how = {"quant_format": QuantFormat.QDQ, "per_channel": True, "nodes_to_exclude": kept}
        quantize_static(str(prepared), str(path), TrainingImages(), **how)


def _to_litert(saved_model: Path, path: Path, calibration: np.ndarray | None) -> None:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=["serving_default"])
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ({IMAGE: image[None]} for image in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    path.write_bytes(converter.convert())


def _to_openvino(saved_model: Path, path: Path, calibration: np.ndarray | None) -> None:
    openvino = import_extra("openvino")
    openvino.save_model(openvino.convert_model(str(saved_model)), str(path), compress_to_fp16=False)


_CONVERTERS: Mapping[str, Callable[[Path, Path, np.ndarray | None], None]] = MappingProxyType(
    {ONNX: _to_onnx, LITERT: _to_litert, OPENVINO: _to_openvino, SAVED_MODEL: _to_saved_model}
)
