"""Loading a network: every layer of the package is known, wherever it was defined when the file was written."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from braintumor_tf.models import build, layers, load_model
from braintumor_tf.models.layers import (
    class_probabilities,
    fused_batch_norm,
    input_layers,
    legacy_operation,
    vit_layers,
)
from braintumor_tf.types import ModelConfig, Predictor


def test_every_layer_of_the_package_is_exported_and_registered():
    found = {
        cls
        for module in (class_probabilities, fused_batch_norm, input_layers, legacy_operation, vit_layers)
        for cls in vars(module).values()
        if inspect.isclass(cls) and issubclass(cls, keras.layers.Layer) and cls.__module__ == module.__name__
    }
    assert {cls.__name__ for cls in found} == set(layers.__all__)
    for cls in found:
        assert keras.saving.get_registered_object(f"braintumor_tf>{cls.__name__}") is cls


@pytest.mark.parametrize("name", ["CNN", "ViT-Ti/16"])
def test_a_file_whose_layers_stood_in_another_module_is_loaded(name, tmp_path):
    model = build(name, image_size=32, seed=0)
    model.save(tmp_path / "model.keras")
    moved = tmp_path / "moved.keras"
    with zipfile.ZipFile(tmp_path / "model.keras") as old, zipfile.ZipFile(moved, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == "config.json":
                text = content.decode()
                assert "braintumor_tf.models.layers" in text
                content = text.replace("braintumor_tf.models.layers", "braintumor_tf.gone").encode()
                json.loads(content)
            new.writestr(entry, content)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")
    code = f"""
import numpy as np
from braintumor_tf.models import load_model
np.save({str(tmp_path / "answer.npy")!r}, load_model({str(moved)!r}).predict(np.load({str(tmp_path / "images.npy")!r})))
"""
    np.save(tmp_path / "images.npy", images)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), model.predict(images, verbose=0), atol=1e-6)


def test_the_crop_and_the_interface_of_a_predictor_survive_the_file(tmp_path):
    from braintumor_tf.models.factory import as_predictor

    config = ModelConfig(image_size=(32, 48), crop="head", classes=["a", "b"])
    build(config).save(tmp_path / "model.keras")
    predictor = as_predictor(load_model(tmp_path / "model.keras"))
    assert isinstance(predictor, Predictor) and isinstance(build("PCA"), Predictor)
    assert (predictor.classes, predictor.image_size, predictor.channels, predictor.crop) == (
        ("a", "b"), (32, 48), 1, "head",
    )  # fmt: skip
