"""The forms in which an exercise hands its inputs over: arrays of NumPy or TensorFlow, and lists; each time a copy."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Fresh:
    """An argument that is made anew for each call, since it cannot be copied.

    Attributes:
        make: Makes it.
        text: How a message shows it.
    """

    make: Callable[[], Any]
    text: str


def in_short_floats(array: np.ndarray) -> np.ndarray:
    """A copy as the notebooks have their arrays, in float32."""
    return array.astype("float32") if array.dtype.kind == "f" else array.copy()


def in_long_floats(array: np.ndarray) -> np.ndarray:
    """As a function that is right computes, so that rounding does not decide."""
    return array.astype("float64") if array.dtype.kind == "f" else array.copy()


def _in_tensorflow(array: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(in_short_floats(array))


def _in_tensorflow_with_short_integers(array: np.ndarray) -> Any:
    return _in_tensorflow(array.astype("int32") if array.dtype == np.int64 else array)


# An answer that is right for one of them on every input is right. NumPy first: the notebooks hand over NumPy.
NEED_TENSORFLOW = (_in_tensorflow, _in_tensorflow_with_short_integers)
FORMS = (in_short_floats, *NEED_TENSORFLOW, np.ndarray.tolist, in_long_floats)


def converted(value: Any, form: Callable[[np.ndarray], Any]) -> Any:
    """A copy of a value with all arrays in it in another form."""
    if isinstance(value, np.ndarray):
        return form(value)
    if isinstance(value, Mapping):
        return {name: converted(item, form) for name, item in value.items()}
    return [converted(item, form) for item in value] if isinstance(value, list) else value


def called_with(arguments: Mapping[str, Any], form: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """A copy of the arguments of one call, for whoever may change them."""
    made = {name: each.make() if isinstance(each, Fresh) else each for name, each in arguments.items()}
    return converted(made, form)


def holds_array(arguments: Mapping[str, Any]) -> bool:
    """Whether the arguments of a call come in several forms at all."""
    return holds(arguments, lambda each: isinstance(each, np.ndarray))


def holds(value: Any, is_meant: Callable[[Any], bool]) -> bool:
    """Whether a value, or something in it, is meant."""
    if isinstance(value, Mapping):
        return any(holds(item, is_meant) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds(item, is_meant) for item in value)
    return is_meant(value)
