"""The same drawn folder read by us and by other libraries: equal to the pixel, or different in the way written here.

pycocotools comes with the tests. The others are tried where they are installed: supervision 0.31, globox 2.9, pylabel
0.1.55, datumaro 1.13.
"""

import json

import numpy as np
import pytest
from helpers.folders import VocWriter
from helpers.layouts import CAT, DOG, NAMES, add, draw, examples, in_pixels, write, yolo_row
from PIL import Image
from pycocotools.coco import COCO

from clsloc_utils import datasets

PHOTOS = {"a": [CAT], "b": [CAT, DOG]}
JSON = "annotations/instances_train.json"


def coco_json(photos, **fields):
    annotations = []
    for image_id, objects in enumerate(photos.values()):
        for drawn in objects:
            xmin, ymin, xmax, ymax = drawn.box
            box = [xmin, ymin, xmax - xmin, ymax - ymin]
            area, number = box[2] * box[3], len(annotations) + 1
            category = NAMES.index(drawn.label) + 1
            annotations.append(
                {"id": number, "image_id": image_id, "category_id": category, "bbox": box, "area": area, "iscrowd": 0}
            )
    return {
        "images": [{"id": i, "file_name": f"{name}.jpg", "width": 96, "height": 64} for i, name in enumerate(photos)],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(NAMES, start=1)],
        **fields,
    }


def voc(folder):
    writer = VocWriter(folder)
    for name, objects in PHOTOS.items():
        writer.add(name, objects)
    writer.list("train.txt", list(PHOTOS))


def yolo(folder):
    for name, objects in PHOTOS.items():
        add(folder, f"images/train/{name}.jpg", f"labels/train/{name}.txt", objects)
    write(folder / "data.yaml", "train: images/train\nval: images/train\nnc: 2\nnames: [cat, dog]\n")


def coco(folder):
    for name, objects in PHOTOS.items():
        draw(folder / f"images/train/{name}.jpg", objects)
    write(folder / JSON, json.dumps(coco_json(PHOTOS)))


# How each library reads each layout: rows of photo's name, class and corners.


def by_pycocotools(layout, folder):
    assert layout == "coco"
    peer = COCO(folder / JSON)
    for each in peer.loadAnns(peer.getAnnIds()):
        (image,), (category,) = peer.loadImgs(each["image_id"]), peer.loadCats(each["category_id"])
        x, y, width, height = each["bbox"]
        yield image["file_name"], category["name"], (x, y, x + width, y + height)


def by_supervision(layout, folder):
    sets = pytest.importorskip("supervision").DetectionDataset
    photos, labels = str(folder / "images/train"), str(folder / "labels/train")
    read = {
        "voc": lambda: sets.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations")),
        "yolo": lambda: sets.from_yolo(photos, labels, str(folder / "data.yaml")),
        "coco": lambda: sets.from_coco(photos, str(folder / JSON)),
    }[layout]()
    for path, _, found in read:
        for number, box in zip(found.class_id, found.xyxy, strict=True):
            yield path, read.classes[number], box


def by_globox(layout, folder):
    sets = pytest.importorskip("globox").AnnotationSet
    read = {
        "voc": lambda: sets.from_pascal_voc(folder / "Annotations"),
        "yolo": lambda: sets.from_yolo_v5(folder / "labels/train", image_folder=folder / "images/train"),
        "coco": lambda: sets.from_coco(folder / JSON),
    }[layout]()
    for photo in read:
        for box in photo.boxes:
            yield photo.image_id, NAMES[int(box.label)] if layout == "yolo" else box.label, box.ltrb


def by_pylabel(layout, folder):
    importer = pytest.importorskip("pylabel.importer")
    read = {
        "voc": lambda: importer.ImportVOC(str(folder / "Annotations"), path_to_images="../JPEGImages"),
        "yolo": lambda: importer.ImportYoloV5(
            str(folder / "labels/train"), path_to_images="../../images/train", img_ext="jpg", cat_names=NAMES
        ),
        "coco": lambda: importer.ImportCoco(str(folder / JSON), path_to_images="../images/train"),
    }[layout]()
    sides = [f"ann_bbox_{side}" for side in ("xmin", "ymin", "xmax", "ymax")]
    for _, row in read.df.iterrows():
        yield row["img_filename"], row["cat_name"], [row[side] for side in sides]


def by_datumaro(layout, folder):
    datumaro = pytest.importorskip("datumaro")
    read = datumaro.Dataset.import_from(str(folder), {"coco": "coco_instances"}.get(layout, layout))
    labels = read.categories()[datumaro.AnnotationType.label]
    for item in read:
        for each in item.annotations:
            if each.type == datumaro.AnnotationType.bbox:
                yield item.id, None if each.label is None else labels[each.label].name, each.points


