"""Checkpoints of timm and Keras-Hub, made here with the names and shapes of the real ones, fill a ViT rightly."""

from __future__ import annotations

import h5py
import keras
import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.special import erf

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.models import ModelError, build
from braintumor_tf.models.architectures.vit import build_vit
from braintumor_tf.models.architectures.vit_checkpoints import load_vit_checkpoint
from braintumor_tf.models.layers.vit_layers import resize_positions
from braintumor_tf.types import ModelConfig

WIDTH, DEPTH, HEADS, GRID = 16, 3, 4, 2
IMAGES = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3)).astype("float32")


def _vit(side: int = 32, width: int = WIDTH, depth: int = DEPTH, weights: str = "random") -> keras.Model:
    config = ModelConfig(
        model="ViT-tiny", classes=CLASSES, image_size=(side, side), weights=weights, dropout=0.1, seed=0
    )
    return build_vit(config, width=width, depth=depth, heads=HEADS)


def _features(model: keras.Model) -> np.ndarray:
    part = keras.Model(model.inputs[0], model.get_layer("normalization").output)
    return keras.ops.convert_to_numpy(part(IMAGES, training=False))


@pytest.fixture
def timm_tensors() -> dict[str, np.ndarray]:
    """The tensors of timm's `VisionTransformer`, with its names and shapes."""
    shapes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + GRID * GRID, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, 16, 16),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
        "head.weight": (1000, WIDTH),
        "head.bias": (1000,),
    }
    for block in range(DEPTH):
        for name, shape in {
            "norm1": (WIDTH,),
            "attn.qkv": (3 * WIDTH, WIDTH),
            "attn.proj": (WIDTH, WIDTH),
            "norm2": (WIDTH,),
            "mlp.fc1": (4 * WIDTH, WIDTH),
            "mlp.fc2": (WIDTH, 4 * WIDTH),
        }.items():
            shapes[f"blocks.{block}.{name}.weight"] = shape
            shapes[f"blocks.{block}.{name}.bias"] = shape[:1]
    generator = np.random.default_rng(0)
    return {name: generator.normal(0, 0.3, shape).astype("float32") for name, shape in shapes.items()}


