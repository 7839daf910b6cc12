"""ViT checkpoints of timm and of Keras-Hub: read as named tensors, mapped to the layers of `vit.py`, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np

from braintumor_tf.errors import ModelError
from braintumor_tf.models.layers.vit_layers import resize_positions

Tensors = Mapping[str, np.ndarray]

_KERAS_HUB_MARK = "vi_t_patching_and_embedding/"


def load_vit_checkpoint(model: keras.Model, path: str | Path) -> str:
    """Fills the backbone of a ViT from a published checkpoint; the head keeps its first weights.

    Positions that were learned on another grid are interpolated (`resize_positions`).

    Args:
        model: a ViT of `braintumor_tf.models.architectures.vit`; it is changed in place.
        path: timm's ``model.safetensors``, or Keras-Hub's ``model.weights.h5`` of a `ViTBackbone` or a
            `ViTImageClassifier`.

    Returns:
        Whose names the checkpoint has: ``"timm"`` or ``"keras_hub"``.

    Raises:
        ModelError: the file cannot be read, is of another layout, or holds a ViT of another size.
    """
    tensors = read_tensors(path)
    mark = next((name for name in tensors if _KERAS_HUB_MARK in name), None)
    if mark is not None:
        prefix, scheme, layers = mark[: mark.index(_KERAS_HUB_MARK)], "keras_hub", KERAS_HUB
    elif "patch_embed.proj.weight" in tensors:
        prefix, scheme, layers = "", "timm", TIMM
    else:
        first = next(iter(tensors), "none")
        raise ModelError(f"{path}: neither a ViT of timm nor of Keras-Hub (its first tensor: {first})")
    filled = {}
    for layer in model.layers:
        if not layer.weights or layer.name.startswith(("head_", "probabilities")):
            continue
        number, part = _block_and_part(layer.name)
        names, convert = layers[part]
        found = [_tensor(tensors, prefix + _numbered(name, number, scheme), path) for name in names]
        filled[layer.name] = _fitting(layer, convert(found, layer), path)
    _refuse_more_blocks(tensors, sum(name.endswith("_attention") for name in filled), scheme, path)
    for name, values in filled.items():
        model.get_layer(name).set_weights(values)
    return scheme


def read_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Reads a ``.safetensors`` or ``.h5`` file into arrays by name; neither format runs code of the file.

    Raises:
        ModelError: the file is damaged or of another format.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(path)
        if path.suffix == ".h5":
            return _read_h5(path)
    except ImportError as error:
        raise ModelError(f"{path}: reading it needs safetensors (pip install safetensors)") from error
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ModelError(f"{path}: not a checkpoint that can be read ({reason}); fetch it again") from error
    raise ModelError(f"{path}: not a ViT checkpoint; give a .safetensors file of timm or an .h5 file of Keras-Hub")


def _read_h5(path: Path) -> dict[str, np.ndarray]:
    import h5py

    tensors: dict[str, np.ndarray] = {}

    def take(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            tensors[name] = np.asarray(item)

    with h5py.File(path, "r") as file:
        file.visititems(take)
    return tensors


# === From the tensors of a checkpoint to the weights of a layer ===


def _as_they_are(tensors: list[np.ndarray], layer: keras.layers.Layer) -> list[np.ndarray]:
    return tensors


def _dense(tensors: list[np.ndarray], layer: keras.layers.Layer) -> list[np.ndarray]:
    """PyTorch keeps kernels as (out, in)."""
    return [tensors[0].T, tensors[1]]


def _convolution(tensors: list[np.ndarray], layer: keras.layers.Layer) -> list[np.ndarray]:
    """PyTorch keeps kernels as (out, in, rows, columns)."""
    return [tensors[0].transpose(2, 3, 1, 0), tensors[1]]


def _fused_attention(tensors: list[np.ndarray], layer: keras.layers.Layer) -> list[np.ndarray]:
    """Timm keeps query, key and value in one dense layer, one below the other."""
    fused, fused_bias, out, out_bias = tensors
    heads, width = layer.num_heads, fused.shape[1]
    split = []
    for kernel, bias in zip(np.split(fused, 3), np.split(fused_bias, 3)):
        split += [kernel.T.reshape(width, heads, -1), bias.reshape(heads, -1)]
    return [*split, out.T.reshape(heads, -1, width), out_bias]


def _positions(tensors: list[np.ndarray], layer: keras.layers.Layer) -> list[np.ndarray]:
    token, positions = tensors
    positions = positions.reshape(1, -1, positions.shape[-1])
    side = math.isqrt(positions.shape[1] - 1)
    if side * side != positions.shape[1] - 1:
        raise ModelError(f"{positions.shape[1]} positions are no square grid with a class token")
    return [token, resize_positions(positions, (side, side), layer.grid)]


Conversion = tuple[tuple[str, ...], Callable[[list[np.ndarray], keras.layers.Layer], list[np.ndarray]]]


def _pair(name: str, convert: Callable, ends: tuple[str, str]) -> Conversion:
    return (f"{name}{ends[0]}", f"{name}{ends[1]}"), convert


_TORCH, _KERAS = (".weight", ".bias"), ("/vars/0", "/vars/1")
_FUSED = ("qkv", "proj")
_QKVO = ("query", "key", "value", "output")
_BLOCK = "vi_t_encoder/encoder_layers/vi_t_encoder_block{}"

TIMM: Mapping[str, Conversion] = {
    "patches": _pair("patch_embed.proj", _convolution, _TORCH),
    "positions": (("cls_token", "pos_embed"), _positions),
    "attention_normalization": _pair("blocks.{}.norm1", _as_they_are, _TORCH),
    "attention": (tuple(f"blocks.{{}}.attn.{part}{end}" for part in _FUSED for end in _TORCH), _fused_attention),
    "perceptron_normalization": _pair("blocks.{}.norm2", _as_they_are, _TORCH),
    "perceptron_1": _pair("blocks.{}.mlp.fc1", _dense, _TORCH),
    "perceptron_2": _pair("blocks.{}.mlp.fc2", _dense, _TORCH),
    "normalization": _pair("norm", _as_they_are, _TORCH),
}
"""Names of timm's `VisionTransformer` by the layer that they fill, and how; ``{}`` is the block from 0."""

