"""Weights in a file without code in it, by the names of their layers."""

from pathlib import Path

import keras
import numpy as np

from clsloc_utils.files import arrays_in
from clsloc_utils.paths import weights_file


def save_weights(model: keras.Model, file: str | Path) -> None:
    """Writes the weights of a model as half-precision numbers into one compressed `.npz` file.

    Args:
        model: The model; its layers' names, with the weights' own, become the names in the file.
        file: Path of the file; its folder is made when missing.

    Raises:
        ValueError: A weight is not finite in half precision (larger than 65504, or not a number).
    """
    arrays = {}
    for name, weight in _named_weights(model).items():
        with np.errstate(over="ignore"):
            arrays[name] = keras.ops.convert_to_numpy(weight).astype(np.float16)
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{model.name}: weight {name} does not fit half precision; {file} is not written.")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **arrays)


def load_weights(model: keras.Model, file: str | Path) -> None:
    """Reads weights that `save_weights` wrote into a model of the same architecture, whatever its image size.

    Args:
        model: The model to fill.
        file: Path of the `.npz` file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or has other names or shapes than the model's weights; the model keeps its own.
    """
    file = weights_file(file, model.name)
    weights = _named_weights(model)
    try:
        arrays = arrays_in(file)
    except ValueError as error:
        raise ValueError(f"{file}: {error}; fetch or make it again.") from error
    differences = sorted(set(arrays) ^ set(weights))
    if differences:
        raise ValueError(f"{file}: not the weights of {model.name}; not in both: {', '.join(differences[:5])}.")
    for name, weight in weights.items():
        if arrays[name].shape != tuple(weight.shape):
            raise ValueError(f"{file}: {name} is {arrays[name].shape}, {model.name} has {tuple(weight.shape)}.")
    for name, weight in weights.items():
        weight.assign(arrays[name].astype(np.float32))


def _named_weights(model: keras.Model) -> dict:
    """The variables of a model by `layer/weight`, names that do not depend on how many models were built before."""
    return {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}
