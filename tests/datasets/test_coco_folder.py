"""The builder of a folder in COCO layout: layouts of each tool, boxes to the pixel, what is reported."""

import json

import numpy as np
import pytest
from helpers.folders import Drawn
from helpers.layouts import (
    CAT,
    DOG,
    NAMES,
    PHOTOS,
    SIZE,
    coco_annotation,
    coco_json,
    draw,
    examples,
    in_pixels,
    orientation,
    red_box,
    write,
)
from pycocotools.coco import COCO

from clsloc_utils import datasets
from clsloc_utils.datasets.coco_folder import CocoFolder


def save(path, objects_of_file, **fields):
    write(path, coco_json(objects_of_file, **fields))


def pets(folder, photo, annotations, file_name="{}.jpg"):
    """A folder with `a` and `b` to train on and `c` to validate with, in the places that a tool writes to."""
    for split, names in (("train", "ab"), ("val", "c")):
        for name in names:
            draw(folder / photo.format(name, split=split), PHOTOS[name])
        save(
            folder / annotations.format(split=split),
            {file_name.format(name, split=split): PHOTOS[name] for name in names},
        )
    return folder


def coco(folder):
    pets(folder, "{split}2017/{}.jpg", "annotations/instances_{split}2017.json")
    pets(folder, "{split}2017/{}.jpg", "annotations/person_keypoints_{split}2017.json")
    write(folder / "annotations/captions_train2017.json", '{"images": [], "annotations": []}')
    return folder


