"""Small folders in VOC and LSP layout, drawn and written by the tests."""

import io
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image, ImageDraw

GROUND = (128, 128, 128)
needs_sigkill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no way to kill like this")
COLOURS = {"disc": (220, 30, 30), "square": (30, 170, 30), "triangle": (30, 30, 220)}


class Drawn(NamedTuple):
    """An object to draw, and what its annotation says. The box is `(xmin, ymin, xmax, ymax)`, in pixels."""

    label: str
    box: tuple[float, float, float, float]
    is_difficult: bool = False
    is_truncated: bool = False
    pose: str = "Unspecified"


class VocWriter:
    """Writes a folder in VOC layout, photo by photo."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (folder / name).mkdir(parents=True)

    def image_path(self, name: str) -> Path:
        return self.folder / "JPEGImages" / f"{name}.jpg"

    def annotation_path(self, name: str) -> Path:
        return self.folder / "Annotations" / f"{name}.xml"

    def add(self, name: str, objects: Sequence[Drawn], size: tuple[int, int] = (96, 64)) -> None:
        """Draws a photo and annotates it."""
        image = Image.new("RGB", size, GROUND)
        for drawn in objects:
            draw_shape(ImageDraw.Draw(image), drawn)
        image.save(self.image_path(name), quality=95, subsampling=0)
        self.annotate(name, objects, size)

    def annotate(self, name: str, objects: Sequence[Drawn], size: tuple[int, int] = (96, 64)) -> None:
        root = ElementTree.Element("annotation")
        ElementTree.SubElement(root, "filename").text = f"{name}.jpg"
        size_element = ElementTree.SubElement(root, "size")
        for field, value in zip(("width", "height", "depth"), (*size, 3), strict=True):
            ElementTree.SubElement(size_element, field).text = str(value)
        for drawn in objects:
            element = ElementTree.SubElement(root, "object")
            ElementTree.SubElement(element, "name").text = drawn.label
            ElementTree.SubElement(element, "pose").text = drawn.pose
            ElementTree.SubElement(element, "truncated").text = str(int(drawn.is_truncated))
            ElementTree.SubElement(element, "difficult").text = str(int(drawn.is_difficult))
            box_element = ElementTree.SubElement(element, "bndbox")
            for field, value in zip(("xmin", "ymin", "xmax", "ymax"), drawn.box, strict=True):
                ElementTree.SubElement(box_element, field).text = str(value)
        ElementTree.ElementTree(root).write(self.annotation_path(name))

    def list(self, file: str, names: Sequence[str]) -> None:
        """Writes a list of names, such as `train.txt`."""
        (self.folder / "ImageSets" / "Main" / file).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def jpeg(image: Image.Image, quality: int = 95) -> bytes:
    """The image as a file, with as little loss as JPEG has."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def draw_shape(draw: ImageDraw.ImageDraw, drawn: Drawn) -> None:
    xmin, ymin, xmax, ymax = drawn.box
    inner = (xmin, ymin, xmax - 1, ymax - 1)  # Pillow counts the last pixel in
    colour = COLOURS.get(drawn.label, (220, 30, 30))
    if drawn.label == "disc":
        draw.ellipse(inner, fill=colour)
    elif drawn.label == "triangle":
        draw.polygon([(xmin, ymax - 1), (xmax - 1, ymax - 1), ((xmin + xmax) / 2, ymin)], fill=colour)
    else:
        draw.rectangle(inner, fill=colour)


def write_shapes(writer: VocWriter) -> None:
    """24 photos of coloured shapes: 16 in train.txt, 8 in val.txt.

    In train, 14 photos hold one object, which in `shape_03` is difficult; `shape_05` and `shape_11` hold an ordinary
    and a difficult one. In val, 6 photos hold one object and two hold two ordinary ones.
    """
    labels = list(COLOURS)
    for number in range(24):
        width, height = 64 + 8 * (number % 5), 96 - 8 * (number % 4)
        xmin, ymin = 4 + 3 * (number % 7), 6 + 2 * (number % 11)
        side = 24 + 2 * (number % 6)
        objects = [Drawn(labels[number % 3], (xmin, ymin, xmin + side, ymin + side + 4), is_difficult=number == 3)]
        if number % 6 == 5:
            corner = (width - 14, height - 12, width - 2, height - 2)
            objects.append(Drawn(labels[(number + 1) % 3], corner, is_difficult=number < 16))
        writer.add(f"shape_{number:02d}", objects, (width, height))
    writer.list("train.txt", [f"shape_{number:02d}" for number in range(16)])
    writer.list("val.txt", [f"shape_{number:02d}" for number in range(16, 24)])


class LspWriter:
    """Writes a folder in LSP layout: a square on grey at every joint, in 14 levels of red, the first the darkest."""

    def __init__(self, folder: Path, extended: bool):
        self.folder, self.extended = folder, extended
        (folder / "images").mkdir(parents=True)

    def image_path(self, number: int) -> Path:
        return self.folder / "images" / f"im{number:0{5 if self.extended else 4}d}.jpg"

    def size(self, number: int) -> tuple[int, int]:
        with Image.open(self.image_path(number)) as image:
            return image.size

    def write(self, count: int, size: tuple[int, int] = (96, 128)) -> None:
        """Writes photos 1 to `count`, all of whose joints are labelled and visible, and their joints."""
        chance = np.random.default_rng(count)
        self.positions = chance.uniform(0.1, 0.9, (count, 14, 2)) * size
        self.flags = np.full((count, 14), 1.0 if self.extended else 0.0)
        for number, joints in enumerate(self.positions, start=1):
            image = Image.new("RGB", size, GROUND)
            draw = ImageDraw.Draw(image)
            for joint, (x, y) in enumerate(joints):
                draw.rectangle((x - 1, y - 1, x + 1, y + 1), fill=(60 + 14 * joint, 0, 0))
            image.save(self.image_path(number), quality=95, subsampling=0)
        self.save_joints()

    def array(self) -> np.ndarray:
        """The joints as `joints.mat` holds them."""
        rows = np.concatenate([self.positions, self.flags[..., None]], axis=-1)
        return rows.transpose(1, 2, 0) if self.extended else rows.transpose(2, 1, 0)

    def save_joints(self) -> None:
        scipy.io.savemat(self.folder / "joints.mat", {"joints": self.array()})


def write_official_weights(model: Any, file: Path) -> Path:
    """Writes weights in the layout of the files of keras.applications: HDF5, layer by layer in their order."""
    with h5py.File(file, "w") as stream:
        stream.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = stream.create_group(layer.name)
            weights = [*layer.trainable_weights, *layer.non_trainable_weights]
            group.attrs["weight_names"] = [f"{layer.name}/{weight.name}:0".encode() for weight in weights]
            for weight in weights:
                group.create_dataset(f"{layer.name}/{weight.name}:0", data=np.asarray(weight))
    return file
