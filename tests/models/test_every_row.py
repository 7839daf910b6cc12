"""Every row of the table of models: built once, saved and loaded once, and all that holds for each of them.

The pictures are small and functions are not compiled: tracing a large network takes longer than running it a few times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import tree
from PIL import Image

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.explanation import ExplanationError, attention_maps, explain
from braintumor_tf.explanation.images import GivenImages, scaled
from braintumor_tf.explanation.maps.covered_patches import ROUNDING, drops
from braintumor_tf.explanation.methods import methods_for
from braintumor_tf.explanation.model_kinds import ATTENTION
from braintumor_tf.explanation.subject import Subject
from braintumor_tf.models import MODELS, build, get_spec, load_model
from braintumor_tf.models.backbone import BATCH_NORMALISATION_MOMENTUM, backbone_blocks, backbone_layers, head_layers
from braintumor_tf.models.input_memory import WIDEST
from braintumor_tf.models.registry import NETWORK
from braintumor_tf.training.callbacks import save_network

SIDE = 64

# Parameters with the head of 1000 classes, as Keras counts them, and the features that go into that head.
PUBLISHED = {
    "EfficientNetB0": (5_330_571, 1280),
    "EfficientNetB1": (7_856_239, 1280),
    "EfficientNetB2": (9_177_569, 1408),
    "EfficientNetB3": (12_320_535, 1536),
    "EfficientNetB4": (19_466_823, 1792),
    "EfficientNetB5": (30_562_527, 2048),
    "EfficientNetB6": (43_265_143, 2304),
    "EfficientNetLite0": (4_694_024, 1280),
    "EfficientNetLite1": (5_470_344, 1280),
    "EfficientNetLite2": (6_150_168, 1280),
    "MobileNetV2": (3_538_984, 1280),
    "MobileNetV2-0.75": (2_663_064, 1280),
    "MobileNetV2-0.5": (1_987_224, 1280),
    "MobileNetV2-0.35": (1_691_208, 1280),
}
# Parameters without a head for 224 x 224 pixels, as timm and Keras-Hub count them, and the features of a token.
PUBLISHED_VIT = {"ViT-Ti/16": (5_524_416, 192), "ViT-S/16": (21_665_664, 384), "ViT-B/16": (85_798_656, 768)}
TOKENS_AT_224, TOKENS = 1 + (224 // 16) ** 2, 1 + (SIDE // 16) ** 2
SIZES = [(40, 50), (33, 71), (64, 45), (90, 31)]
LAST_MAP = {
    "build_efficientnet": "top_activation",
    "build_efficientnet_lite": "top_activation",
    "build_mobilenet_v2": "out_relu",
    "build_cnn": "block_5_relu_1",
    "build_vit": "patches",
}
"""The layer of the last feature map of each architecture, by the function that builds it."""


@dataclass(frozen=True)
class Row:
    """A model of the table as it was built, and as it came back from its file."""

    name: str
    built: Any
    loaded: Any


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> list[Any]:
    """One batch of everything: grey pixels, a photograph's, transparent and 16-bit files, none of the model's size."""
    folder, generator = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    pictures = {
        "colour.png": generator.integers(0, 256, (33, 71, 3), dtype=np.uint8),
        "transparent.png": generator.integers(0, 256, (64, 45, 4), dtype=np.uint8),
        "deep.png": generator.integers(0, 65536, (90, 31), dtype=np.uint16),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / name)
    return [generator.integers(0, 256, (40, 50), dtype=np.uint8), *(str(folder / name) for name in pictures)]


@pytest.fixture(scope="module", params=MODELS)
def row(request, images, tmp_path_factory) -> Row:
    name, path = request.param, tmp_path_factory.mktemp("row") / get_spec(request.param).file
    built = build(name, classes=CLASSES, image_size=SIDE, seed=0)
    if get_spec(name).kind == NETWORK:
        wake(built, images)
        save_network(built, path)
    else:
        generator = np.random.default_rng(0)
        built.fit(generator.integers(0, 256, (30, 40, 30, 1), dtype=np.uint8), [CLASSES[n % 4] for n in range(30)])
        built.save(path)
    loaded = load_model(path)
    path.unlink()  # up to 350 MB
    return Row(name, built, loaded)


def wake(model: keras.Model, images: list[Any]) -> None:
    """Sets the statistics of normalisation by these images; with those of a new network deep layers answer about 0."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    if layers:
        model(Subject(model).fit(GivenImages(images, grey=False).read(0, 4)), training=True)
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum


@pytest.fixture
def eagerly() -> Iterator[None]:
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_the_lists_of_published_sizes_are_complete():
    assert set(MODELS) == {"CNN", "PCA", *PUBLISHED, *PUBLISHED_VIT}


@pytest.mark.usefixtures("eagerly")
def test_a_row_answers_after_loading_as_before(row, images):
    subjects = Subject(row.built), Subject(row.loaded)
    batch = GivenImages(images, grey=subjects[0].grey).read(0, 4)
    answers = [one.probabilities(batch) for one in subjects]
    assert answers[0].shape == (4, 4) and answers[0].dtype.kind == "f"
    np.testing.assert_allclose(answers[0].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(answers[1], answers[0], atol=1e-6)
    assert all(one.classes == CLASSES and one.predictor.image_size == (SIDE, SIDE) for one in subjects)


@pytest.mark.usefixtures("eagerly")
def test_a_row_is_explained_after_loading_as_before_by_every_method_that_fits(row, images):
    kind = Subject(row.built).kind
    for method in set(methods_for(kind)) - {"occlusion"}:
        before, after = (explain(model, images, method=method) for model in (row.built, row.loaded))
        assert [heat.shape for heat in before] == SIZES, method
        assert all(heat.min() >= 0 and heat.max() in (0, 1) for heat in before), method
        assert any(np.ptp(heat) > 0 for heat in before), f"{method} has found nothing anywhere"
        for one, other in zip(before, after):
            np.testing.assert_allclose(other, one, atol=1e-4, err_msg=method)
    if kind == ATTENTION:
        heads = [attention_maps(model, images) for model in (row.built, row.loaded)]
        np.testing.assert_allclose(heads[1], heads[0], atol=1e-6)
    with pytest.raises(ExplanationError, match=", ".join(methods_for(kind))):
        explain(row.loaded, images, method="saliency")


@pytest.mark.usefixtures("eagerly")
def test_a_row_is_occluded_after_loading_as_before(row, images):
    (pixels,) = GivenImages(images[3:], grey=Subject(row.built).grey).read(0, 1)
    quarters = {"patch": 0.5, "stride": 0.5}
    before = drops(Subject(row.built), pixels, 0, **quarters)
    assert before.shape == SIZES[3] and np.ptp(before) > 0
    (after,) = explain(row.loaded, images[3:], method="occlusion", target=0, **quarters)
    np.testing.assert_allclose(after, scaled(before, floor=ROUNDING), atol=1e-3)


def test_a_network_has_the_published_parameters_and_parts(row):
    if row.name in PUBLISHED:
        with_head, features = PUBLISHED[row.name]
        backbone = with_head - 1000 * (features + 1)
        check_parts(row)
    elif row.name in PUBLISHED_VIT:
        without_head, features = PUBLISHED_VIT[row.name]
        backbone = without_head - (TOKENS_AT_224 - TOKENS) * features
    else:
        return
    assert sum(layer.count_params() for layer in backbone_layers(row.built)) == backbone
    assert row.built.count_params() == backbone + len(CLASSES) * (features + 1)


def check_parts(row: Row) -> None:
    """Checks that a network of Keras's is input layers, backbone in blocks, and head, and that the momentum is ours."""
    backbone, blocks = backbone_layers(row.built), backbone_blocks(row.built)
    assert [layer.name for layer in head_layers(row.built)] == ["average_pooling", "dropout", "probabilities"]
    assert len(backbone) + 3 + 3 == len(row.built.layers)
    assert sum(map(len, blocks.values())) == len(backbone)
    assert next(iter(blocks)) == "stem" and list(blocks)[-1] == "top" and len(blocks) >= 18
    moments = {layer.momentum for layer in row.loaded.layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert moments == {BATCH_NORMALISATION_MOMENTUM}


def test_the_memory_of_a_batch_is_not_said_to_be_more_than_it_is(row):
    if get_spec(row.name).kind != NETWORK:
        assert get_spec(row.name).builder.partition(":")[2] not in WIDEST
        return
    outputs = [output for layer in row.built.layers for output in tree.flatten(layer.output)]
    values = max(np.prod([side or 1 for side in output.shape]) for output in outputs)
    assert values / SIDE**2 >= WIDEST[get_spec(row.name).builder.partition(":")[2]]


def test_a_network_is_flat_and_keeps_its_layers(row):
    if row.name == "PCA":
        return
    for model in (row.built, row.loaded):
        assert not any(hasattr(layer, "layers") for layer in model.layers)
        assert Subject(model).layer(None).name == LAST_MAP[get_spec(row.name).builder.partition(":")[2]]
    assert [layer.name for layer in row.loaded.layers] == [layer.name for layer in row.built.layers]
