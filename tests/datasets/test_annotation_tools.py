"""One drawn folder in the manner of each annotation tool, read back: what `docs/annotation_tools.md` says of each.

The texts are those that the tools wrote, or that their source writes, in the versions that the page names; of each only
what a reader might stumble over is kept.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image, ImageDraw

from clsloc_utils import datasets

WIDTH, HEIGHT = 200, 100
CAT, DOG = ("cat", (50, 20, 90, 50)), ("dog", (80, 40, 100, 80))
PHOTOS = {"a": [CAT], "b": [DOG], "c": [CAT, DOG]}
DRAWN = {f"{name}.jpg": objects for name, objects in PHOTOS.items()}
COLOURS = {"cat": "red", "dog": "blue"}
VOC_SIZE = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
LIST_OF_NAMES = "cat\ndog\n"


def corners(box, order=("xmin", "ymin", "xmax", "ymax"), form=str):
    values = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(form, box), strict=True))
    return "".join(f"<{side}>{values[side]}</{side}>" for side in order)


def voc(objects, flags="<pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>", **more):
    """An XML file; `size`, `before` the objects and `after` each, `order` of the corners and `form` of a number."""
    size, before, after = more.pop("size", VOC_SIZE), more.pop("before", ""), more.pop("after", "")
    texts = [
        f"<object><name>{label}</name>{flags}<bndbox>{corners(box, **more)}</bndbox>{after}</object>"
        for label, box in objects
    ]
    return f"<annotation>{before}{size}<segmented>0</segmented>{''.join(texts)}</annotation>"


def yolo(objects, digits=6, numbers=("cat", "dog")):
    rows = []
    for label, (xmin, ymin, xmax, ymax) in objects:
        center, size = ((xmin + xmax) / 2, (ymin + ymax) / 2), (xmax - xmin, ymax - ymin)
        shares = (center[0] / WIDTH, center[1] / HEIGHT, size[0] / WIDTH, size[1] / HEIGHT)
        rows.append(" ".join([str(numbers.index(label)), *(f"{share:.{digits}f}" for share in shares)]))
    return "\n".join(rows)


def coco(first_number, file_name, categories=None, **fields):
    """A JSON file; ids of photos and boxes count from a number, `fields` are added to each box."""
    categories = categories or {"cat": 1, "dog": 2}
    images, annotations = [], []
    for number, (name, objects) in enumerate(PHOTOS.items(), start=first_number):
        images.append({"id": number, "width": WIDTH, "height": HEIGHT, "file_name": file_name.format(name)})
        for label, (xmin, ymin, xmax, ymax) in objects:
            box = [float(xmin), float(ymin), float(xmax - xmin), float(ymax - ymin)]
            annotation = {"id": first_number + len(annotations), "image_id": number, "category_id": categories[label]}
            annotations.append({**annotation, "bbox": box, "area": box[2] * box[3], "iscrowd": 0, **fields})
    named = [{"id": number, "name": name, "supercategory": "none"} for name, number in categories.items()]
    return json.dumps({"images": images, "annotations": annotations, "categories": named})


def files(photo, annotation, write, **others):
    """The files of a folder by their paths: photos (`None`), what `write` makes of the objects of each, and others."""
    texts = {annotation.format(name): write(objects) for name, objects in PHOTOS.items()} if annotation else {}
    return {photo.format(name): None for name in PHOTOS} | texts | others


NOTES = '{"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}], "info": {"contributor": "Label Studio"}}'
SIDES_IN_PAIRS = ("xmin", "xmax", "ymin", "ymax")
CVAT_FLAGS = "<truncated>0</truncated><occluded>1</occluded><difficult>0</difficult>"
ROTATION = "<attributes><attribute><name>rotation</name><value>0.0</value></attribute></attributes>"
TOOLS = {
    "labelImg, VOC": files(
        "{}.jpg", "{}.xml", lambda objects: voc(objects, before="<path>C:\\pets\\a.jpg</path>").replace("><", ">\n\t<")
    ),
    "CVAT, VOC": files(
        "JPEGImages/cam 1/{}.jpg",
        "Annotations/cam 1/{}.xml",
        lambda objects: voc(
            objects,
            CVAT_FLAGS,
            size=VOC_SIZE.replace(">3<", "><"),
            after=ROTATION,
            form=lambda side: f"{side:.1f}",
        ),
        **{"ImageSets/Main/default.txt": "cam 1/a\ncam 1/b\ncam 1/c\n", "labelmap.txt": "cat:128,0,0::\n"},
    ),
    "Label Studio, VOC": files(
        "images/{}.jpg",
        "Annotations/{}.xml",
        lambda objects: (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            + voc(objects, before="<source><annotator>1</annotator></source><owner><name>Label Studio</name></owner>")
        ),
    ),
    "VoTT, VOC": files(
        "JPEGImages/{}.jpg",
        "Annotations/{}.xml",
        lambda objects: voc(
            objects, size="<size><width>0</width><height>0</height></size>", form=lambda side: side + 1e-9
        ).replace("<annotation>", '<annotation verified="yes">'),
        **{f"ImageSets/Main/{name}_train.txt": "a.jpg 1\nb.jpg -1\nc.jpg 1" for name in ("cat", "dog")},
    ),
    "Roboflow, VOC": files(
        "train/{}.jpg",
        "train/{}.xml",
        lambda objects: voc(objects, order=SIDES_IN_PAIRS),
        **{"README.roboflow.txt": "Exported"},
    ),
    "ybat, VOC": files("images/{}.jpg", "annotations/{}.xml", lambda objects: voc(objects, before="<path/>")),
    "make-sense, VOC": files("{}.jpg", "{}.xml", voc),
    "labelme, VOC": files(
        "JPEGImages/{}.jpg",
        "Annotations/{}.xml",
        lambda objects: voc(objects, "<pose/><truncated/><difficult/>", form=float),
        **{"class_names.txt": "_background_\ncat\ndog"},
    ),
    "FiftyOne, VOC": files(
        "data/{}.jpg",
        "labels/{}.xml",
        lambda objects: voc(objects, "<difficult>False</difficult><truncated>True</truncated><pose></pose>"),
    ),
    "pylabel, VOC": files(
        "images/{}.jpg",
        "labels/{}.xml",
        lambda objects: voc(objects, "<pose/><truncated/><difficult/>", order=SIDES_IN_PAIRS),
    ),
    "globox, VOC": files("images/{}.jpg", "annotations/{}.xml", lambda objects: voc(objects, "", form=float)),
    "Ultralytics": files(
        "images/train/{}.jpg",
        "labels/train/{}.txt",
        yolo,
        **{"data.yaml": "path: ../datasets/pets\ntrain: images/train\nval: images/train\nnames:\n  0: cat\n  1: dog\n"},
    ),
    "CVAT, Ultralytics": files(
        "images/train/cam 1/{}.jpg",
        "labels/train/cam 1/{}.txt",
        yolo,
        **{
            "data.yaml": "names:\n  0: cat\n  1: dog\npath: .\ntrain: train.txt\n",
            "train.txt": "".join(f"images/train/cam 1/{name}.jpg\n" for name in PHOTOS),
        },
    ),
    "CVAT, YOLO 1.1": files(
        "obj_train_data/{}.jpg",
        "obj_train_data/{}.txt",
        yolo,
        **{
            "obj.names": LIST_OF_NAMES,
            "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n",
            "train.txt": "".join(f"data/obj_train_data/{name}.jpg\n" for name in PHOTOS),
        },
    ),
    "Label Studio, YOLO": files(
        "images/{}.jpg",
        "labels/{}.txt",
        lambda objects: yolo(objects, 16),
        **{"classes.txt": LIST_OF_NAMES, "notes.json": NOTES},
    ),
    "Label Studio, YOLO with numbers of one's own": files(
        "images/{}.jpg", "labels/{}.txt", yolo, **{"classes.txt": "dog\ncat\n", "notes.json": NOTES}
    ),
    "Roboflow, YOLO": files(
        "train/images/{}.jpg",
        "train/labels/{}.txt",
        lambda objects: yolo(objects, 8),
        **{"data.yaml": "train: ../train/images\nval: ../train/images\nnc: 2\nnames: ['cat', 'dog']\n"},
    ),
    "labelImg, YOLO": files("{}.jpg", "{}.txt", yolo, **{"classes.txt": LIST_OF_NAMES}),
    "Supervisely, YOLO": files(
        "images/train/{}.jpg",
        "labels/train/{}.txt",
        yolo,
        **{
            "data_config.yaml": "colors:\n- [255, 0, 0]\n- [0, 255, 0]\nnames: [cat, dog]\nnc: 2\n"
            "train: ../pets/images/train\ntrain_labels: ../pets/labels/train\n"
        },
    ),
    "labelformat, YOLO": files(
        "images/{}.jpg",
        "labels/{}.txt",
        lambda objects: yolo(objects, 16, ("", "cat", "dog")),
        **{"data.yaml": "names:\n  1: cat\n  2: dog\nnc: 2\npath: .\ntrain: images\n"},
    ),
    "CVAT, COCO": files(
        "images/default/{}.jpg",
        "",
        None,
        **{
            "annotations/instances_default.json": coco(
                1, "{}.jpg", attributes={"occluded": False, "rotation": 0.0}, segmentation=[]
            )
        },
    ),
    "Label Studio, COCO": files(
        "images/{}.jpg",
        "",
        None,
        **{"result.json": coco(0, "images/{}.jpg", {"cat": 0, "dog": 1}, segmentation=[], ignore=0)},
    ),
    "Roboflow, COCO": files(
        "train/{}.jpg",
        "",
        None,
        **{"train/_annotations.coco.json": coco(0, "{}.jpg", {"cat-and-dog": 0, "cat": 1, "dog": 2}, segmentation=[])},
    ),
    "ybat, COCO": files("{}.jpg", "", None, **{"coco.json": coco(1, "{}.jpg", segmentation=[1, 2, 3, 4, 5, 6, 7, 8])}),
    "X-AnyLabeling, COCO": files(
        "{}.jpg", "", None, **{"coco_detection.json": coco(0, "{}.jpg", ignore=0, segmentation=[])}
    ),
    "FiftyOne, COCO": files("data/{}.jpg", "", None, **{"labels.json": coco(1, "{}.jpg")}),
}


def save(folder: Path, contents):
    """Writes the files; a photo has the drawn objects that its name stands for."""
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            image = Image.new("RGB", (WIDTH, HEIGHT), "gray")
            for label, (xmin, ymin, xmax, ymax) in PHOTOS[path.stem]:
                ImageDraw.Draw(image).rectangle((xmin, ymin, xmax - 1, ymax - 1), fill=COLOURS[label])
            image.save(path, quality=95, subsampling=0)
        else:
            path.write_text(text, encoding="utf-8")
    return folder


def objects_read(folder, data_dir):
    """What `datasets.load` gives of all splits: classes and corners in pixels by the name of the photo."""
    found = datasets.report(folder)
    assert list(found.problems) == []
    read = {}
    for split in found.num_examples:
        for example in tfds.as_numpy(datasets.load(folder, split, data_dir=data_dir)):
            boxes = example["objects"]["bbox"][:, [1, 0, 3, 2]] * [WIDTH, HEIGHT, WIDTH, HEIGHT]
            labels = [found.class_names[label] for label in example["objects"]["label"]]
            name = example["image/filename"].decode()
            read[name] = [(label, tuple(np.round(box, 3))) for label, box in zip(labels, boxes, strict=True)]
    return read


@pytest.mark.parametrize("tool", TOOLS)
def test_the_drawn_boxes_come_back_to_the_pixel(tool, tmp_path):
    folder = save(tmp_path / "pets", TOOLS[tool])
    assert objects_read(folder, tmp_path / "data") == DRAWN
