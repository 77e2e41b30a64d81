"""The builder of a folder in COCO layout: layouts of each tool, boxes to the pixel, what is reported."""

import json

import numpy as np
import pytest
from helpers.folders import Drawn
from helpers.layouts import CAT, DOG, SIZE, draw, examples, in_pixels, write
from PIL import Image

from clsloc_utils import datasets
from clsloc_utils.datasets.coco_folder import CocoFolder

# Numbers with a gap, and Roboflow's category above all others.
CATEGORIES = [
    {"id": 0, "name": "pets", "supercategory": "none"},
    {"id": 18, "name": "Dog", "supercategory": "pets"},
    {"id": 3, "name": "cat", "supercategory": "pets"},
]


def annotation(drawn, **fields):
    xmin, ymin, xmax, ymax = drawn.box
    category = {"cat": 3, "dog": 18}[drawn.label]
    box = [xmin, ymin, xmax - xmin, ymax - ymin]
    return {"category_id": category, "bbox": box, "area": box[2] * box[3], "iscrowd": 0, "segmentation": [], **fields}


def document(objects_of_file, size=SIZE, **fields):
    """The JSON: image ids from 7 on, annotation ids from 0."""
    images, annotations = [], []
    for number, (file, objects) in enumerate(objects_of_file.items(), start=7):
        images.append({"id": number, "file_name": file, "width": size[0], "height": size[1]})
        for each in objects:
            each = annotation(each) if isinstance(each, Drawn) else each
            annotations.append({"id": len(annotations), "image_id": number, **each})
    return {"info": {}, "images": images, "annotations": annotations, "categories": CATEGORIES, **fields}


def save(path, objects_of_file, **fields):
    write(path, json.dumps(document(objects_of_file, **fields)))


PHOTOS = {"a": [CAT], "b": [CAT, DOG], "c": [DOG]}


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
    assert "categories without an object left out: pets" in found.understood
    example = examples(folder, tmp_path)["b.jpg"]
    np.testing.assert_allclose(in_pixels(example)[0], [CAT.box, DOG.box], rtol=1e-6)
    assert example["objects"]["label"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("photo", "annotations", "file_name"),
    [
        ("images/{}.jpg", "result.json", "images/{}.jpg"),  # Label Studio
        ("images/{}.jpg", "result.json", "../../data/media/upload/1/{}.jpg"),
        ("images/{}.jpg", "annotations/instances_default.json", "{}.jpg"),  # CVAT
        ("data/{}.jpg", "labels.json", "{}.jpg"),  # FiftyOne
        ("{}.jpg", "annotations.json", "{}.jpg"),
    ],
)
def test_layouts_without_splits(photo, annotations, file_name, tmp_path):
    folder = tmp_path / "pets"
    for number in range(10):
        draw(folder / photo.format(number), [CAT])
    save(folder / annotations, {file_name.format(number): [CAT] for number in range(10)})
    found = datasets.report(folder)
    assert list(found.problems) == []
    assert found.num_examples == {"train": 7, "validation": 1, "test": 2}
    assert "hash" in found.understood


def one_photo(folder, objects, *, photo=CAT, **fields):
    draw(folder / "train/a.jpg", [photo])
    draw(folder / "train/z.jpg", [CAT])
    save(folder / "train.json", {"a.jpg": objects, "z.jpg": [CAT]}, **fields)
    return folder


WITHOUT_BOX = {"bbox": [], "segmentation": [[10, 20, 30, 12, 41, 30, 20, 51]]}
MANNERS = {
    "box": annotation(CAT),
    "floats": annotation(CAT, bbox=[10.0, 12.0, 31.0, 39.0]),
    "polygon only": annotation(CAT, **WITHOUT_BOX),
    "parts": annotation(CAT, bbox=None, segmentation=[[10, 12, 20, 12, 20, 20], [30, 51, 41, 51, 41, 40]]),
    "mask and box": annotation(CAT, segmentation={"counts": [0, 9], "size": [3, 3]}),
    "turned by CVAT": annotation(Drawn("cat", (6, 16, 45, 47)), attributes={"occluded": False, "rotation": 90.0}),
    "not turned": annotation(CAT, attributes={"rotation": 0.0}),
    "keypoints": annotation(CAT, keypoints=[20, 20, 2], num_keypoints=1),
}


