"""EfficientNet and MobileNetV2: inputs, seeds, heads, momentum. What holds for each row is in test_every_row."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from braintumor_tf.models import MODELS, ImageInputError, ModelError, build, load_model
from braintumor_tf.models.backbone import head_layers, set_batch_normalisation_momentum
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.training.callbacks import save_network

SIDES = {"B0": 224, "B1": 240, "B2": 260, "B3": 300, "B4": 380, "B5": 456, "B6": 528}
SMALL = "MobileNetV2-0.35"


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def _answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


def test_the_rows_have_the_sizes_of_the_papers():
    rows = [spec for spec in MODELS.values() if spec.builder.startswith("braintumor_tf.models.architectures.transfer")]
    assert {spec.name: spec.image_size for spec in rows if spec.name.startswith("Eff")} == {
        f"EfficientNet{variant}": side for variant, side in SIDES.items()
    }
    assert all(spec.channels == 3 and spec.licence == "Apache-2.0" for spec in rows) and len(rows) == 11


@pytest.mark.parametrize("name", ["EfficientNetB0", SMALL])
def test_at_the_models_own_size_any_size_and_grey_come_in(name):
    predictor = as_predictor(build(name, classes=2, seed=0))
    assert predictor.image_size == (224, 224) and predictor.channels == 3
    grey = _images(1, 100, 80, 1)
    answer = predictor.predict_images(grey)
    np.testing.assert_allclose(predictor.predict_images(np.repeat(grey, 3, axis=-1)), answer, atol=1e-4)
    assert predictor.predict_images(_images(1, 224, 224, 3)).shape == (1, 2)
    with pytest.raises(ImageInputError, match="0-1"):
        predictor.predict_images(grey / 255)
    with pytest.raises(ImageInputError, match="channels"):
        predictor.predict_images(_images(1, 8, 8, 2))


def test_scaling_is_that_of_keras():
    images = _images(1, 96, 96, 3)
    model = build(SMALL, image_size=96, seed=0)
    expected = keras.applications.mobilenet_v2.preprocess_input(images.copy())
    scaled = keras.Model(model.input, model.get_layer("scale").output)
    np.testing.assert_allclose(_answers(scaled, images), expected, atol=1e-6)


def test_the_seed_decides_first_weights_and_dropout():
    one, same, other = (build(SMALL, image_size=32, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
    kernels = [[layer.kernel for layer in model.layers if hasattr(layer, "kernel")] for model in (one, other)]
    assert not any(np.array_equal(a, b) for a, b in zip(*kernels, strict=True))
    dropouts = [build("EfficientNetB0", image_size=32, seed=3).get_layer("block2b_drop") for _ in range(2)]
    features = np.ones((64, 2, 2, 3), "float32")
    np.testing.assert_array_equal(*(layer(features, training=True) for layer in dropouts))


def test_a_head_and_a_size_that_is_not_square():
    model = build(SMALL, classes=["a", "b", "c"], image_size=(64, 96), dropout=0.2, head=(16, 8), seed=0)
    assert model.output_shape == (None, 3) and as_predictor(model).image_size == (64, 96)
    assert [layer.name for layer in head_layers(model)] == [
        "average_pooling", "head_1_dropout", "head_1", "head_2_dropout", "head_2", "dropout", "probabilities",
    ]  # fmt: skip
    assert model.get_layer("head_2").units == 8 and model.get_layer("dropout").rate == 0.2


def test_momentum_is_set_and_kept_and_follows_the_statistics(tmp_path):
    model = build(SMALL, image_size=32, seed=0)
    assert set_batch_normalisation_momentum(model, 0.5) == 52
    save_network(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    layer = loaded.get_layer("bn_Conv1")
    assert layer.momentum == 0.5
    before = np.array(layer.moving_mean)
    images = _images(8, 32, 32, 3)
    mean = _answers(keras.Model(loaded.input, loaded.get_layer("Conv1").output), images).mean(axis=(0, 1, 2))
    loaded(images, training=True)
    np.testing.assert_allclose(layer.moving_mean, (before + mean) / 2, atol=1e-4)
    with pytest.raises(ModelError, match="momentum"):
        set_batch_normalisation_momentum(model, 1.0)
