"""Explanations computed on Keras's JAX backend are those of TensorFlow."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest

from braintumor_tf.explanation import explain
from braintumor_tf.training.callbacks import save_network
from tests.explanation.handmade import pixel_network
from tests.explanation.maps.test_attention import tiny
from tests.training.toy import small_cnn

REPOSITORY = Path(__file__).resolve().parents[2]
ASKED = (
    ("cnn", {}),
    ("cnn", {"method": "grad_cam_plus_plus", "target": "glioma"}),
    ("cnn", {"layer": "block_1_convolution_1", "target": 1, "batch_size": 3}),
    ("cnn", {"method": "occlusion", "patch": 0.25}),
    ("skip", {"layer": "twice", "target": 1}),  # a skip connection leads around it
    ("vit", {}),
)
CODE = """
    import sys
    import keras
    import numpy as np
    from braintumor_tf.explanation import explain, layer_activations
    from braintumor_tf.models import load_model
    from tests.explanation.test_gradients import ASKED
    assert keras.backend.backend() == "jax"
    models = {name: load_model(f"{name}.keras") for name in ("cnn", "skip", "vit")}
    images = np.load("images.npy")
    for number, (name, settings) in enumerate(ASKED):
        found = explain(models[name], images, **settings)
        np.testing.assert_allclose(found, np.load(f"{number}.npy"), atol=5e-3, err_msg=f"{name} {settings}")
    assert "call" not in vars(models["skip"].get_layer("twice"))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compares with TensorFlow")
def test_jax_explains_as_tensorflow_does(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 50), dtype=np.uint8)
    models = {
        "cnn": small_cnn(),
        "skip": pixel_network(skip=True),
        "vit": tiny(),
    }
    np.save(tmp_path / "images.npy", images)
    for name, model in models.items():
        save_network(model, tmp_path / f"{name}.keras")
    for number, (name, settings) in enumerate(ASKED):
        expected = explain(models[name], images, **settings)
        assert np.ptp(expected) > 1e-3
        np.save(tmp_path / f"{number}.npy", expected)
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CODE)],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
