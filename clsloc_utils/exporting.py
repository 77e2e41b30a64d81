"""Models outside of Keras: SavedModel for servers, LiteRT (TensorFlow Lite) for phones and small boards.

Both take what the model takes, float32 RGB 0..255 `[B, S, S, 3]`, and give what it gives, under the same names: its
preprocessing is inside. The names of the classes are not; keep them beside the file.
"""

import os
import statistics
import tempfile
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from clsloc_utils import models  # noqa: F401  A saved model is read with its layers.
from clsloc_utils.files import replacing
from clsloc_utils.predicting import Answer, Predictor, open_lite
from clsloc_utils.quiet import silent_standard_error
from clsloc_utils.tasks import task_of

KERAS_SUFFIX, LITE_SUFFIX = ".keras", ".tflite"


class LiteError(ValueError):
    """A model cannot be had as a LiteRT file; the message says why."""


def export_saved_model(model: keras.Model, folder: str | os.PathLike) -> Path:
    """Writes a model as a SavedModel, which TensorFlow and its server load without Keras and without this package.

    Args:
        model: A two-head or pose model.
        folder: Where to; it does not exist yet.

    Returns:
        The folder.

    Raises:
        ValueError: The folder exists.
    """
    folder = Path(folder).expanduser()
    if folder.exists():
        raise ValueError(f"{folder} exists already; remove it, or export to another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as unfinished, silent_standard_error():
        model.export(f"{unfinished}/model", format="tf_saved_model", verbose=False)
        os.replace(f"{unfinished}/model", folder)
    return folder


def export_lite(model: keras.Model, file: str | os.PathLike, *, quantized: bool = False) -> Path:
    """Writes a model as a LiteRT file.

    Args:
        model: A two-head or pose model.
        file: Where to, `*.tflite`; replaced if it exists.
        quantized: Whether weights are stored in 8 bits instead of 32, and each layer that can computes with 8 bits
            (*dynamic range quantization*): a quarter of the size, slightly other answers.

    Returns:
        The file.

    Raises:
        LiteError: The model has operations that LiteRT lacks.
        ValueError: The file has another ending.
    """
    file = Path(file).expanduser()
    if file.suffix != LITE_SUFFIX:
        raise ValueError(f"{file}: a LiteRT file ends in {LITE_SUFFIX}; name it so.")
    file.parent.mkdir(parents=True, exist_ok=True)
    # By way of Keras's SavedModel it takes three times as long: that has a second copy of the whole graph.
    # Older versions of Keras read a model of one input back from its file as one of a list of inputs.
    as_input = (lambda image: [image]) if isinstance(model.input, list) else lambda image: image
    function = tf.function(
        lambda image: model(as_input(image), training=False),
        input_signature=[tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32, name="image")],
        autograph=False,
    )
    holder = tf.Module()
    holder.variables_of_model = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], holder)
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    try:
        with silent_standard_error():
            content = converter.convert()
    except Exception as error:  # Its class is private to TensorFlow.
        if type(error).__name__ != "ConverterError":
            raise
        raise LiteError(f"LiteRT lacks operations of this model ({textwrap.shorten(str(error), 200)})") from error
    with replacing(file) as unfinished:
        unfinished.write_bytes(content)
    return file


def check_same_answer(file: str | os.PathLike, model: keras.Model, image: Any) -> None:
    """Sees to it that a LiteRT file answers as the model that it was made from.

    Args:
        file: As `export_lite` writes it.
        model: The model.
        image: float32 RGB 0..255 `[1, S, S, 3]`.

    Raises:
        LiteError: It cannot be run here, or its outputs differ by more than a thousandth.
    """
    try:
        outputs = open_lite(file)[1](image)
    except (ImportError, RuntimeError, ValueError) as error:
        raise LiteError(f"it cannot be run here ({textwrap.shorten(str(error), 200)})") from error
    for name, expected in keras_answer(model)(image).items():
        if not np.allclose(outputs[name], expected, rtol=1e-3, atol=1e-3):
            raise LiteError(f"its {name} is {outputs[name]} where Keras has {expected}")


def load_exported(path: str | os.PathLike) -> Answer:
    """Opens what `model.save`, `export_saved_model` or `export_lite` wrote.

    Args:
        path: A `.keras` file, a `.tflite` file, or the folder of a SavedModel.

    Returns:
        A function from images, float32 RGB 0..255 `[B, S, S, 3]`, to a dict of float32 arrays.

    Raises:
        ValueError: It is none of the three.
    """
    path = Path(path).expanduser()
    if (path / "saved_model.pb").is_file():
        return _saved_model(path)
    if path.is_file() and path.suffix == KERAS_SUFFIX:
        return keras_answer(keras.saving.load_model(path, compile=False))
    if path.is_file() and path.suffix == LITE_SUFFIX:
        return open_lite(path)[1]
    raise ValueError(
        f"{path}: no {KERAS_SUFFIX} file, no {LITE_SUFFIX} file, and no folder with a saved_model.pb; check the path."
    )


def predictor(model: keras.Model, class_names: Sequence[str] = ()) -> Predictor:
    """A model that can be asked about photos.

    Args:
        model: A two-head or pose model.
        class_names: Of a two-head model, in the order of its scores.
    """
    return Predictor(task_of(model.output).name, class_names, model.inputs[0].shape[1], keras_answer(model))


def keras_answer(model: keras.Model) -> Answer:
    """A model as the other formats are opened.

    Args:
        model: A two-head or pose model.
    """
    return lambda images: {name: np.asarray(value) for name, value in model.predict_on_batch(images).items()}


def _saved_model(folder: Path) -> Answer:
    loaded = tf.saved_model.load(str(folder))

    # The function holds what was loaded: its weights would be gone with it.
    def answer(images: Any) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in loaded.serve(tf.convert_to_tensor(images)).items()}

    return answer


def largest_differences(outputs: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, float]:
    """How far two answers to the same images are apart.

    Args:
        outputs: Arrays by name.
        reference: Arrays of the same names and shapes.

    Returns:
        The largest absolute difference of each, by name, in the order of the names.

    Raises:
        ValueError: Names or shapes differ.
    """
    shapes, expected = ({name: np.shape(each[name]) for name in sorted(each)} for each in (outputs, reference))
    if shapes != expected:
        raise ValueError(f"The outputs are {shapes}, the reference is {expected}; compare answers to the same images.")
    return {name: float(np.max(np.abs(np.asarray(outputs[name]) - np.asarray(reference[name])))) for name in expected}


def size_in_bytes(path: str | os.PathLike) -> int:
    """Size of a file, or of all files of a folder.

    Args:
        path: The file or the folder.

    Returns:
        Bytes.
    """
    path = Path(path).expanduser()
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def seconds_per_call(answer: Answer, images: Any, *, calls: int = 20) -> float:
    """How long an answer takes: the median of some calls after a first one, which may build what later ones use.

    Args:
        answer: As `load_exported` returns it.
        images: What it is called with.
        calls: How many are measured.

    Returns:
        Seconds.
    """
    answer(images)
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        answer(images)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
