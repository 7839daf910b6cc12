"""PyTorch's old file of named tensors (before version 1.6), read without PyTorch and without running its code."""

from __future__ import annotations

import collections
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from braintumor_tf.errors import ModelError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""The first two numbers of such a file."""

_TYPES: Mapping[str, str] = MappingProxyType({"FloatStorage": "<f4", "LongStorage": "<i8"})


class _Tensor(NamedTuple):
    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_file(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the named tensors of a file that ``torch.save(model.state_dict(), path)`` wrote before PyTorch 1.6.

    The file is a pickle, which could run any code. Here it may name a dictionary, a tensor and its two number types;
    everything else is refused.

    Args:
        path: the file.

    Returns:
        float32 and int64 arrays by name, of the tensors' shapes; the strides in the file are followed, because tensors
        may lie transposed.

    Raises:
        ModelError: the file is missing, damaged, of another format, or names something else.
    """
    try:
        return _read(Path(path).read_bytes())
    except Exception as error:  # a pickle fails in any way it likes
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(f"{path}: not a PyTorch file of named tensors that can be read ({reason})") from error


class _Unpickler(pickle.Unpickler):
    """Builds dictionaries and descriptions of tensors, nothing else."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file)
        self.storages: dict[str, tuple[str, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _describe_tensor
        if module == "torch" and name in _TYPES:
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}, which tensors do not need")

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, _, numbers, _ = pid
        self.storages[str(key)] = (_TYPES[kind], int(numbers))
        return str(key)


def _describe_tensor(storage: str, offset: int, shape: tuple, strides: tuple, *_: Any) -> _Tensor:
    return _Tensor(str(storage), int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _read(data: bytes) -> dict[str, np.ndarray]:
    file = io.BytesIO(data)
    header = [_Unpickler(file).load() for _ in range(3)]
    if header[:2] != [MAGIC, PROTOCOL]:
        raise ValueError("it does not begin like one; files of PyTorch 1.6 and later are zip archives")
    reader = _Unpickler(file)
    named = reader.load()
    stored = {key: _numbers(file, *reader.storages[key]) for key in _Unpickler(file).load()}
    return {str(name): _tensor(found, stored[found.storage]) for name, found in named.items()}


def _numbers(file: io.BytesIO, kind: str, numbers: int) -> np.ndarray:
    written, size = int.from_bytes(file.read(8), "little"), np.dtype(kind).itemsize
    data = file.read(numbers * size) if numbers == written else b""
    if len(data) != numbers * size:
        raise ValueError("it ends in the middle")
    return np.frombuffer(data, kind)


def _tensor(found: _Tensor, numbers: np.ndarray) -> np.ndarray:
    """The tensor as an array of its own; whatever the file says, nothing beyond its numbers is read."""
    last = found.offset + sum((side - 1) * step for side, step in zip(found.shape, found.strides))
    sizes = (found.offset, *found.strides, *(side - 1 for side in found.shape))
    if len(found.shape) != len(found.strides) or min(sizes) < 0 or last >= len(numbers):
        raise ValueError("a tensor reaches beyond its numbers")
    steps = tuple(step * numbers.itemsize for step in found.strides)
    return np.array(np.lib.stride_tricks.as_strided(numbers[found.offset :], found.shape, steps, writeable=False))
