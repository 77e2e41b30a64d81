"""Reads a file of PyTorch weights, a *state dict*, without PyTorch and without trusting it.

Such a file is a Python pickle, and a pickle can run any code when it is read. The reader here admits what a state dict
consists of, tensors in an ordered dictionary, and nothing else. It knows PyTorch's first file format (before version
1.6): three pickles of a header, one of the tensors' names and shapes, one of the names of their storages, and then the
storages, each with its length in front.
"""

import collections
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_LENGTH = np.dtype("<i8")
_NUMBERS = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage(NamedTuple):
    """Where the numbers of tensors lie: a block of the file."""

    key: str
    dtype: np.dtype


class _Tensor(NamedTuple):
    """A tensor's place in its storage; offset and strides count numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(file: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name.

    Args:
        file: Path of the file.

    Returns:
        Arrays, float32 or int64, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no state dict in PyTorch's first format, it is not complete, or it asks for more than tensors.
    """
    with open(file, "rb") as stream:
        try:
            if _Unpickler(stream).load() != _MAGIC or _Unpickler(stream).load() != _PROTOCOL:
                raise ValueError("its first bytes are not those of such a file")
            _Unpickler(stream).load()  # of the machine that wrote it: byte order and sizes, which are everywhere alike
            tensors = _Unpickler(stream).load()
            storages = _read_storages(stream, tensors, _Unpickler(stream).load())
            return {name: _array(tensor, storages) for name, tensor in tensors.items()}
        except (pickle.UnpicklingError, ValueError, EOFError, AttributeError, IndexError, KeyError, TypeError) as error:
            raise ValueError(f"{file}: not a readable state dict of PyTorch's first file format: {error}.") from error


class _Unpickler(pickle.Unpickler):
    """Admits tensors and the dictionary that holds them."""

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _placed
        if module == "torch" and name in _NUMBERS:
            return _NUMBERS[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no part of a tensor")

    def persistent_load(self, reference: tuple) -> _Storage:
        kind, dtype, key, *_ = reference
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"it refers to {kind!r}, not to a storage")
        return _Storage(key, dtype)


def _placed(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_) -> _Tensor:
    """What the file calls to rebuild a tensor."""
    return _Tensor(storage, offset, shape, strides)


def _read_storages(stream: BinaryIO, tensors: Mapping[str, _Tensor], keys: list[str]) -> dict[str, np.ndarray]:
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    storages = {}
    for key in keys:
        (count,) = np.frombuffer(stream.read(_LENGTH.itemsize), _LENGTH)
        storages[key] = np.frombuffer(stream.read(int(count) * dtypes[key].itemsize), dtypes[key])
        if len(storages[key]) != count:
            raise ValueError("it ends early")
    return storages


def _array(tensor: _Tensor, storages: Mapping[str, np.ndarray]) -> np.ndarray:
    numbers = storages[tensor.storage.key][tensor.offset :]
    last = sum((side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True))
    # NumPy would read whatever lies behind the storage in memory.
    if min(tensor.offset, 0, *tensor.strides) < 0 or not 0 <= last < max(len(numbers), 1):
        raise ValueError(f"a tensor of shape {tensor.shape} reaches beyond its storage")
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(numbers, tensor.shape, strides, writeable=False).copy()
