"""`explain` works for every network of the model table, built or reloaded."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.explain import ExplanationError, explain
from braintumor_tf.explain.subject import Subject
from braintumor_tf.models import MODELS, build, load_model
from braintumor_tf.training.callbacks import save_network

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (5, 40, 50), dtype=np.uint8)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "PCA"])
def test_every_network_of_the_table_is_explained(name):
    model = build(name, image_size=64, seed=0)
    tf.config.run_functions_eagerly(True)  # tracing a large network once takes longer than running it once
    try:
        heat = explain(model, IMAGES[:1])
        assert heat.shape == (1, 40, 50) and heat.max() == 1 and np.ptp(heat) > 0
        with pytest.raises(ExplanationError, match="attention_rollout|grad_cam"):
            explain(model, IMAGES[:1], method="saliency")
    finally:
        tf.config.run_functions_eagerly(False)
    last = {"Eff": "top_activation", "Mob": "out_relu", "CNN": "block_5_relu_1", "ViT": "patches"}
    assert Subject(model).layer(None).name == last[name[:3]]


@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV2-0.35", "ViT-Ti/16"])
def test_a_reloaded_network_is_explained_alike(name, tmp_path):
    model = build(name, classes=CLASSES, image_size=64, seed=0)
    save_network(model, tmp_path / "model.keras")
    expected = explain(model, IMAGES)
    np.testing.assert_allclose(explain(load_model(tmp_path / "model.keras"), IMAGES), expected, atol=1e-5)
