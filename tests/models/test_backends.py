"""A network that was saved on TensorFlow answers the same on Keras's JAX backend."""

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

from braintumor_tf.models import build
from braintumor_tf.training.callbacks import save_network

REPOSITORY = Path(__file__).resolve().parents[2]
CODE = """
    import sys
    import keras
    import numpy as np
    from braintumor_tf.models import build, load_model
    from braintumor_tf.models.factory import as_predictor
    assert keras.backend.backend() == "jax"
    for name, folder in zip(sys.argv[1::2], sys.argv[2::2]):
        images, expected = np.load(folder + "/images.npy"), np.load(folder + "/expected.npy")
        loaded = load_model(folder + "/model.keras")
        np.testing.assert_allclose(as_predictor(loaded).predict_images(images), expected, atol=1e-4)
        assert build(name, image_size=32, seed=0).count_params() == loaded.count_params()
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_networks_built_and_loaded_on_jax_answer_as_on_tensorflow(tmp_path):
    arguments = []
    for name in ("MobileNetV2-0.35", "ViT-Ti/16"):
        folder = tmp_path / name.replace("/", "-")
        folder.mkdir()
        model = build(name, image_size=32, seed=0)
        images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("float32")
        save_network(model, folder / "model.keras")
        np.save(folder / "images.npy", images)
        np.save(folder / "expected.npy", keras.ops.convert_to_numpy(model(images, training=False)))
        arguments += [name, str(folder)]
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CODE), *arguments],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