LAYOUTS = {
    "COCO": coco,
    "Roboflow": lambda folder: pets(folder, "{split}/{}.jpg", "{split}/_annotations.coco.json"),
    "Datumaro": lambda folder: pets(folder, "images/{split}/{}.jpg", "annotations/instances_{split}.json"),
    "one folder": lambda folder: pets(folder, "images/{}.jpg", "annotations/{split}.json"),
    "sub-folders": lambda folder: pets(folder, "{split}/cam1/{}.jpg", "{split}.json", "cam1/{}.jpg"),
    "longer names": lambda folder: pets(folder, "data/{split}/{}.jpg", "{split}.json", "/disk/of/x/{split}/{}.jpg"),
    "backslashes": lambda folder: pets(folder, "{split}/cam1/{}.jpg", "{split}.json", "cam1\\{}.jpg"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_with_splits(layout, tmp_path):
    folder = LAYOUTS[layout](tmp_path / "pets")
    found = datasets.report(folder)
    assert list(found.problems) == []
    assert found.num_examples == {"train": 2, "validation": 1}
    assert found.class_names == ("cat", "dog")
    assert "splits from the names of the JSON files" in found.understood
    assert "classes without an object left out: pets" in found.understood
    example = examples(folder, tmp_path)["b.jpg"]
    np.testing.assert_allclose(in_pixels(example)[0], [CAT.box, DOG.box], rtol=1e-6)
    assert example["objects"]["label"].tolist() == [0, 1]


def one_photo(folder, objects, *, photo=CAT, **fields):
    draw(folder / "train/a.jpg", [photo])
    draw(folder / "train/z.jpg", [CAT])
    save(folder / "train.json", {"a.jpg": objects, "z.jpg": [CAT]}, **fields)
    return folder


WITHOUT_BOX = {"bbox": [], "segmentation": [[10, 20, 30, 12, 41, 30, 20, 51]]}
MANNERS = {
    "box": coco_annotation(CAT),
    "floats": coco_annotation(CAT, bbox=[10.0, 12.0, 31.0, 39.0]),
    "polygon only": coco_annotation(CAT, **WITHOUT_BOX),
    "parts": coco_annotation(CAT, bbox=None, segmentation=[[10, 12, 20, 12, 20, 20], [30, 51, 41, 51, 41, 40]]),
    "mask and box": coco_annotation(CAT, segmentation={"counts": [0, 9], "size": [3, 3]}),
    "turned by CVAT": coco_annotation(Drawn("cat", (6, 16, 45, 47)), attributes={"occluded": False, "rotation": 90.0}),
    "not turned": coco_annotation(CAT, attributes={"rotation": 0.0}),
    "keypoints": coco_annotation(CAT, keypoints=[20, 20, 2], num_keypoints=1),
}


@pytest.mark.parametrize("manner", MANNERS)
def test_a_box_comes_back_to_the_pixel(manner, tmp_path):
    folder = one_photo(tmp_path / "pets", [MANNERS[manner]])
    ((box,), image) = in_pixels(examples(folder, tmp_path)["a.jpg"])
    np.testing.assert_allclose(box, CAT.box, rtol=1e-6)
    assert red_box(image) == CAT.box


def test_what_is_left_out_or_read_otherwise_is_said(tmp_path):
    folder = one_photo(
        tmp_path / "pets",
        [MANNERS["keypoints"], MANNERS["box"], coco_annotation(DOG, **WITHOUT_BOX), MANNERS["turned by CVAT"]],
    )
    draw(folder / "train/unlisted.jpg")
    save(folder / "all.json", {"a.jpg": [DOG]})
    write(folder / "notes.txt", "1 2 3")
    understood = datasets.report(folder).understood
    for part in (
        "COCO layout, train.json",
        "1 photos are in no split",
        "keypoints left unread (1)",
        "polygons without bbox read as the box around them (1)",
        "object that stands there twice, counted once (1)",
        "turned box, replaced by the upright one around it (1)",
        "left unread: all.json, notes.txt",
    ):
        assert part in understood
    assert len(examples(folder, tmp_path)["a.jpg"]["objects"]["label"]) == 3


def test_photos_with_crowds_or_without_objects_are_left_out_and_counted(tmp_path):
    crowd = coco_annotation(DOG, iscrowd=1, segmentation={"counts": [0, 9], "size": [3, 3]})
    folder = one_photo(tmp_path / "pets", [CAT, crowd])
    draw(folder / "train/empty.jpg")
    save(folder / "train.json", {"a.jpg": [CAT, crowd], "z.jpg": [CAT], "empty.jpg": []})
    found = datasets.report(folder)
    assert list(found.problems) == []
    assert found.num_examples == {"train": 1}
    assert found.class_names == ("cat",)
    assert "photos with crowd regions left out (1)" in found.understood
    assert "photos without objects left out (1)" in found.understood


A, JSON = "train/a.jpg", "train.json"
FIELD = "missing or unreadable field"
FAULTS = {
    "unknown category": (coco_annotation(CAT, category_id=5), "unknown class", "category_id '5'"),
    "three numbers": (coco_annotation(CAT, bbox=[1, 2, 3]), FIELD, "bbox is [1, 2, 3]"),
    "text": (coco_annotation(CAT, bbox=[1, 2, "3", 4]), FIELD, "bbox holds '3'"),
    "NaN": (coco_annotation(CAT, bbox=[1, 2, float("nan"), 4]), FIELD, "bbox holds nan"),
    "huge": (coco_annotation(CAT, bbox=[1, 2, 10**400, 4]), FIELD, "not a finite number"),
    "nothing": ({"category_id": 3}, FIELD, "no bbox, and no polygons"),
    "RLE only": (coco_annotation(CAT, bbox=[], segmentation={"counts": "x", "size": [1, 1]}), FIELD, "no bbox"),
    "two points": (coco_annotation(CAT, bbox=[], segmentation=[[1, 2, 3, 4]]), FIELD, "no pairs of numbers"),
    "rotation": (coco_annotation(CAT, attributes={"rotation": "much"}), FIELD, "rotation holds 'much'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_an_object_is_reported_and_the_rest_is_used(fault, tmp_path):
    bad, reason, detail = FAULTS[fault]
    found = datasets.report(one_photo(tmp_path / "pets", [CAT, bad]))
    (problem,) = found.problems
    assert (problem.file, problem.reason) == (A, reason)
    assert problem.detail.startswith("train.json: annotation 1: ")
    assert detail in problem.detail
    assert found.num_examples == {"train": 1}


def changed(folder, change):
    content = json.loads((folder / JSON).read_text())
    change(content)
    write(folder / JSON, json.dumps(content))


FAULTS_OF_PHOTOS = {
    "absent": (lambda f: (f / A).unlink(), "a.jpg", "missing image", "train.json"),
    "size is text": (lambda f: changed(f, lambda c: c["images"][0].update(width="96")), A, FIELD, "width holds '96'"),
    "twice in the folder": (lambda f: draw(f / "train/x/a.jpg"), A, "several images of the same name", "x/a.jpg"),
    "twice in the JSON": (
        lambda f: changed(f, lambda c: c["images"].append({**c["images"][0], "id": 99})),
        A,
        "entered twice",
        "in train.json, train.json",
    ),
    "in two JSONs": (lambda f: save(f / "val.json", {"a.jpg": [CAT]}), A, "entered twice", "in train.json, val.json"),
    "no file name": (lambda f: changed(f, lambda c: c["images"][0].pop("file_name")), JSON, FIELD, "image 1 lacks"),
    "of no photo": (
        lambda f: changed(f, lambda c: c["annotations"].append(coco_annotation(CAT, image_id=5))),
        JSON,
        "annotations of a photo that is not entered",
        "image_id '5': 1",
    ),
}


@pytest.mark.parametrize("fault", FAULTS_OF_PHOTOS)
def test_a_fault_of_a_photo_is_reported_and_the_rest_is_used(fault, tmp_path):
    break_folder, file, reason, detail = FAULTS_OF_PHOTOS[fault]
    folder = one_photo(tmp_path / "pets", [CAT])
    break_folder(folder)
    found = datasets.report(folder)
    (problem,) = found.problems
    assert (problem.file, problem.reason) == (file, reason)
    assert detail in problem.detail
    assert found.num_examples == {"train": 2 if fault == "of no photo" else 1}


def test_two_photos_of_one_id_are_both_left_out(tmp_path):
    folder = one_photo(tmp_path / "pets", [CAT])
    changed(folder, lambda content: (content["images"][1].update(id=7), content["annotations"].pop()))
    draw(folder / "train/good.jpg", [CAT])
    changed(folder, lambda content: content["images"].append({"id": 1, "file_name": "good.jpg"}))
    changed(folder, lambda content: content["annotations"].append(coco_annotation(CAT, id=9, image_id=1)))
    found = datasets.report(folder)
    assert found.counts == {"entered twice": 2}
    assert found.num_examples == {"train": 1}  # whose size nobody gave


def test_one_name_in_two_splits_is_two_photos(tmp_path):
    for split, drawn in (("train2017", CAT), ("val2017", DOG)):
        draw(tmp_path / split / "1.jpg", [drawn])
        save(tmp_path / f"annotations/instances_{split}.json", {"1.jpg": [drawn]})
    assert list(datasets.report(tmp_path).problems) == []
    for split, folder, drawn in (("train", "train2017", CAT), ("validation", "val2017", DOG)):
        example = examples(tmp_path, tmp_path, split)["1.jpg"]
        np.testing.assert_allclose(in_pixels(example)[0], [drawn.box], rtol=1e-6)
        assert example["image"] == (tmp_path / f"{folder}/1.jpg").read_bytes()


def test_one_name_in_two_folders_is_the_photo_beside_the_json(tmp_path):
    for camera in ("cam1", "cam2"):
        draw(tmp_path / camera / "1.jpg", [CAT])
        save(tmp_path / camera / "annotations.json", {"1.jpg": [CAT]})
    found = datasets.report(tmp_path)
    assert list(found.problems) == []
    assert sum(found.num_examples.values()) == 2


def test_a_photo_of_another_folder_is_not_taken_for_an_absent_one(tmp_path):
    folder = tmp_path / "pets"
    draw(folder / "cam2/a.jpg", [CAT])
    save(folder / "annotations.json", {"cam1/a.jpg": [DOG], "cam2/a.jpg": [CAT]})
    (problem,) = datasets.report(folder).problems
    assert problem == ("cam1/a.jpg", "missing image", "but it is in annotations.json")


CONTENTS = {
    '{"images": [], "annotations": [], "categories": [': "cannot be read",
    '{"images": {}, "annotations": [], "categories": []}': "must be lists",
    '{"images": [], "annotations": [3], "categories": []}': "annotations holds 3",
    '{"images": [], "annotations": [], "categories": [{"id": 1}]}': "lacks a name or an id",
    '{"images": [], "annotations": [], "categories": [{"id": 1, "name": " "}]}': "empty name",
    '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}': "the id 1",
}


@pytest.mark.parametrize("text", CONTENTS)
def test_a_json_that_cannot_be_used_says_why(text, tmp_path):
    draw(tmp_path / "a.jpg")
    write(tmp_path / "train.json", text)
    with pytest.raises(ValueError, match=CONTENTS[text]):
        datasets.report(tmp_path)


@pytest.mark.parametrize(("value", "size"), [(1, SIZE), (6, SIZE), (6, SIZE[::-1])])
def test_the_stored_size_in_a_json_of_label_studio_tells_nothing_of_a_turn(value, size, tmp_path):
    draw(tmp_path / "train/a.jpg", [CAT], exif=orientation(value))
    drawn = {"a.jpg": [Drawn("cat", (10, 12, 41, 51))]}  # inside both ways
    for contributor in ("Label Studio", ""):
        save(tmp_path / "train.json", drawn, size=size, info={"contributor": contributor})
        unclear = contributor and value == 6 and size == SIZE
        reasons = [problem.reason for problem in datasets.report(tmp_path).problems]
        assert reasons == (["unclear orientation"] if unclear else [])


def test_other_json_is_not_taken_for_it(tmp_path):
    draw(tmp_path / "labelme/a.jpg")
    write(tmp_path / "labelme/a.json", '{"shapes": [], "imagePath": "a.jpg"}')
    draw(tmp_path / "captions/a.jpg")
    write(tmp_path / "captions/captions.json", '{"images": [], "annotations": []}')
    write(tmp_path / "captions/empty.json", "")
    save(tmp_path / "no_photos/train.json", PHOTOS)
    for name in ("labelme", "captions", "no_photos"):
        assert not CocoFolder.recognizes(tmp_path / name)


def test_boxes_are_those_of_pycocotools(tmp_path):
    folder = coco(tmp_path / "pets")
    content = json.loads((folder / "annotations/instances_train2017.json").read_text())
    for each in (*content["annotations"], *content["categories"]):  # 0 is a category like any other
        field = "category_id" if "category_id" in each else "id"
        each[field] = {3: 0, 18: 1, 0: 2}[each[field]]
    file = folder / "annotations/instances_train2017.json"
    write(file, json.dumps(content))
    peer, theirs = COCO(file), []
    for each in peer.loadAnns(peer.getAnnIds()):
        (image,), (category,) = peer.loadImgs(each["image_id"]), peer.loadCats(each["category_id"])
        x, y, width, height = each["bbox"]
        theirs.append((image["file_name"], category["name"].lower(), [x, y, x + width, y + height]))
    ours = [
        (name, NAMES[label], np.round(box, 4).tolist())
        for name, example in examples(folder, tmp_path).items()
        for label, box in zip(example["objects"]["label"], in_pixels(example)[0], strict=True)
    ]
    assert sorted(ours) == sorted(theirs)