def _timm_forward(t: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """What timm computes, written with NumPy from its definition."""

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * t[f"{name}.weight"] + t[f"{name}.bias"]

    def dense(x, name):
        return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]

    x = images / 127.5 - 1  # timm's mean and deviation of 0.5
    patches = x.reshape(len(x), GRID, 16, GRID, 16, 3).transpose(0, 1, 3, 5, 2, 4).reshape(len(x), GRID * GRID, -1)
    x = patches @ t["patch_embed.proj.weight"].reshape(WIDTH, -1).T + t["patch_embed.proj.bias"]
    x = np.concatenate([np.repeat(t["cls_token"], len(x), 0), x], axis=1) + t["pos_embed"]
    for block in range(DEPTH):
        name = f"blocks.{block}"
        qkv = dense(norm(x, f"{name}.norm1"), f"{name}.attn.qkv").reshape(*x.shape[:2], 3, HEADS, -1)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(WIDTH // HEADS)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (scores / scores.sum(-1, keepdims=True)) @ v
        x = x + dense(attended.swapaxes(1, 2).reshape(x.shape), f"{name}.attn.proj")
        hidden = dense(norm(x, f"{name}.norm2"), f"{name}.mlp.fc1")
        x = x + dense(hidden * 0.5 * (1 + erf(hidden / np.sqrt(2))), f"{name}.mlp.fc2")
    return norm(x, "norm")


def _as_keras_hub(t: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same tensors as the ``.weights.h5`` of Keras-Hub 0.32's `ViTBackbone` has them: its names and layouts."""
    embedding, encoder = "vi_t_patching_and_embedding", "vi_t_encoder"
    found = {
        f"{embedding}/vars/0": t["cls_token"],
        f"{embedding}/position_embedding/vars/0": t["pos_embed"][0],
        f"{embedding}/patch_embedding/vars/0": t["patch_embed.proj.weight"].transpose(2, 3, 1, 0),
        f"{embedding}/patch_embedding/vars/1": t["patch_embed.proj.bias"],
        f"{encoder}/layer_norm/vars/0": t["norm.weight"],
        f"{encoder}/layer_norm/vars/1": t["norm.bias"],
    }
    for block in range(DEPTH):
        here, there = f"{encoder}/encoder_layers/vi_t_encoder_block" + (f"_{block}" if block else ""), f"blocks.{block}"
        for ours, theirs in {"layer_norm_1": "norm1", "layer_norm_2": "norm2"}.items():
            found[f"{here}/{ours}/vars/0"] = t[f"{there}.{theirs}.weight"]
            found[f"{here}/{ours}/vars/1"] = t[f"{there}.{theirs}.bias"]
        for ours, theirs in {"dense_1": "fc1", "dense_2": "fc2"}.items():
            found[f"{here}/mlp/{ours}/vars/0"] = t[f"{there}.mlp.{theirs}.weight"].T
            found[f"{here}/mlp/{ours}/vars/1"] = t[f"{there}.mlp.{theirs}.bias"]
        for index, part in enumerate(("query", "key", "value")):
            rows = slice(index * WIDTH, (index + 1) * WIDTH)
            kernel = t[f"{there}.attn.qkv.weight"][rows].T.reshape(WIDTH, HEADS, -1)
            found[f"{here}/mha/{part}_dense/vars/0"] = kernel
            found[f"{here}/mha/{part}_dense/vars/1"] = t[f"{there}.attn.qkv.bias"][rows].reshape(HEADS, -1)
        found[f"{here}/mha/output_dense/vars/0"] = t[f"{there}.attn.proj.weight"].T.reshape(HEADS, -1, WIDTH)
        found[f"{here}/mha/output_dense/vars/1"] = t[f"{there}.attn.proj.bias"]
    return found


def _write_h5(path, tensors, prefix):
    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            file[prefix + name] = value
    return path


def test_a_timm_checkpoint_gives_what_timm_computes(timm_tensors, tmp_path):
    save_file(timm_tensors, tmp_path / "model.safetensors")
    model = _vit(weights=str(tmp_path / "model.safetensors"))
    expected = _timm_forward(timm_tensors, IMAGES)
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(_features(model), expected, atol=1e-4)


@pytest.mark.parametrize("prefix", ["layers/", "layers/vi_t_backbone/layers/"], ids=["backbone", "classifier"])
def test_a_keras_hub_checkpoint_gives_the_same(timm_tensors, tmp_path, prefix):
    path = _write_h5(tmp_path / "model.weights.h5", _as_keras_hub(timm_tensors), prefix)
    model = _vit()
    head = model.get_layer("probabilities").get_weights()
    assert load_vit_checkpoint(model, path) == "keras_hub"
    np.testing.assert_allclose(_features(model), _timm_forward(timm_tensors, IMAGES), atol=1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(head, model.get_layer("probabilities").get_weights()))


@pytest.mark.parametrize(("depth", "words"), [(2, "3 blocks"), (4, r"block_3/")])
def test_a_keras_hub_checkpoint_of_another_depth_is_refused(timm_tensors, tmp_path, depth, words):
    path = _write_h5(tmp_path / "model.weights.h5", _as_keras_hub(timm_tensors), "layers/")
    model = _vit(depth=depth)
    before = model.get_weights()
    with pytest.raises(ModelError, match=words):
        load_vit_checkpoint(model, path)
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights()))


def test_positions_that_are_no_square_are_refused(timm_tensors, tmp_path):
    timm_tensors["pos_embed"] = timm_tensors["pos_embed"][:, :4]
    save_file(timm_tensors, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="4 positions are no square"):
        load_vit_checkpoint(_vit(), tmp_path / "model.safetensors")


def test_positions_of_another_grid_are_interpolated(timm_tensors, tmp_path):
    save_file(timm_tensors, tmp_path / "model.safetensors")
    model = _vit(side=64)
    assert load_vit_checkpoint(model, tmp_path / "model.safetensors") == "timm"
    expected = resize_positions(timm_tensors["pos_embed"], (2, 2), (4, 4))
    np.testing.assert_array_equal(model.get_layer("positions").positions, expected)


def test_what_does_not_fit_is_named_and_changes_nothing(timm_tensors, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(timm_tensors, path)
    for wrong, words in ((_vit(width=8), "another size"), (_vit(depth=4), r"blocks\.3"), (_vit(depth=2), "3 blocks")):
        before = wrong.get_weights()
        with pytest.raises(ModelError, match=words):
            load_vit_checkpoint(wrong, path)
        assert all(np.array_equal(a, b) for a, b in zip(before, wrong.get_weights()))
    with pytest.raises(ModelError, match="another size"):
        build("ViT-Ti/16", weights=path)
    save_file({"some.weight": np.zeros(3)}, path)
    with pytest.raises(ModelError, match=r"some\.weight"):
        load_vit_checkpoint(_vit(), path)
    path.write_bytes(b"garbage")
    with pytest.raises(ModelError, match="cannot|can be read"):
        load_vit_checkpoint(_vit(), path)
    with pytest.raises(ModelError, match="safetensors"):
        load_vit_checkpoint(_vit(), tmp_path / "model.pth")