@pytest.mark.parametrize("manner", MANNERS)
def test_a_box_comes_back_to_the_pixel(manner, tmp_path):
    folder = one_photo(tmp_path / "pets", [MANNERS[manner]])
    ((box,), image) = in_pixels(examples(folder, tmp_path)["a.jpg"])
    np.testing.assert_allclose(box, CAT.box, rtol=1e-6)
    rows, columns = np.nonzero(image[..., 0] > 180)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == CAT.box


def test_what_is_left_out_or_read_otherwise_is_said(tmp_path):
    folder = one_photo(
        tmp_path / "pets",
        [MANNERS["keypoints"], MANNERS["box"], annotation(DOG, **WITHOUT_BOX), MANNERS["turned by CVAT"]],
    )
    draw(folder / "train/unlisted.jpg")
    save(folder / "all.json", {"a.jpg": [DOG]})
    write(folder / "notes.txt", "1 2 3")
    understood = datasets.report(folder).understood
    for part in (
        "COCO layout, train.json",
        "1 photos are in no JSON",
        "keypoints left unread (1)",
        "polygons without bbox read as the box around them (1)",
        "object that stands there twice, counted once (1)",
        "turned boxes read as the box around them (1)",
        "left unread: all.json, notes.txt",
    ):
        assert part in understood
    assert len(examples(folder, tmp_path)["a.jpg"]["objects"]["label"]) == 3


def test_photos_with_crowds_or_without_objects_are_left_out_and_counted(tmp_path):
    crowd = annotation(DOG, iscrowd=1, segmentation={"counts": [0, 9], "size": [3, 3]})
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
    "unknown category": (annotation(CAT, category_id=5), "unknown class", "category_id '5'"),
    "three numbers": (annotation(CAT, bbox=[1, 2, 3]), FIELD, "bbox is [1, 2, 3]"),
    "text": (annotation(CAT, bbox=[1, 2, "3", 4]), FIELD, "bbox holds '3'"),
    "NaN": (annotation(CAT, bbox=[1, 2, float("nan"), 4]), FIELD, "bbox holds nan"),
    "huge": (annotation(CAT, bbox=[1, 2, 10**400, 4]), FIELD, "not a finite number"),
    "nothing": ({"category_id": 3}, FIELD, "no bbox, and no polygons"),
    "RLE only": (annotation(CAT, bbox=[], segmentation={"counts": "x", "size": [1, 1]}), FIELD, "no bbox"),
    "two points": (annotation(CAT, bbox=[], segmentation=[[1, 2, 3, 4]]), FIELD, "no pairs of numbers"),
    "negative width": (annotation(CAT, bbox=[20, 2, -3, 4]), "inverted box", "xmax 17"),
    "no height": (annotation(CAT, bbox=[20, 2, 3, 0]), "empty box", "ymin 2, ymax 2"),
    "corners": (annotation(CAT, bbox=[60, 30, 90, 60]), "box outside the image", "xmax 150"),
    "rotation": (annotation(CAT, attributes={"rotation": "much"}), FIELD, "rotation holds 'much'"),
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
    "cut": (lambda f: (f / A).write_bytes((f / A).read_bytes()[:400]), A, "unreadable photo", ""),
    "size": (lambda f: draw(f / A, [], (64, 48)), A, "wrong size in the JSON", "96 x 64 pixels, the photo is 64 x 48"),
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
        lambda f: changed(f, lambda c: c["annotations"].append(annotation(CAT, image_id=5))),
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
    changed(folder, lambda content: content["annotations"].append(annotation(CAT, id=9, image_id=1)))
    found = datasets.report(folder)
    assert found.counts == {"entered twice": 2}
    assert found.num_examples == {"train": 1}  # whose size nobody gave