LAYOUTS = {"voc": voc, "yolo": yolo, "coco": coco}
PEERS = {
    "pycocotools": by_pycocotools,
    "supervision": by_supervision,
    "globox": by_globox,
    "pylabel": by_pylabel,
    "datumaro": by_datumaro,
}
CASES = [(peer, layout) for peer in PEERS for layout in LAYOUTS if peer != "pycocotools" or layout == "coco"]
# supervision takes 1 off the two lower corners of VOC, and leaves the upper ones.
KNOWN_DIFFERENCES = {("supervision", "voc"): [-1, -1, 0, 0]}


def rows_of(found):
    """Rows in one order, whatever the library's."""
    plain = ((name.rpartition("/")[2].removesuffix(".jpg"), str(label), box) for name, label, box in found)
    return sorted((name, label, list(map(float, box))) for name, label, box in plain)


def rows_of_ours(folder, tmp_path):
    names = datasets.info(folder, data_dir=tmp_path / "data").class_names
    return rows_of(
        (photo, names[label], box)
        for photo, example in examples(folder, tmp_path).items()
        for label, box in zip(example["objects"]["label"], in_pixels(example)[0], strict=True)
    )


@pytest.mark.parametrize(("peer", "layout"), CASES)
def test_boxes_are_those_of_others_or_differ_in_a_known_way(peer, layout, tmp_path):
    folder = tmp_path / layout
    LAYOUTS[layout](folder)
    ours, theirs = rows_of_ours(folder, tmp_path), rows_of(PEERS[peer](layout, folder))
    assert [row[:2] for row in ours] == [row[:2] for row in theirs]
    difference = np.subtract([row[2] for row in theirs], [row[2] for row in ours])
    expected = KNOWN_DIFFERENCES.get((peer, layout), [0, 0, 0, 0])
    np.testing.assert_allclose(difference, np.tile(expected, (3, 1)), atol=1e-3)


@pytest.mark.parametrize(
    ("peer", "follows_tag"), [("supervision", True), ("datumaro", True), ("globox", False), ("pylabel", False)]
)
def test_labels_of_a_photo_that_its_tag_turns(peer, follows_tag, tmp_path):
    """Ultralytics reads the shares as those of the turned photo, 64 x 96, and so do we; not all others do."""
    folder = tmp_path / "yolo"
    yolo(folder)
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(folder / "images/train/a.jpg", [], exif=exif)
    write(folder / "labels/train/a.txt", yolo_row(CAT, digits=17))
    (_, _, ours), *_ = rows_of_ours(folder, tmp_path)
    (_, _, theirs), *_ = rows_of(PEERS[peer]("yolo", folder))
    share = np.divide(CAT.box, [96, 64, 96, 64])
    np.testing.assert_allclose(ours, share * [64, 96, 64, 96], rtol=1e-6)
    np.testing.assert_allclose(theirs, share * ([64, 96, 64, 96] if follows_tag else [96, 64, 96, 64]), atol=0.01)


@pytest.mark.parametrize("peer", ["supervision", "globox", "pylabel", "datumaro"])
def test_a_crowd_region_is_an_object_for_others_and_a_photo_less_for_us(peer, tmp_path):
    folder = tmp_path / "coco"
    coco(folder)
    content = coco_json(PHOTOS)
    content["annotations"][2].update(iscrowd=1, segmentation={"counts": [10, 20, 6114], "size": [64, 96]})
    write(folder / JSON, json.dumps(content))
    assert [name for name, *_ in rows_of_ours(folder, tmp_path)] == ["a"]
    if peer != "datumaro":  # which makes a mask of it
        assert [name for name, *_ in rows_of(PEERS[peer]("coco", folder))] == ["a", "b", "b"]


@pytest.mark.parametrize("peer", PEERS)
def test_category_0_is_one_like_any_other_but_for_datumaro(peer, tmp_path):
    folder = tmp_path / "coco"
    coco(folder)
    content = coco_json(PHOTOS)
    for each in (*content["annotations"], *content["categories"]):
        field = "category_id" if "category_id" in each else "id"
        each[field] -= 1
    write(folder / JSON, json.dumps(content))
    labels = ["cat", "cat", "dog"]
    assert [label for _, label, _ in rows_of_ours(folder, tmp_path)] == labels
    theirs = sorted(label for _, label, _ in rows_of(PEERS[peer]("coco", folder)))
    assert theirs == (["None", "None", "dog"] if peer == "datumaro" else labels)


def test_a_line_that_datumaro_drops_with_its_photo_is_read_or_named(tmp_path):
    folder = tmp_path / "yolo"
    yolo(folder)
    write(folder / "labels/train/a.txt", "0 0.1 0.2 0.5 0.2 0.5 0.6\n")
    assert [name for name, *_ in rows_of_ours(folder, tmp_path)] == ["a", "b", "b"]
    assert {name for name, *_ in rows_of(by_datumaro("yolo", folder))} == {"b"}
