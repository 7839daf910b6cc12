"""The vision transformer: its attention and its positions. What holds for each row is in test_every_row."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.models import ImageInputError, ModelError, build, load_model
from braintumor_tf.models.architectures.vit import attention_model, build_vit
from braintumor_tf.models.backbone import backbone_blocks, head_layers
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.models.layers.vit_layers import resize_positions
from braintumor_tf.training.callbacks import save_network
from braintumor_tf.types import ModelConfig


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def _answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(images, training=False))


def tiny(**changes) -> keras.Model:
    config = ModelConfig(model="ViT-tiny", classes=CLASSES, image_size=(32, 48), dropout=0.1, seed=0)
    return build_vit(replace(config, **changes), width=16, depth=2, heads=4)


def test_vit_b_16_with_a_head_of_1000_classes_has_the_published_parameters():
    assert build("ViT-B/16", classes=[f"class {number}" for number in range(1000)]).count_params() == 86_567_656


def test_attention_scores_are_reachable_also_after_loading(tmp_path):
    model = tiny()
    save_network(model, tmp_path / "model.keras")
    images = _images(3, 32, 48, 3)
    scores = attention_model(model)(images)
    again = attention_model(load_model(tmp_path / "model.keras"))(images)
    assert [tuple(score.shape) for score in scores] == [(3, 4, 7, 7)] * 2
    for one, other in zip(scores, again):
        np.testing.assert_allclose(keras.ops.sum(one, axis=-1), np.ones((3, 4, 7)), atol=1e-5)
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ModelError, match="attention"):
        attention_model(build("CNN", image_size=32))


def test_parts_are_known_by_name():
    model = tiny(head=(8,))
    assert [layer.name for layer in head_layers(model)] == [
        "class_token", "head_1_dropout", "head_1", "dropout", "probabilities",
    ]  # fmt: skip
    assert list(backbone_blocks(model)) == ["stem", "block_1", "block_2", "top"]


def test_the_seed_decides_first_weights_and_no_two_kernels_are_alike():
    one, same, other = tiny(seed=1), tiny(seed=1), tiny(seed=2)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
    assert not np.array_equal(one.get_layer("patches").kernel, other.get_layer("patches").kernel)
    kernels = [weight for weight in one.get_layer("block_1_attention").get_weights() if weight.ndim == 3]
    assert len(kernels) == 4
    assert not any(np.array_equal(a.ravel(), b.ravel()) for i, a in enumerate(kernels) for b in kernels[:i])


def test_it_reads_every_patch_and_every_position():
    model = tiny()
    images = _images(1, 32, 48, 3)
    answer = _answers(model, images)
    swapped = np.concatenate([images[:, :, 16:32], images[:, :, :16], images[:, :, 32:]], axis=2)
    assert np.abs(_answers(model, swapped) - answer).max() > 1e-6
    corner = images.copy()
    corner[:, 16:, 32:] = 255 - corner[:, 16:, 32:]
    assert np.abs(_answers(model, corner) - answer).max() > 1e-6


def test_positions_are_interpolated_and_the_class_tokens_kept():
    ramp = np.zeros((1, 1 + 4 * 6, 2), "float32")
    ramp[0, 0] = 7
    ramp[0, 1:, 0] = np.repeat(np.arange(4), 6)
    ramp[0, 1:, 1] = np.tile(np.arange(6), 4)
    np.testing.assert_array_equal(resize_positions(ramp, (4, 6), (4, 6)), ramp)
    larger = resize_positions(ramp, (4, 6), (8, 12))
    assert larger.shape == (1, 97, 2) and (larger[0, 0] == 7).all()
    rows = larger[0, 1:, 0].reshape(8, 12)
    np.testing.assert_allclose(rows[2:6, 5], np.array([0.75, 1.25, 1.75, 2.25]), atol=0.05)
    assert np.abs(rows - rows[:, :1]).max() < 1e-4
    constant = resize_positions(np.full((1, 10, 3), 2.5), (3, 3), (2, 5))
    np.testing.assert_allclose(constant, np.full((1, 11, 3), 2.5), rtol=1e-5)


@pytest.mark.parametrize("grid", [(3, 4), (5, 7), (20, 13)])
def test_positions_are_interpolated_as_pillow_interpolates(grid):
    positions = np.random.default_rng(2).normal(size=(1, 1 + 10 * 8, 3)).astype("float32")
    found = resize_positions(positions, (10, 8), grid)
    np.testing.assert_array_equal(found[:, 0], positions[:, 0])
    for feature in range(3):
        one = Image.fromarray(positions[0, 1:, feature].reshape(10, 8))
        expected = np.asarray(one.resize(grid[::-1], Image.Resampling.BICUBIC))
        np.testing.assert_allclose(found[0, 1:, feature].reshape(grid), expected, atol=2e-3)


def test_what_does_not_fit_is_named():
    with pytest.raises(ModelError, match="patches of 16"):
        build("ViT-Ti/16", image_size=100)
    with pytest.raises(ImageInputError, match="0-1"):
        as_predictor(tiny()).predict_images(_images(1, 32, 48, 1) / 255)
