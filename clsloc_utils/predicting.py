"""Photos asked of a trained model, without TensorFlow, whose import takes longer than the answer.

Beside `model.keras`, a run keeps the same model as a LiteRT file, which a package of a few megabytes runs. It counts
only as long as both files are those that the run's configuration names by their sha256.
"""

import collections
import dataclasses
import glob
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageOps, UnidentifiedImageError

from clsloc_utils import photos, pictures
from clsloc_utils.files import replacing
from clsloc_utils.options import names_of_task
from clsloc_utils.paths import InputError, input_errors
from clsloc_utils.quiet import silent_standard_error

CONFIG, MODEL, LITE_MODEL = "config.json", "model.keras", "model.tflite"
REMEDY = "restore it, or train anew into another folder"

# What lies outside a photo is grey, as in `pipelines`.
_PADDING = 127.5
# Pixels of a drawing at most, across and down, and at least: of a thread of a photo it shows a strip.
_LARGEST, _SMALLEST = (960, 1920), 96

Answer = Callable[[Any], dict[str, np.ndarray]]
"""From images, float32 RGB 0..255 `[B, S, S, 3]`, to outputs by name."""


class NoLiteError(ValueError):
    """The LiteRT file of a run cannot answer; the message says why. Its `model.keras` may."""


# --- the run ----------------------------------------------------------------------------------------------------------


def read_config(run: Path) -> dict:
    """The content of a run's `config.json`.

    Raises:
        InputError: It cannot be read, or is altered.
    """
    file = run / CONFIG
    config = read_json(file, ("options", "task", "class_names", "validation_split", "data", "backbone"))
    if config["task"] not in ("boxes", "pose"):
        raise InputError(f"{file}: altered, its task is {config['task']!r}, not boxes or pose; {REMEDY}.")
    if config["task"] == "boxes" and isinstance(config["options"], dict):
        config["options"].setdefault("label_head", "pooled")  # what runs had before there was another one
    _check_names(file, config["options"], names_of_task(config["task"]))
    return config


def read_json(file: Path, names: Iterable[str]) -> dict:
    """An object with these names, as a run's files hold it.

    Raises:
        InputError: It cannot be read, or lacks a name.
    """
    with input_errors():
        text = file.read_bytes()
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"{file}: not JSON ({error}); {REMEDY}.") from error
    _check_names(file, content, names)
    return content


def _check_names(file: Path, content: Any, names: Iterable[str]) -> None:
    missing = [name for name in names if not isinstance(content, dict) or name not in content]
    if missing:
        raise InputError(f"{file}: altered, it has no {missing[0]!r}; {REMEDY}.")


def config_of_finished(run: Path) -> dict:
    """The content of `config.json` of a run whose training is done.

    Raises:
        InputError: It is no run, or its training is not done.
    """
    if not run.exists():
        raise InputError(f"{run}: no such folder; name one that clsloc train made.")
    if not (run / CONFIG).is_file():
        raise InputError(f"{run}: no run, it has no {CONFIG}; name a folder that clsloc train made.")
    if not (run / MODEL).is_file():
        raise InputError(f"{run}: has no {MODEL} yet; finish it with clsloc train --resume.")
    return read_config(run)


