"""The builder of a folder in YOLO layout: layouts of each tool, boxes to the pixel, what is reported."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from clsloc_utils import datasets
from conftest import GROUND, Drawn, draw_shape

SIZE = (96, 64)
CAT, DOG = Drawn("cat", (10, 12, 41, 51)), Drawn("dog", (48, 3, 95, 20))
NAMES = ["cat", "dog"]


def row(drawn, size=SIZE, digits=6):
    """A line as Ultralytics writes it: class and centre, width and height as shares, with six decimals."""
    xmin, ymin, xmax, ymax = drawn.box
    width, height = size
    values = ((xmin + xmax) / 2 / width, (ymin + ymax) / 2 / height, (xmax - xmin) / width, (ymax - ymin) / height)
    return " ".join([str(NAMES.index(drawn.label)), *(f"{value:.{digits}f}" for value in values)])


def draw(path, objects=(), size=SIZE, **arguments):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, GROUND)
    for drawn in objects:
        draw_shape(ImageDraw.Draw(image), drawn)
    image.save(path, quality=95, subsampling=0, **arguments)


def write(path, text, **arguments):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, **arguments)


def add(folder, photo, labels, objects, size=SIZE):
    """A photo and its label file."""
    draw(folder / photo, objects, size)
    write(folder / labels, "".join(f"{row(drawn, size)}\n" for drawn in objects))


def ultralytics(
    folder, yaml="path: ../datasets/pets\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: Dog\n"
):
    add(folder, "images/train/a.jpg", "labels/train/a.txt", [CAT])
    add(folder, "images/train/b.jpg", "labels/train/b.txt", [CAT, DOG])
    add(folder, "images/val/c.jpg", "labels/val/c.txt", [DOG])
    write(folder / "data.yaml", yaml)
    return folder


def roboflow(folder):
    add(folder, "train/images/a.jpg", "train/labels/a.txt", [CAT])
    add(folder, "train/images/b.jpg", "train/labels/b.txt", [CAT, DOG])
    add(folder, "valid/images/c.jpg", "valid/labels/c.txt", [DOG])
    write(folder / "data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n")
    write(folder / "README.roboflow.txt", "Exported with care")
    return folder


def darknet(folder):
    for photo, objects in (("a", [CAT]), ("b", [CAT, DOG]), ("c", [DOG])):
        add(folder, f"obj_train_data/{photo}.jpg", f"obj_train_data/{photo}.txt", objects)
    write(folder / "obj.names", "cat\ndog\n")
    write(
        folder / "obj.data",
        "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = backup/\n",
    )
    write(folder / "train.txt", "data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n")
    write(folder / "valid.txt", "data/obj_train_data/c.jpg\n")
    return folder


def lists(folder):
    ultralytics(folder, "train: train.txt\nval: [val.txt]\nnames: [cat, dog]\n")
    write(folder / "train.txt", "./images/train/a.jpg\r\n/content/pets/images/train/b.jpg\r\n")
    write(folder / "val.txt", "images\\val\\c.jpg\n")
    return folder


def folders_of_splits(folder):
    ultralytics(folder)
    (folder / "data.yaml").unlink()
    write(folder / "classes.txt", "cat\ndog\n", encoding="utf-8-sig")
    return folder


@pytest.mark.parametrize("layout", [ultralytics, roboflow, darknet, lists, folders_of_splits])
def test_layouts_with_splits(layout, tmp_path):
    folder = layout(tmp_path / "pets")
    found = datasets.report(folder)
    assert list(found.problems) == []
    assert found.num_examples == {"train": 2, "validation": 1}
    assert found.class_names == ("cat", "dog")
    example = examples(folder, tmp_path)["b.jpg"]
    np.testing.assert_allclose(
        example["objects"]["bbox"] * [64, 96, 64, 96], [[12, 10, 51, 41], [3, 48, 20, 95]], atol=1e-4
    )
    assert example["objects"]["label"].tolist() == [0, 1]


def examples(folder, tmp_path, split="train", **arguments):
    found = datasets.load(folder, split, data_dir=tmp_path / "data", **arguments)
    return {example["image/filename"].decode(): example for example in found.as_numpy_iterator()}