KERAS_HUB: Mapping[str, Conversion] = {
    "patches": _pair(f"{_KERAS_HUB_MARK}patch_embedding", _as_they_are, _KERAS),
    "positions": ((f"{_KERAS_HUB_MARK}vars/0", f"{_KERAS_HUB_MARK}position_embedding/vars/0"), _positions),
    "attention_normalization": _pair(f"{_BLOCK}/layer_norm_1", _as_they_are, _KERAS),
    "attention": (tuple(f"{_BLOCK}/mha/{part}_dense{end}" for part in _QKVO for end in _KERAS), _as_they_are),
    "perceptron_normalization": _pair(f"{_BLOCK}/layer_norm_2", _as_they_are, _KERAS),
    "perceptron_1": _pair(f"{_BLOCK}/mlp/dense_1", _as_they_are, _KERAS),
    "perceptron_2": _pair(f"{_BLOCK}/mlp/dense_2", _as_they_are, _KERAS),
    "normalization": _pair("vi_t_encoder/layer_norm", _as_they_are, _KERAS),
}
"""The same for Keras-Hub's `ViTBackbone`; its first block has no number, the second ends in ``_1``."""


# === Finding and checking ===


def _block_and_part(layer_name: str) -> tuple[int | None, str]:
    match = re.match(r"block_(\d+)_(.+)", layer_name)
    return (int(match.group(1)) - 1, match.group(2)) if match else (None, layer_name)


def _numbered(name: str, number: int | None, scheme: str) -> str:
    if number is None:
        return name
    return name.format(number if scheme == "timm" else f"_{number}" if number else "")


def _tensor(tensors: Tensors, name: str, path: str | Path) -> np.ndarray:
    if name not in tensors:
        raise ModelError(f"{path}: has no tensor {name}; it holds a smaller or another model")
    return np.asarray(tensors[name])


def _fitting(layer: keras.layers.Layer, values: list[np.ndarray], path: str | Path) -> list[np.ndarray]:
    wanted = [tuple(weight.shape) for weight in layer.weights]
    found = [tuple(value.shape) for value in values]
    if wanted != found:
        raise ModelError(f"{path}: {layer.name} has shapes {found}, not {wanted}; the file holds a ViT of another size")
    return values


def _refuse_more_blocks(tensors: Tensors, depth: int, scheme: str, path: str | Path) -> None:
    mark = re.compile(r"blocks\.(\d+)\." if scheme == "timm" else r"vi_t_encoder_block_(\d+)/")
    numbers = [int(match.group(1)) for match in map(mark.search, tensors) if match]
    if numbers and max(numbers) >= depth:
        raise ModelError(f"{path}: has {max(numbers) + 1} blocks, not {depth}; it holds a deeper ViT")
