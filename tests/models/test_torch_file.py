"""PyTorch's old files of tensors: written here with a stand-in for PyTorch, read back, and refused where they lie."""

from __future__ import annotations

import collections
import io
import os
import pickle
import sys
import types

import numpy as np
import pytest

from braintumor_tf.errors import ModelError
from braintumor_tf.models.torch_file import MAGIC, PROTOCOL, read_torch_file


class Storage:
    def __init__(self, numbers: np.ndarray, kind: str = "FloatStorage"):
        self.numbers, self.kind = numbers, kind


@pytest.fixture
def torch(monkeypatch) -> types.SimpleNamespace:
    """Modules with the names that a pickle of PyTorch looks for, and `save`, which writes as `torch.save` did."""
    modules = {name: types.ModuleType(name) for name in ("torch", "torch._utils")}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)

    def _rebuild_tensor_v2(*_: object) -> None:
        """What a pickle of a tensor names; here it is never called."""

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2
    for kind in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(modules["torch"], kind, type(kind, (), {"__module__": "torch"}))

    class Tensor:
        def __init__(self, storage: Storage, offset: int, shape: tuple, strides: tuple):
            self.parts = (storage, offset, shape, strides, False, collections.OrderedDict())

        def __reduce__(self) -> tuple:
            return _rebuild_tensor_v2, self.parts

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> tuple | None:
            if isinstance(obj, Storage):
                kind = getattr(modules["torch"], obj.kind)
                return ("storage", kind, str(id(obj)), "cpu", len(obj.numbers), None)
            return None

    def save(path, named: dict, storages: list[Storage], header: tuple = (MAGIC, PROTOCOL, {})) -> None:
        file = io.BytesIO()
        for part in (*header, named, [str(id(storage)) for storage in storages]):
            Pickler(file, protocol=2).dump(part)
        for storage in storages:
            file.write(len(storage.numbers).to_bytes(8, "little") + storage.numbers.tobytes())
        path.write_bytes(file.getvalue())

    return types.SimpleNamespace(save=save, Tensor=Tensor)


def test_shapes_strides_offsets_and_types_come_back(torch, tmp_path):
    floats, whole = Storage(np.arange(24, dtype="<f4")), Storage(np.array([7], "<i8"), "LongStorage")
    named = {
        "plain": torch.Tensor(floats, 0, (4, 6), (6, 1)),
        "transposed": torch.Tensor(floats, 0, (6, 4), (1, 6)),
        "part": torch.Tensor(floats, 5, (2, 2), (6, 2)),
        "count": torch.Tensor(whole, 0, (), ()),
    }
    torch.save(tmp_path / "f.pth", collections.OrderedDict(named), [floats, whole])
    found = read_torch_file(tmp_path / "f.pth")
    matrix = np.arange(24).reshape(4, 6)
    np.testing.assert_array_equal(found["plain"], matrix)
    np.testing.assert_array_equal(found["transposed"], matrix.T)
    np.testing.assert_array_equal(found["part"], [[5, 7], [11, 13]])
    assert found["count"] == 7 and found["count"].dtype == "int64" and found["plain"].dtype == "float32"


def test_a_file_that_names_anything_else_is_refused_and_runs_nothing(torch, tmp_path):
    class Evil:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save(tmp_path / "evil.pth", {"weight": Evil()}, [])
    with pytest.raises(ModelError, match=r"evil\.pth.*mkdir"):
        read_torch_file(tmp_path / "evil.pth")
    half = Storage(np.zeros(2, "<f2"), "HalfStorage")
    torch.save(tmp_path / "half.pth", {"weight": torch.Tensor(half, 0, (2,), (1,))}, [half])
    with pytest.raises(ModelError, match="HalfStorage"):
        read_torch_file(tmp_path / "half.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (25,), (1,)), (20, (5,), (1,)), (0, (2,), (24,)), (-1, (2,), (1,)), (3, (2,), (-1,)), (0, (2, 2), (1,))],
)
def test_a_tensor_beyond_its_numbers_is_refused(torch, tmp_path, offset, shape, strides):
    floats = Storage(np.arange(24, dtype="<f4"))
    torch.save(tmp_path / "f.pth", {"weight": torch.Tensor(floats, offset, shape, strides)}, [floats])
    with pytest.raises(ModelError, match="beyond its numbers"):
        read_torch_file(tmp_path / "f.pth")


def test_damage_and_other_formats_are_one_line(torch, tmp_path):
    floats = Storage(np.arange(24, dtype="<f4"))
    path = tmp_path / "f.pth"
    torch.save(path, {"weight": torch.Tensor(floats, 0, (24,), (1,))}, [floats])
    whole = path.read_bytes()
    for content in (b"", b"PK\x03\x04zip", whole[:-1], whole[: len(whole) // 2], pickle.dumps({"a": 1})):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"f\.pth: not a PyTorch file") as caught:
            read_torch_file(path)
        assert "\n" not in str(caught.value)
    torch.save(path, {"weight": 1}, [], header=(MAGIC, PROTOCOL + 1, {}))
    with pytest.raises(ModelError, match="does not begin like one"):
        read_torch_file(path)
    with pytest.raises(ModelError, match=r"missing\.pth"):
        read_torch_file(tmp_path / "missing.pth")