def digests(run: Path) -> dict[str, str]:
    """The sha256 of both files of the model, by their names, for the configuration."""
    found = {}
    for name in (MODEL, LITE_MODEL):
        with input_errors(), open(run / name, "rb") as stream:
            found[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


# --- the model --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A trained model that can be asked about photos.

    Attributes:
        task: `"boxes"` or `"pose"`.
        class_names: Of boxes, in the order of the model's scores.
        image_size: Side of the images that it takes, in pixels.
        answer: The model as a function.
    """

    task: str
    class_names: Sequence[str]
    image_size: int
    answer: Answer

    def predict(self, file: str | Path) -> dict[str, Any]:
        """What the model says about a photo.

        Args:
            file: The photo. For poses, one person should fill it.

        Returns:
            `file`; for boxes `label` (the class's name), `probability`, and `box`, `[xmin, ymin, xmax, ymax]` in pixels
            of the upright photo; for poses `joints`, 14 times `[x, y]`, likewise, in the order of
            `clsloc_utils.joints.JOINT_NAMES`.

        Raises:
            InputError: The photo cannot be read, or the answer is no number.
        """
        photo = read_photo(file)
        height, width = photo.shape[:2]
        outputs = self.answer(as_input(photo, self.image_size, self.task)[np.newaxis])
        first = {name: np.asarray(values[0], "float64") for name, values in outputs.items()}
        if not all(np.isfinite(values).all() for values in first.values()):
            raise InputError(f"{file}: the model's answer is no number; train it again, or take another run.")
        if self.task == "pose":
            left, top, right, _ = _square_around(width, height)
            return {"file": str(file), "joints": ((left, top) + first["joints"] * (right - left)).tolist()}
        exponentials = np.exp(first["label"] - first["label"].max())
        label = int(exponentials.argmax())
        return {
            "file": str(file),
            "label": self.class_names[label],
            "probability": float(exponentials[label] / exponentials.sum()),
            "box": (first["box"] * (width, height, width, height)).tolist(),
        }


def lite_predictor(run: str | Path) -> Predictor:
    """The model of a run from its LiteRT file.

    Args:
        run: The folder.

    Raises:
        InputError: It is no run, or its training is not done.
        NoLiteError: There is no such file, or it is not that of the model, or it cannot be run here.
    """
    run = Path(run).expanduser()
    config = config_of_finished(run)
    file = run / LITE_MODEL
    if "digests" not in config or not file.is_file():
        raise NoLiteError(f"{run} has no {LITE_MODEL} of its model")
    if digests(run) != config["digests"]:
        raise NoLiteError(f"{file} or {MODEL} is another one than the training wrote")
    try:
        return Predictor(config["task"], config["class_names"], *open_lite(file))
    except (ImportError, RuntimeError, ValueError) as error:
        raise NoLiteError(f"{file} cannot be run here ({error})") from error


def open_lite(file: str | Path) -> tuple[int, Answer]:
    """Opens a LiteRT file.

    Args:
        file: As `clsloc_utils.exporting.export_lite` writes it.

    Returns:
        The side of its images, in pixels, and the model as a function.

    Raises:
        ImportError: LiteRT cannot be imported.
        RuntimeError: The model has operations that LiteRT lacks.
        ValueError: It is no LiteRT file.
    """
    from ai_edge_litert.interpreter import Interpreter

    with silent_standard_error():  # It notes that it was made.
        interpreter = Interpreter(model_path=str(file))
        interpreter.allocate_tensors()
        (signature,) = interpreter.get_signature_list().values()
        runner = interpreter.get_signature_runner()
    (image,) = signature["inputs"]

    # One by one: a file with 8-bit weights may crash on batches of another size than its own, 1.
    def answer(images: Any) -> dict[str, np.ndarray]:
        answers = [runner(**{image: one}) for one in np.asarray(images, "float32")[:, np.newaxis]]
        return {name: np.concatenate([each[name] for each in answers]) for name in answers[0]}

    return int(interpreter.get_input_details()[0]["shape"][1]), answer


# --- the photos -------------------------------------------------------------------------------------------------------


def find_photos(names: Sequence[str], log: Callable[[str], None] = print) -> list[str]:
    """The photos that names, folders and patterns stand for.

    Args:
        names: Files; folders, of which all photos count, also in folders below; patterns such as `photos/*.jpg`, for
            shells that do not resolve them.
        log: Called with what of a folder is left out.

    Returns:
        Files in the order of `names`, each folder's and pattern's sorted. What stands for no photo is kept as it is:
        `read_photo` says why.
    """
    found: list[str] = []
    for name in names:
        if Path(name).is_dir():
            found += _photos_in(Path(name), log) or [name]
        elif Path(name).exists():
            found.append(name)
        else:
            found += sorted(glob.glob(name, recursive=True)) or [name]
    return found


def _photos_in(folder: Path, log: Callable[[str], None]) -> list[str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    kept = [file for file in files if file.suffix.lower() in photos.SUFFIXES and not file.name.startswith(".")]
    if len(kept) < len(files):
        endings = collections.Counter(file.suffix.lower() or file.name for file in set(files) - set(kept))
        counts = ", ".join(f"{ending} {count}" for ending, count in sorted(endings.items()))
        log(f"{folder}: {len(files) - len(kept)} files left out, as their names are not those of photos: {counts}.")
    return [str(file) for file in kept]


def read_photo(file: str | Path) -> np.ndarray:
    """A photo as one sees it: turned as its EXIF tag says, in RGB, whatever its format.

    Args:
        file: A file of any format that Pillow reads, with 1, 8 or 16 bits for each colour. Transparent places become
            white.

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        InputError: There is no such file, or it is no image, or damaged.
    """
    return np.asarray(_upright(file))


def _upright(file: str | Path) -> Image.Image:
    try:
        with Image.open(file) as image:
            ImageOps.exif_transpose(image, in_place=True)
            return photos.as_rgb(image)
    except FileNotFoundError as error:
        reason = "no file matches this pattern" if set("*?[") & set(str(file)) else "no such file"
        raise InputError(f"{file}: {reason}; check its name.") from error
    except IsADirectoryError as error:
        raise InputError(f"{file}: a folder without photos; name another, or the photos.") from error
    except UnidentifiedImageError as error:
        with open(file, "rb") as stream:
            reason = photos.why_no_image(stream.read(12))
        raise InputError(f"{file}: not an image that can be read: {reason}. Save it as JPEG or PNG.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: cannot be read ({error}); save it as JPEG or PNG again.") from error


def as_input(photo: np.ndarray, image_size: int, task: str) -> np.ndarray:
    """A photo as the model's input: what `pipelines.parse`, or `parse_pose` of a whole photo, makes of it.

    Args:
        photo: uint8 RGB `[height, width, 3]`.
        image_size: Side of the input, in pixels.
        task: `"boxes"` squashes the photo to a square, `"pose"` pads it with grey to one.

    Returns:
        float32 RGB 0..255 `[image_size, image_size, 3]`.
    """
    height, width = photo.shape[:2]
    left, top, right, bottom = _square_around(width, height) if task == "pose" else (0, 0, width, height)
    rows = _resampled(photo, top, bottom, image_size)
    columns = _resampled(rows.transpose(1, 0, 2), left, right, image_size)
    return columns.transpose(1, 0, 2).clip(0, 255)


def _square_around(width: int, height: int) -> tuple[float, float, float, float]:
    """The smallest square around a photo, `xmin, ymin, xmax, ymax` in its pixels."""
    side = max(width, height)
    return (width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2


def _resampled(rows: np.ndarray, start: float, stop: float, count: int) -> np.ndarray:
    """What lies between two heights as so many rows, as TensorFlow's `ScaleAndTranslate` does it with its triangle.

    Each new row is a mean of those around its centre, weighted by a triangle that reaches as far as a new row is high,
    and at least as an old one: antialiased where the image shrinks, linear where it grows. A few old rows at a time are
    floats: a photo of 100 megapixels takes 300 MB, and not four times as much.
    """
    step = (stop - start) / count
    reach = max(step, 1.0)
    new = np.full((count, *rows.shape[1:]), _PADDING, "float32")
    for index in range(count):
        centre = start + (index + 0.5) * step
        if 0 <= centre <= len(rows):
            first = max(math.ceil(centre - reach - 0.5), 0)
            last = min(math.floor(centre + reach - 0.5), len(rows) - 1)
            weights = 1 - np.abs(np.arange(first, last + 1) + 0.5 - centre) / reach
            weights = (weights / weights.sum()).astype("float32")
            new[index] = np.tensordot(weights, rows[first : last + 1].astype("float32"), 1)
    return new


# --- the drawings -----------------------------------------------------------------------------------------------------


def draw_prediction(prediction: Mapping[str, Any]) -> Figure:
    """The photo with what the model found, at most 960 pixels wide and 1920 high, however large the photo is.

    Args:
        prediction: What `Predictor.predict` returns.

    Raises:
        InputError: The photo cannot be read.
    """
    photo = _upright(prediction["file"])
    width, height = photo.size
    scale = min(largest / side for largest, side in zip(_LARGEST, photo.size, strict=True))
    photo.thumbnail(_LARGEST)
    size = [max(side * scale, _SMALLEST) / pictures.DOTS_PER_INCH for side in (width, height)]
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1))
    if "joints" in prediction:
        pictures.skeleton(axes, photo, np.divide(prediction["joints"], (width, height)))
    else:
        box = np.divide(prediction["box"], (width, height, width, height))
        text = f"{prediction['label']} {prediction['probability']:.2f}"
        pictures.draw_boxes(axes, photo, [box], [text], predicted=True)
    return figure


class DrawingFolder:
    """Where photos are drawn with what the model found, as PNG.

    Of several photos of one name, all but the first are numbered. Files of the same name are replaced, except the
    photos themselves: beside a photo its drawing gets a number.

    Args:
        folder: The folder; made if need be.
        photos: All photos that will be drawn.

    Raises:
        InputError: The folder cannot be made.
    """

    def __init__(self, folder: str | Path, photos: Iterable[str | Path]):
        self._folder = Path(folder).expanduser()
        with input_errors():
            self._folder.mkdir(parents=True, exist_ok=True)
        self._photos = {Path(photo).resolve() for photo in photos}
        self._written: set[Path] = set()
        self._numbers: collections.Counter[str] = collections.Counter()

    def write(self, prediction: Mapping[str, Any]) -> Path:
        """Draws a photo.

        Args:
            prediction: What `Predictor.predict` returns.

        Returns:
            The file.

        Raises:
            InputError: Nothing can be written into the folder.
        """
        stem = Path(prediction["file"]).stem
        file = None
        while file is None or file in self._written or file.resolve() in self._photos:
            self._numbers[stem] += 1
            number = self._numbers[stem]
            file = self._folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        with input_errors(), replacing(file) as unfinished:
            unfinished.write_bytes(pictures.png(draw_prediction(prediction)))
        self._written.add(file)
        return file
