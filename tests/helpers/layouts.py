"""Small folders as annotation tools write them, and what `datasets.load` makes of them."""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

from clsloc_utils import datasets
from helpers.folders import GROUND, Drawn, draw_shape

SIZE = (96, 64)
CAT, DOG = Drawn("cat", (10, 12, 41, 51)), Drawn("dog", (48, 3, 95, 20))
NAMES = ["cat", "dog"]


def draw(path: Path, objects=(), size=SIZE, **arguments) -> None:
    """Draws a photo, in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, GROUND)
    for drawn in objects:
        draw_shape(ImageDraw.Draw(image), drawn)
    image.save(path, quality=95, subsampling=0, **arguments)


def write(path: Path, text: str, **arguments) -> None:
    """Writes a text, in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, **arguments)


def yolo_row(drawn: Drawn, size=SIZE, digits=6) -> str:
    """A line as Ultralytics writes it: class and centre, width and height as shares, with six decimals."""
    xmin, ymin, xmax, ymax = drawn.box
    width, height = size
    values = ((xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height, (xmax - xmin) / width, (ymax - ymin) / height)
    return " ".join([str(NAMES.index(drawn.label)), *(f"{value:.{digits}f}" for value in values)])


def add(folder: Path, photo: str, labels: str, objects, size=SIZE) -> None:
    """Adds a photo and its label file."""
    draw(folder / photo, objects, size)
    write(folder / labels, "".join(f"{yolo_row(drawn, size)}\n" for drawn in objects))


def examples(folder: Path, tmp_path: Path, split="train", **arguments) -> dict[str, dict]:
    """The examples of a split by the names of their files."""
    found = datasets.load(folder, split, data_dir=tmp_path / "data", **arguments)
    return {example["image/filename"].decode(): example for example in found.as_numpy_iterator()}


def in_pixels(example: dict) -> tuple[np.ndarray, np.ndarray]:
    """The boxes `xmin, ymin, xmax, ymax` in pixels of the photo as it is stored for training, and that photo."""
    image = tfds.features.Image().decode_example(example["image"]).numpy()
    height, width, _ = image.shape
    return example["objects"]["bbox"][:, [1, 0, 3, 2]] * [width, height, width, height], image
