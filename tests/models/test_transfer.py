"""EfficientNet and MobileNetV2: every row built, run, saved, loaded, compared; parts; parameters as published."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.models import MODELS, ImageInputError, ModelError, build, load_model
from braintumor_tf.models.backbone import (
    BATCH_NORMALISATION_MOMENTUM,
    backbone_blocks,
    backbone_layers,
    head_layers,
    set_batch_normalisation_momentum,
)
from braintumor_tf.models.network import as_predictor
from braintumor_tf.training.callbacks import save_network

# Parameters with the head of 1000 classes, as Keras counts them, and the features that go into that head.
PUBLISHED = {
    "EfficientNetB0": (5_330_571, 1280),
    "EfficientNetB1": (7_856_239, 1280),
    "EfficientNetB2": (9_177_569, 1408),
    "EfficientNetB3": (12_320_535, 1536),
    "EfficientNetB4": (19_466_823, 1792),
    "EfficientNetB5": (30_562_527, 2048),
    "EfficientNetB6": (43_265_143, 2304),
    "MobileNetV2": (3_538_984, 1280),
    "MobileNetV2-0.75": (2_663_064, 1280),
    "MobileNetV2-0.5": (1_987_224, 1280),
    "MobileNetV2-0.35": (1_691_208, 1280),
}
SIDES = {"B0": 224, "B1": 240, "B2": 260, "B3": 300, "B4": 380, "B5": 456, "B6": 528}
SMALL = "MobileNetV2-0.35"


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def _answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


@pytest.fixture(scope="module", params=PUBLISHED)
def built(request) -> keras.Model:
    """Each network once, at a small size: the weights do not depend on it."""
    return build(request.param, image_size=64, seed=0)


def test_the_table_has_these_rows_and_sizes():
    assert {name for name, spec in MODELS.items() if spec.builder.startswith("braintumor_tf.models.transfer")} == set(
        PUBLISHED
    )
    assert all(MODELS[f"EfficientNet{variant}"].image_size == side for variant, side in SIDES.items())
    assert all(MODELS[name].channels == 3 and MODELS[name].licence == "Apache-2.0" for name in PUBLISHED)


def test_a_row_has_the_published_parameters(built):
    with_head, features = PUBLISHED[built.name]
    backbone = sum(layer.count_params() for layer in backbone_layers(built))
    assert backbone + 1000 * (features + 1) == with_head
    assert built.count_params() == backbone + len(CLASSES) * (features + 1)


def test_a_row_is_flat_runs_and_is_loaded_to_the_same_answers(built, tmp_path):
    assert not any(hasattr(layer, "layers") for layer in built.layers)
    images = _images(2, 64, 64, 3)
    answers = _answers(built, images)
    assert answers.shape == (2, 4) and answers.dtype == np.float32
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    save_network(built, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(_answers(loaded, images), answers)
    names = [layer.name for layer in backbone_layers(built)]
    assert [layer.name for layer in backbone_layers(loaded)] == names
    assert as_predictor(loaded).classes == CLASSES and as_predictor(loaded).image_size == (64, 64)
    moments = {layer.momentum for layer in loaded.layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert moments == {BATCH_NORMALISATION_MOMENTUM}


def test_a_rows_layers_are_door_backbone_and_head(built):
    backbone, head = backbone_layers(built), head_layers(built)
    assert [layer.name for layer in head] == ["average_pooling", "dropout", "probabilities"]
    assert len(backbone) + len(head) + 3 == len(built.layers)
    blocks = backbone_blocks(built)
    assert sum(map(len, blocks.values())) == len(backbone)
    assert next(iter(blocks)) == "stem" and list(blocks)[-1] == "top" and len(blocks) >= 18


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
    model = build(SMALL, ["a", "b", "c"], image_size=(64, 96), dropout=0.2, head=(16, 8), seed=0)
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
