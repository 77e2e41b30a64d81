"""Small folders as annotation tools write them, and what `datasets.load` makes of them."""

import json
from pathlib import Path
from typing import ClassVar
from xml.sax.saxutils import escape

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

from clsloc_utils import datasets, photos
from helpers.folders import GROUND, Drawn, draw_shape

SIZE = (96, 64)
CAT, DOG = Drawn("cat", (10, 12, 41, 51)), Drawn("dog", (48, 3, 95, 20))
NAMES = ["cat", "dog"]
# What the folder that the tests of all layouts share holds.
PHOTOS = {"a": [CAT], "b": [CAT, DOG], "c": [DOG]}
SPLITS = {"a": "train", "b": "train", "c": "val"}


def orientation(value: int) -> Image.Exif:
    """An EXIF tag that makes viewers turn a photo."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def draw(path: Path, objects=(), size=SIZE, **arguments) -> None:
    """Draws a photo, in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, GROUND)
    for drawn in objects:
        draw_shape(ImageDraw.Draw(image), drawn)
    image.save(path, quality=95, subsampling=0, **arguments)


def write(path: Path, text: str | bytes, **arguments) -> None:
    """Writes a text, in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text, **{"encoding": "utf-8", **arguments})


def write_files(folder: Path, files: dict) -> Path:
    """Writes photos of a cat (names that end as a photo's), texts and bytes."""
    for name, content in files.items():
        if Path(name).suffix in photos.SUFFIXES and content is None:
            draw(folder / name, [CAT])
        else:
            write(folder / name, content)
    return folder


def object_xml(label="cat", box=CAT.box, more="") -> str:
    """An `<object>` of VOC's XML."""
    sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    corners = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
    return f"<object><name>{escape(label)}</name><bndbox>{corners}</bndbox>{more}</object>"


def voc_xml(*objects: str, size: tuple | None = SIZE) -> str:
    """VOC's XML of some `object_xml`, by default of one cat."""
    text = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    return f"<annotation>{text}{''.join(objects or [object_xml()])}</annotation>"


def yolo_row(drawn: Drawn, size=SIZE, digits=6) -> str:
    """A line as Ultralytics writes it: class and centre, width and height as shares, with six decimals."""
    xmin, ymin, xmax, ymax = drawn.box
    width, height = size
    values = ((xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height, (xmax - xmin) / width, (ymax - ymin) / height)
    return " ".join([str(NAMES.index(drawn.label)), *(f"{value:.{digits}f}" for value in values)])


def coco_annotation(drawn: Drawn, **fields) -> dict:
    """A COCO annotation without numbers; the categories are 3, cat, and 18, dog."""
    xmin, ymin, xmax, ymax = drawn.box
    box = [xmin, ymin, xmax - xmin, ymax - ymin]
    category = {"cat": 3, "dog": 18}.get(drawn.label, 5)
    return {"category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0, "segmentation": [], **fields}


def coco_json(objects_of_file: dict, size: tuple | None = SIZE, **fields) -> str:
    """COCO's JSON: ids of photos from 7 on, of annotations from 0; a category above all others, as Roboflow's."""
    images, annotations = [], []
    sides = dict(zip(("width", "height"), size, strict=True)) if size else {}
    for number, (file, objects) in enumerate(objects_of_file.items(), start=7):
        images.append({"id": number, "file_name": file, **sides})
        for each in objects:
            each = coco_annotation(each) if isinstance(each, Drawn) else each
            annotations.append({"id": len(annotations), "image_id": number, **each})
    categories = [
        {"id": 0, "name": "pets", "supercategory": "none"},
        {"id": 18, "name": "Dog", "supercategory": "pets"},
        {"id": 3, "name": "cat", "supercategory": "pets"},
    ]
    content = {"info": {}, "images": images, "annotations": annotations, "categories": categories, **fields}
    return json.dumps(content)


class Pets:
    """`PHOTOS` in the layout of VOC, YOLO or COCO, `a` and `b` to train on and `c` to validate with."""

    PLACES: ClassVar = {
        "voc": ("JPEGImages/{name}.jpg", "Annotations/{name}.xml"),
        "yolo": ("images/{split}/{name}.jpg", "labels/{split}/{name}.txt"),
        "coco": ("{split}/{name}.jpg", "{split}.json"),
    }

    def __init__(self, folder: Path, layout: str):
        self.folder, self.layout = folder, layout
        for name, objects in PHOTOS.items():
            draw(self.photo(name), objects)
        if layout == "voc":
            write_files(folder, {"ImageSets/Main/train.txt": "a\nb\n", "ImageSets/Main/val.txt": "c\n"})
        if layout == "yolo":
            write(folder / "data.yaml", "train: images/train\nval: images/val\nnames: [cat, Dog]\n")
        self.annotate()

    def _path(self, kind: int, name: str) -> Path:
        return self.folder / self.PLACES[self.layout][kind].format(name=name, split=SPLITS[name])

    def photo(self, name: str) -> Path:
        return self._path(0, name)

    def annotation(self, name: str) -> Path:
        return self._path(1, name)

    def annotate(self, size: tuple | None = SIZE, **changed) -> None:
        """Writes all annotations, those of some photos otherwise, `a=[DOG]`; the size is that of `a`."""
        objects_of = {**PHOTOS, **changed}
        for split in ("train", "val"):
            names = [name for name in objects_of if SPLITS[name] == split]
            if self.layout == "coco":
                text = coco_json({f"{name}.jpg": objects_of[name] for name in names})
                content = json.loads(text)
                for image in content["images"]:
                    if image["file_name"] == "a.jpg":
                        image.update(zip(("width", "height"), size or (None, None), strict=True))
                write(self.annotation(names[0]), json.dumps(content))
                continue
            for name in names:
                size_of = size if name == "a" else SIZE
                if self.layout == "voc":
                    text = voc_xml(*(object_xml(each.label, each.box) for each in objects_of[name]), size=size_of)
                else:
                    text = "".join(f"{yolo_row(each, size_of, 17)}\n" for each in objects_of[name])
                write(self.annotation(name), text)


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


def red_box(image: np.ndarray) -> tuple[int, ...]:
    """The box around the pixels of a cat."""
    rows, columns = np.nonzero((image[..., 0] > 180) & (image[..., 1] < 90))
    return tuple(map(int, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))