def test_one_name_in_two_splits_is_two_photos(tmp_path):
    for split, drawn in (("train2017", CAT), ("val2017", DOG)):
        draw(tmp_path / split / "1.jpg", [drawn])
        save(tmp_path / f"annotations/instances_{split}.json", {"1.jpg": [drawn]})
    assert list(datasets.report(tmp_path).problems) == []
    for split, drawn in (("train", CAT), ("validation", DOG)):
        ((box,), image) = in_pixels(examples(tmp_path, tmp_path, split)["1.jpg"])
        np.testing.assert_allclose(box, drawn.box, rtol=1e-6)
        rows, columns = np.nonzero(image[..., 0] > 180)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == drawn.box


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


@pytest.mark.parametrize(("size", "turned"), [((64, 96), True), ((96, 64), False)])
def test_the_size_tells_whether_a_photo_is_turned(size, turned, tmp_path):
    # Stored lying, 96 x 64, with a tag that makes viewers turn it to 64 x 96.
    upright = Image.new("RGB", (64, 96), (128, 128, 128))
    upright.paste((220, 30, 30), (8, 10, 24, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "train").mkdir()
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "train/a.jpg", quality=95, subsampling=0, exif=exif)
    box = (8, 10, 24, 40) if turned else (10, 40, 40, 56)
    save(tmp_path / "train.json", {"a.jpg": [Drawn("cat", box)]}, size=size)
    ((found,), image) = in_pixels(examples(tmp_path, tmp_path)["a.jpg"])
    np.testing.assert_allclose(found, box, rtol=1e-6)
    rows, columns = np.nonzero(image[..., 0] > 180)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == box


@pytest.mark.parametrize(("orientation", "size"), [(1, SIZE), (6, SIZE), (6, SIZE[::-1])])
def test_the_stored_size_in_a_json_of_label_studio_tells_nothing_of_a_turn(orientation, size, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    draw(tmp_path / "train/a.jpg", [CAT], exif=exif)
    drawn = {"a.jpg": [Drawn("cat", (10, 12, 41, 51))]}  # inside both ways
    for contributor in ("Label Studio", ""):
        save(tmp_path / "train.json", drawn, size=size, info={"contributor": contributor})
        unclear = contributor and orientation == 6 and size == SIZE
        reasons = [problem.reason for problem in datasets.report(tmp_path).problems]
        assert reasons == (["unclear orientation"] if unclear else [])


def test_passed_classes_fix_the_labels(tmp_path):
    folder = coco(tmp_path / "pets")
    example = examples(folder, tmp_path, class_names=["DOG", "bird", "cat"])["b.jpg"]
    assert example["objects"]["label"].tolist() == [2, 0]
    assert datasets.report(folder, class_names=["cat"]).counts == {"unknown class": 2}


def test_other_folders_are_not_taken_for_it(make_voc_folder, tmp_path):
    make_voc_folder(tmp_path / "voc")
    draw(tmp_path / "labelme/a.jpg")
    write(tmp_path / "labelme/a.json", '{"shapes": [], "imagePath": "a.jpg"}')
    draw(tmp_path / "captions/a.jpg")
    write(tmp_path / "captions/captions.json", '{"images": [], "annotations": []}')
    write(tmp_path / "captions/empty.json", "")
    save(tmp_path / "no_photos/train.json", PHOTOS)
    for name in ("voc", "labelme", "captions", "no_photos"):
        assert not CocoFolder.recognizes(tmp_path / name)
    with pytest.raises(ValueError, match="labelme has no photos with boxes that CocoFolder reads"):
        CocoFolder.check(tmp_path / "labelme")
    with pytest.raises(ValueError, match="There is no folder"):
        CocoFolder.check(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"VOC layout(.|\n)*YOLO layout(.|\n)*COCO layout(.|\n)*LSP layout"):
        datasets.info(tmp_path / "captions", data_dir=tmp_path / "data")
    with pytest.raises(ValueError, match="another format, labelme's JSON; make PASCAL VOC of it"):
        datasets.info(tmp_path / "labelme", data_dir=tmp_path / "data")
