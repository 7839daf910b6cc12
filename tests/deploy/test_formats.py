"""The other formats, and 8-bit integers: each answers as the run does, as far as it was allowed."""

from __future__ import annotations

import numpy as np
import pytest

from braintumor_tf.datasets import read_image
from braintumor_tf.deploy import FORMATS, export, exported_folder
from braintumor_tf.deploy.conversion import convert
from braintumor_tf.deploy.serving_graph import computes_in_float32, write_saved_model
from braintumor_tf.evaluation import load_run_model
from braintumor_tf.models import build
from braintumor_tf.models.architectures.vit import build_vit
from braintumor_tf.models.exported.engines import open_engine
from braintumor_tf.models.network import Network
from braintumor_tf.runs import Run
from braintumor_tf.training.devices.precision import in_precision
from braintumor_tf.training.frozen_features import split_at_features
from braintumor_tf.types import ModelConfig


def pixels_of(run: Run) -> np.ndarray:
    paths = run.manifest.loc[run.manifest["split"] == "test", "path"]
    return np.stack([read_image(path, size=(32, 32), crop="head") for path in paths])[..., None]


@pytest.mark.parametrize(
    ("format", "package"),
    [("saved_model", "tensorflow"), ("litert", "ai_edge_litert"), ("openvino", "openvino")],
)
def test_a_format_answers_as_the_run_does(run, tmp_path, format, package):
    pytest.importorskip(package)
    contract = export(run, out=tmp_path / "out", format=format, show_progress=False)
    model = load_run_model(Run(tmp_path / "out"))
    pixels = pixels_of(run)
    wanted = load_run_model(run).predict(pixels.astype("float32"), verbose=0)
    np.testing.assert_allclose(model.predict_images(pixels, batch_size=5), wanted, atol=1e-4)
    assert model.answers_with_features(pixels)[1].shape == (len(pixels), 256)
    assert contract.parity.changed == 0 and FORMATS[format] in contract.files
    assert contract.parity.bytes == sum(file.bytes for file in contract.files.values())
    assert f'("{FORMATS[format]}"' in (tmp_path / "out" / "README.md").read_text() or format == "saved_model"


def test_8_bit_integers_are_scaled_by_training_images_and_scored_anew(run, tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("tf2onnx")
    read, usual = [], exported_folder.read_for
    monkeypatch.setattr(
        exported_folder, "read_for", lambda model, path, **how: read.append(str(path)) or usual(model, path, **how)
    )
    contract = export(run, out=tmp_path / "out", int8=True, allow_changed=1.0, show_progress=False)
    assert sorted(read) == sorted(run.manifest.loc[run.manifest["split"] == "train", "path"])
    graph = onnx.load(str(tmp_path / "out" / "model.onnx")).graph
    kinds = {name: onnx.TensorProto.DataType.Name(each.data_type) for each in graph.initializer for name in [each.name]}
    assert sum(kind == "INT8" for kind in kinds.values()) >= 5  # the kernels of convolutions and of the last layer
    assert contract.int8 and contract.parity.tolerance is None and contract.parity.allowed_changed == 1.0
    assert contract.parity.bytes < 0.35 * contract.parity.source_bytes

    made = Run(tmp_path / "out")
    tested = made.predictions[made.predictions["split"] == "test"]
    assert made.metrics["accuracy"]["value"] == pytest.approx((tested["label"] == tested["predicted"]).mean())
    wanted = load_run_model(run).predict(pixels_of(run).astype("float32"), verbose=0)
    probabilities = tested.filter(like="p_").to_numpy()
    changed = int((probabilities.argmax(1) != wanted.argmax(1)).sum())
    assert contract.parity.changed == changed
    assert contract.parity.largest_difference == pytest.approx(np.abs(probabilities - wanted).max(), abs=1e-4)
    assert 1e-4 < contract.parity.largest_difference < 0.2
    assert contract.temperature == made.calibration["temperature"]["value"]


def test_a_network_in_half_precision_is_exported_in_float32(tmp_path):
    with in_precision("mixed_bfloat16"):
        half = Network(build("CNN", image_size=32, seed=0))
    assert half.model.get_layer("block_1_convolution_1").compute_dtype == "bfloat16"
    assert not computes_in_float32(half.model)
    write_saved_model(half, tmp_path / "graph", features=False)
    with in_precision("float32"):
        full = Network(build("CNN", image_size=32, seed=0))
    full.model.set_weights(half.model.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 1)).astype("float32")
    found = open_engine("saved_model", tmp_path / "graph" / "saved_model.pb")(images)["probabilities"]
    np.testing.assert_allclose(found, full.predict_images(images), atol=1e-5)
    assert np.abs(found - half.predict_images(images)).max() > 1e-5


def test_a_transformer_keeps_its_gelu_in_onnx(tmp_path):
    pytest.importorskip("tf2onnx")
    config = ModelConfig(model="ViT-Ti/16", classes=("no_tumor", "tumor"), image_size=(32, 32), seed=0)
    network = Network(build_vit(config, width=16, depth=1, heads=2, patch=16))
    write_saved_model(network, tmp_path / "graph", features=True)
    path = convert(tmp_path / "graph", tmp_path, "onnx")
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
    found, features = open_engine("onnx", path)(images), split_at_features(network.model)[0].predict(images, verbose=0)
    np.testing.assert_allclose(found["probabilities"], network.predict_images(images), atol=1e-5)
    np.testing.assert_allclose(found["features"], features, atol=1e-4)
    assert np.ptp(features) > 0.1
