"""Every row of the table of models: built, run, saved, loaded, compared."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.models import (
    MODELS,
    ModelConfig,
    ModelError,
    build,
    get_spec,
    load_model,
    resolve_classes,
    resolve_config,
)
from braintumor_tf.models.architectures.cnn import build_cnn
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.models.network import load_network
from braintumor_tf.models.registry import NETWORK
from braintumor_tf.training.callbacks import save_network

SCRATCH = [name for name, spec in MODELS.items() if not spec.pretrained]  # the others: architectures/
NETWORKS = [name for name in SCRATCH if MODELS[name].kind == NETWORK]


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _built_and_saved(name: str, path_of, classes):
    """Builds a model, teaches it something where it can do nothing without, and saves it."""
    model = build(name, classes=classes, seed=0)
    path = path_of / get_spec(name).file
    if get_spec(name).kind == NETWORK:
        save_network(model, path)
    else:
        model.fit(_images(30, 40, 30, 1), [classes[index % len(classes)] for index in range(30)])
        model.save(path)
    return model, path


@pytest.mark.parametrize("classes", [CLASSES, BINARY_CLASSES], ids=["four", "binary"])
@pytest.mark.parametrize("name", SCRATCH)
def test_every_row_is_built_saved_and_loaded_to_the_same_predictions(name, classes, tmp_path):
    model, path = _built_and_saved(name, tmp_path, classes)
    predictor, loaded = as_predictor(model), as_predictor(load_model(path))
    images = _images(3, *predictor.image_size, 1)
    probabilities = predictor.predict_images(images)
    assert probabilities.shape == (3, len(classes))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(loaded.predict_images(images), probabilities, atol=1e-6)
    assert loaded.classes == classes and loaded.image_size == predictor.image_size
    spec = get_spec(name)
    assert predictor.image_size == (spec.image_size, spec.image_size) and predictor.channels == spec.channels
    assert spec.input_range == (0.0, 255.0) and "random" in spec.weights and spec.licence and spec.preprocessing


@pytest.mark.parametrize("name", SCRATCH)
def test_grey_equals_its_rgb_copy_and_any_size_comes_in(name, tmp_path):
    model, _ = _built_and_saved(name, tmp_path, CLASSES)
    predictor = as_predictor(model)
    grey = _images(2, 70, 50, 1)
    np.testing.assert_allclose(
        predictor.predict_images(np.repeat(grey, 3, axis=-1)), predictor.predict_images(grey), atol=1e-4
    )
    assert predictor.predict_images(_images(1, 200, 150, 3)).shape == (1, 4)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_flat_and_its_seed_decides_its_first_weights(name):
    one, same, other = build(name, seed=1), build(name, seed=1), build(name, seed=2)
    assert not any(hasattr(layer, "layers") for layer in one.layers)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_the_cnn_has_five_blocks_and_takes_a_head_and_a_size():
    model = build("CNN", classes=["a", "b", "c"], image_size=(64, 96), dropout=0.2, head=(16,))
    assert {layer.name.split("_")[1] for layer in model.layers if layer.name.startswith("block_")} == set("12345")
    assert model.get_layer("head_1").units == 16 and model.output_shape == (None, 3)
    assert as_predictor(model).image_size == (64, 96) and as_predictor(model).classes == ("a", "b", "c")
    assert model.get_layer("dropout").rate == 0.2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model": "ResNet"}, "CNN, PCA"),
        ({"model": "CNN", "weights": "imagenet"}, "random"),
        ({"model": "CNN", "dropout": 1.0}, "dropout"),
        ({"model": "CNN", "classes": 3}, "class names"),
        ({"model": "CNN", "classes": ["a", "a"]}, "different"),
        ({"model": "CNN", "image_size": 0}, "image size"),
        ({"model": "CNN", "image_size": 16}, "image size 16 is too small for CNN; give 31 pixels a side or more"),
        ({"model": "MobileNetV2", "image_size": (64, 31)}, "give 32 pixels"),
        ({"model": "ViT-Ti/16", "image_size": (32, 40)}, "patches of 16: image size .32, 40. is no multiple"),
        ({"model": "PCA", "head": (8,)}, "dense"),
        ({"model": "CNN", "drop": 0.5}, "no such setting of a model; there are .*dropout"),
    ],
)
def test_wrong_settings_are_named(arguments, words):
    with pytest.raises(ModelError, match=words):
        build(**arguments)


@pytest.mark.parametrize("name", MODELS)
def test_every_row_knows_its_smallest_image(name):
    spec = get_spec(name)
    assert resolve_config(ModelConfig(model=name, image_size=spec.smallest)).image_size == (spec.smallest,) * 2
    assert spec.smallest <= spec.image_size and spec.smallest % spec.patch == spec.image_size % spec.patch == 0
    if spec.smallest > 1:
        with pytest.raises(ModelError, match=f"too small for {name}; give {spec.smallest} pixels"):
            resolve_config(ModelConfig(model=name, image_size=spec.smallest - 1))


def test_the_smallest_image_of_the_cnn_is_the_smallest_that_keras_can_build():
    config, smallest = resolve_config(ModelConfig(model="CNN")), get_spec("CNN").smallest
    assert build_cnn(replace(config, image_size=(smallest, smallest))).output_shape == (None, 4)
    with pytest.raises(ValueError, match="output size"):
        build_cnn(replace(config, image_size=(smallest, smallest - 1)))


def test_class_numbers_stand_for_the_two_tasks():
    assert resolve_classes(4) == CLASSES and resolve_classes(2) == BINARY_CLASSES


@pytest.mark.parametrize("name", ["model.keras", "model.skops"])
def test_a_missing_or_damaged_file_is_named(name, tmp_path):
    path = tmp_path / name
    with pytest.raises(ModelError, match="no such file"):
        load_model(path)
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=name):
        load_model(path)
    with pytest.raises(ModelError, match="not a model file"):
        load_model(tmp_path / "model.pkl")


def test_a_keras_file_with_code_in_it_or_from_elsewhere_is_refused(tmp_path):
    import keras

    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs)).save(tmp_path / "code.keras")
    with pytest.raises(ModelError, match=r"code\.keras"):
        load_network(tmp_path / "code.keras")
    keras.Model(inputs, keras.layers.Dense(2)(inputs)).save(tmp_path / "other.keras")
    with pytest.raises(ModelError, match="ClassProbabilities"):
        load_network(tmp_path / "other.keras")


def test_the_table_is_read_without_keras():
    code = "import sys, braintumor_tf.models as m, braintumor_tf.training as t; list(m.MODELS); t.PRESETS; " + (
        "assert not {'keras', 'tensorflow', 'sklearn'} & set(sys.modules), 'imported too early'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_settings_replace_those_of_a_configuration_and_nothing_is_left_open():
    config = ModelConfig(model="EfficientNetB3", dropout=0, head=[8])
    assert ModelConfig.of(config, seed=3) == ModelConfig(model="EfficientNetB3", dropout=0, head=[8], seed=3)
    found = resolve_config(config)
    assert (found.classes, found.image_size, found.dropout, found.head) == (CLASSES, (300, 300), 0.0, (8,))
    assert resolve_config(found, labels=["tumor"]) == found
    assert resolve_config(config, labels=["tumor"]).classes == BINARY_CLASSES
    assert resolve_config(config, labels=["b", "a"]).classes == ("a", "b")
    assert resolve_config(ModelConfig(image_size=(32, 48))).image_size == (32, 48)
