"""State dicts of PyTorch are read to the bit without PyTorch, and nothing in them is run."""

import collections
import os
import pickle
import sys
import types

import numpy as np
import pytest

from clsloc_utils.state_dicts import read_state_dict


class Tensor:
    """Stands in for a tensor of PyTorch: numbers in a storage, and how they are arranged."""

    def __init__(self, key, numbers, shape, strides, offset=0):
        self.key, self.numbers, self.arguments = (
            key,
            numbers,
            (offset, shape, strides, False, collections.OrderedDict()),
        )


class Storage:
    """What PyTorch's pickler keeps out of the pickle."""

    def __init__(self, tensor):
        self.tensor = tensor


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes a state dict as PyTorch's first file format has it."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    utils._rebuild_tensor_v2 = types.FunctionType((lambda *_: None).__code__, {}, "_rebuild_tensor_v2")
    utils._rebuild_tensor_v2.__module__, utils._rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"

    class Pickler(pickle.Pickler):
        def reducer_override(self, thing):
            if isinstance(thing, Tensor):
                return utils._rebuild_tensor_v2, (Storage(thing), *thing.arguments)
            return NotImplemented

        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                kinds = {"float32": "FloatStorage", "int64": "LongStorage", "float16": "HalfStorage"}
                kind = getattr(torch, kinds[thing.tensor.numbers.dtype.name])
                return ("storage", kind, thing.tensor.key, "cpu", thing.tensor.numbers.size, None)
            return None

    def write(content, storages, magic=0x1950A86A20F9469CFC6C):
        file = tmp_path / "weights.pth"
        with file.open("wb") as stream, monkeypatch.context() as patch:
            patch.setitem(sys.modules, "torch", torch)
            patch.setitem(sys.modules, "torch._utils", utils)
            for part in (magic, 1001, {"little_endian": True}):
                pickle.dump(part, stream, 2)
            Pickler(stream, 2).dump(content)
            pickle.dump(list(storages), stream, 2)
            for numbers in storages.values():
                stream.write(np.int64(numbers.size).tobytes() + numbers.tobytes())
        return file

    return write


def test_tensors_come_back_to_the_bit_in_whatever_order_they_lie(write):
    numbers = np.arange(12, dtype="float32") / 7
    steps = np.array([5], "int64")
    content = collections.OrderedDict(
        rows=Tensor("a", numbers, (2, 3), (3, 1)),
        columns=Tensor("a", numbers, (3, 2), (1, 3), offset=6),
        steps=Tensor("b", steps, (), ()),
    )
    found = read_state_dict(write(content, {"b": steps, "a": numbers}))
    assert list(found) == ["rows", "columns", "steps"]
    np.testing.assert_array_equal(found["rows"], numbers[:6].reshape(2, 3))
    np.testing.assert_array_equal(found["columns"], numbers[6:].reshape(2, 3).T)
    assert found["steps"] == 5
    assert found["rows"].dtype == "float32"


class Order:
    """Asks whoever unpickles it to call a function, a harmless one."""

    def __reduce__(self):
        return os.getcwd, ()


def test_what_is_no_tensor_is_not_called(write, monkeypatch):
    file = write(collections.OrderedDict(order=Order()), {})
    with pytest.raises(
        ValueError, match=r"weights\.pth: not a readable state dict.*getcwd, which is no part of a tensor"
    ):
        read_state_dict(file)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("a", np.zeros(4, "float32"), (5,), (1,)),
        Tensor("a", np.zeros(4, "float32"), (2, 2), (4, 1)),
        Tensor("a", np.zeros(4, "float32"), (2,), (-1,), offset=2),
        Tensor("a", np.zeros(4, "float32"), (2,), (1,), offset=-2),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(write, tensor):
    with pytest.raises(ValueError, match="reaches beyond its storage"):
        read_state_dict(write({"tensor": tensor}, {"a": tensor.numbers}))


def test_other_files_and_parts_of_files_are_refused(write, tmp_path):
    numbers = np.zeros(4, "float32")
    file = write({"tensor": Tensor("a", numbers, (4,), (1,))}, {"a": numbers})
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="not a readable state dict"):
        read_state_dict(file)
    half = numbers.astype("float16")
    with pytest.raises(ValueError, match=r"asks for torch\.HalfStorage"):
        read_state_dict(write({"tensor": Tensor("a", half, (4,), (1,))}, {"a": half}))
    with pytest.raises(ValueError, match="its first bytes"):
        read_state_dict(write({}, {}, magic=7))
    for content in (b"", b"PK\x03\x04 a zip archive", b"\x80\x02"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="not a readable state dict"):
            read_state_dict(file)
    with pytest.raises(FileNotFoundError):
        read_state_dict(tmp_path / "none.pth")
