"""The builder of a folder in YOLO layout: layouts of each tool, boxes to the pixel, what is reported."""

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
    SPLITS,
    add,
    draw,
    examples,
    in_pixels,
    orientation,
    red_box,
    write,
    write_files,
    yolo_row,
)
from PIL import Image, ImageOps

from clsloc_utils import datasets
from clsloc_utils.datasets.yolo_folder import YoloFolder

PLACES = "images/{split}/{name}.jpg", "labels/{split}/{name}.txt"
IN_ONE = "obj_train_data/{name}.jpg", "obj_train_data/{name}.txt"
ULTRALYTICS = "path: ../datasets/pets\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: Dog\n"
DARKNET_LISTS = {
    "train.txt": "data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n",
    "valid.txt": "data/obj_train_data/c.jpg\n",
}
DARKNET = "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = backup/\n"
# Where photos and labels lie, and the other files.
LAYOUTS = {
    "Ultralytics": (PLACES, {"data.yaml": ULTRALYTICS}),
    "Roboflow": (
        ("{split}/images/{name}.jpg", "{split}/labels/{name}.txt"),
        {
            "data.yaml": "train: ../train/images\nval: ../val/images\nnc: 2\nnames: ['cat', 'dog']\n",
            "README.roboflow.txt": "Exported with care",
        },
    ),
    "darknet": (IN_ONE, {"obj.names": "cat\ndog\n", "obj.data": DARKNET, **DARKNET_LISTS}),
    "darknet, in data/": (
        IN_ONE,
        {
            "data/obj.names": "cat\ndog\n",
            "data/obj.data": "train = train.txt\nvalid = valid.txt\nnames = obj.names\n",
            "data/train.txt": DARKNET_LISTS["train.txt"],
            "valid.txt": DARKNET_LISTS["valid.txt"],
        },
    ),
    "lists": (
        PLACES,
        {
            "data.yaml": "train: train.txt\nval: [val.txt]\nnames: [cat, dog]\n",
            "train.txt": "./images/train/a.jpg\r\n/content/pets/images/train/b.jpg\r\n",
            "val.txt": "images\\val\\c.jpg\n",
        },
    ),
    "folders of splits": (PLACES, {"classes.txt": "\ufeffcat\ndog\n"}),
}


def pets(folder, layout):
    (photo, labels), files = LAYOUTS[layout]
    for name, objects in PHOTOS.items():
        split = SPLITS[name]
        add(folder, photo.format(name=name, split=split), labels.format(name=name, split=split), objects)
    return write_files(folder, files)


def ultralytics(folder, yaml=ULTRALYTICS):
    pets(folder, "Ultralytics")
    write(folder / "data.yaml", yaml)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_with_splits(layout, tmp_path):
    folder = pets(tmp_path / "pets", layout)
    found = datasets.report(folder)
    assert list(found.problems) == []
    assert found.num_examples == {"train": 2, "validation": 1}
    assert found.class_names == ("cat", "dog")
    assert "YOLO layout" in found.understood
    example = examples(folder, tmp_path)["b.jpg"]
    np.testing.assert_allclose(in_pixels(example)[0], [CAT.box, DOG.box], atol=1e-4)
    assert example["objects"]["label"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("photo", "labels"),
    [
        ("images/{}.jpg", "labels/{}.txt"),
        ("{}.jpg", "{}.txt"),
        ("cats/{}.JPG", "cats/{}.txt"),
        ("Images/2024/{}.jpeg", "Labels/2024/{}.txt"),
        ("train/images/cam1/{}.jpg", "train/labels/cam1/{}.txt"),
    ],
)
def test_places_without_splits(photo, labels, tmp_path):
    folder = tmp_path / "pets"
    for number in range(10):
        add(folder, photo.format(number), labels.format(number), [CAT])
    write(folder / "classes.txt", "cat\ndog\n")
    found = datasets.report(folder)
    assert list(found.problems) == []
    splits = {"train": 10} if photo.startswith("train") else {"train": 7, "validation": 1, "test": 2}
    assert found.num_examples == splits
    assert found.class_names == ("cat",)
    assert "classes without an object left out: dog" in found.understood
    assert ("folders" if photo.startswith("train") else "hash") in found.understood


def polygon(drawn, points):
    xmin, ymin, xmax, ymax = drawn.box
    corners = [(xmin + (xmax - xmin) * x, ymin + (ymax - ymin) * y) for x, y in points]
    return " ".join([str(NAMES.index(drawn.label)), *(f"{x / SIZE[0]!r} {y / SIZE[1]!r}" for x, y in corners)])


LINES = {
    "box": lambda drawn: yolo_row(drawn, digits=17),
    "confidence": lambda drawn: f"{yolo_row(drawn, digits=17)} 0.87",
    "class as a float": lambda drawn: yolo_row(drawn, digits=17).replace("0 ", "0.0 ", 1),
    "polygon": lambda drawn: polygon(drawn, [(0, 0.2), (0.5, 0), (1, 0.4), (0.7, 1)]),
    "turned box": lambda drawn: polygon(drawn, [(0.25, 0), (1, 0.75), (0.75, 1), (0, 0.25)]),
    "keypoints": lambda drawn: f"{yolo_row(drawn, digits=17)} 0.5 0.5 2 0 0 0",
}


@pytest.mark.parametrize("kind", LINES)
def test_a_box_comes_back_to_the_pixel(kind, tmp_path):
    folder = tmp_path / "pets"
    draw(folder / "images/train/a.jpg", [CAT])
    write(folder / "labels/train/a.txt", LINES[kind](CAT))
    write(folder / "data.yaml", "train: images/train\nnames: [cat]\n" + "kpt_shape: [2, 3]\n" * (kind == "keypoints"))
    ((box,), image) = in_pixels(examples(folder, tmp_path)["a.jpg"])
    np.testing.assert_allclose(box, CAT.box, rtol=1e-6)
    assert red_box(image) == CAT.box


def test_photos_without_objects_are_no_fault(tmp_path):
    folder = ultralytics(tmp_path / "pets")
    draw(folder / "images/train/empty.jpg")
    write(folder / "labels/train/empty.txt", "\n")
    draw(folder / "images/train/none.jpg")
    found = datasets.report(folder)
    assert list(found.problems) == []
    assert "photos without objects left out (2)" in found.understood
    assert found.num_examples == {"train": 2, "validation": 1}


def test_what_is_left_unread_is_said(tmp_path):
    folder = pets(tmp_path / "pets", "Roboflow")
    write(
        folder / "train/labels/a.txt",
        f"{yolo_row(CAT)} 0.9\n{yolo_row(CAT)} 0.8\n{polygon(DOG, [(0, 0), (1, 0), (1, 1)])}\n",
    )
    draw(folder / "other/d.jpg")
    write(folder / "notes.json", "{}")
    understood = datasets.report(folder).understood
    for part in (
        "splits from data.yaml",
        "1 photos are in no split",
        "a sixth number (confidence) left unread (2)",
        "polygons read as the box around them (1)",
        "object that stands there twice, counted once (1)",
        "left unread: notes.json, README.roboflow.txt",
    ):
        assert part in understood
    assert len(examples(folder, tmp_path)["a.jpg"]["objects"]["label"]) == 2


def labels(text, **arguments):
    return lambda folder: write(folder / "labels/train/a.txt", text, **arguments)


LABELS, PHOTO = "labels/train/a.txt", "images/train/a.jpg"
BAD_LINE, NO_SHARES = "line that is no box", "numbers that are no shares of the photo"
FAULTS = {
    "class beyond the names": (labels("2 0.5 0.5 0.1 0.1"), LABELS, "unknown class", "class 2"),
    "class by name": (labels("cat 0.5 0.5 0.1 0.1"), LABELS, BAD_LINE, "'cat' is not a number"),
    "half a class": (labels("0.5 0.5 0.5 0.1 0.1"), LABELS, BAD_LINE, "no whole number"),
    "pixels": (labels("0 48 32 10 10"), LABELS, NO_SHARES, "looks like pixels"),
    "polygon in pixels": (labels("0 1 1 90 1 48 60"), LABELS, NO_SHARES, "looks like pixels"),
    "negative": (labels("0 -0.5 0.5 0.1 0.1"), LABELS, NO_SHARES, "-0.5 is not between 0 and 1"),
    "commas": (labels("0,0.5,0.5,0.1,0.1"), LABELS, BAD_LINE, "by blanks, not by commas"),
    "not a number": (labels("0 0.5 nan 0.1 0.1"), LABELS, BAD_LINE, "'nan' is not a finite number"),
    "infinite class": (labels("inf 0.5 0.5 0.1 0.1"), LABELS, BAD_LINE, "'inf' is not a finite number"),
    "too short": (labels("0 0.5 0.5 0.1"), LABELS, BAD_LINE, "4 numbers"),
    "two points": (labels("0 0.5 0.5 0.1 0.1 0.2 0.3 0.4"), LABELS, BAD_LINE, "8 numbers"),
    "second line bad": (labels(f"{yolo_row(CAT)}\n0 0.5 0.5"), LABELS, BAD_LINE, "line 2"),
    "encoding": (lambda folder: (folder / LABELS).write_bytes(b"0 0.5 \xff"), LABELS, "unexpected encoding", "UTF-8"),
    "labels without photo": (lambda folder: (folder / PHOTO).unlink(), LABELS, "missing image", "no photo"),
    "two label files": (
        lambda folder: write(folder / "images/train/a.txt", yolo_row(DOG)),
        "images/train/a.txt",
        "several images of the same name",
        LABELS,
    ),
    "no such test": (
        lambda folder: ultralytics(folder, (folder / "data.yaml").read_text() + "test: images/test\n"),
        "data.yaml",
        "listed, but there are no such files",
        "test: '../datasets/pets/images/test'",
    ),
    "other number of classes": (
        lambda folder: ultralytics(folder, (folder / "data.yaml").read_text() + "nc: 3\n"),
        "data.yaml",
        "fields that contradict",
        "nc is 3, and names has 2",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported_and_the_rest_is_used(fault, tmp_path):
    folder = ultralytics(tmp_path / "pets")
    break_folder, file, reason, detail = FAULTS[fault]
    break_folder(folder)
    (problem,) = datasets.report(folder).problems
    assert (problem.file, problem.reason) == (file, reason)
    assert detail in problem.detail
    used = {"train": 2, "validation": 1} if file == "data.yaml" else {"train": 1, "validation": 1}
    assert datasets.report(folder).num_examples == used


@pytest.mark.parametrize("arguments", [{"newline": "\r\n"}, {"encoding": "utf-8-sig"}, {"encoding": "utf-16"}])
def test_ends_of_lines_and_byte_order_marks(arguments, tmp_path):
    folder = ultralytics(tmp_path / "pets")
    write(folder / LABELS, f"{yolo_row(CAT)}\n{yolo_row(DOG)}\n", **arguments)
    assert list(datasets.report(folder).problems) == []
    assert len(examples(folder, tmp_path)["a.jpg"]["objects"]["label"]) == 2


SETTINGS = {
    "names: [cat": "data.yaml cannot be read",
    "just text": "holds no fields",
    "names: [yes, no]": "Put the name in quotes",
    "names: {one: cat}": "has the number 'one'",
    "names: [cat, '']": "data.yaml: the name of class 1 is empty",
    "names: [cat, dog]\ntrain: elsewhere/photos": "train is 'elsewhere/photos'",
    "names: [cat, dog]\ntrain: 5": "train is 5",
    "names: [cat, dog]\nkpt_shape: 17": "kpt_shape is 17",
    "train: images/train": "Write classes.txt",
}


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_that_cannot_be_used_say_why(text, tmp_path):
    folder = ultralytics(tmp_path / "pets", text)
    with pytest.raises(ValueError, match=SETTINGS[text]):
        datasets.report(folder)


def test_classes_without_names_can_be_passed(tmp_path):
    folder = pets(tmp_path / "pets", "folders of splits")
    (folder / "classes.txt").unlink()
    with pytest.raises(ValueError, match=r"pets: the labels hold numbers.*pass class_names"):
        datasets.report(folder)
    assert datasets.report(folder, class_names=["Lion", "wolf"]).class_names == ("lion", "wolf")
    # The folder that holds it is told apart by a data.yaml one level down.
    ultralytics(tmp_path / "pets")
    with pytest.raises(ValueError, match=r"did you mean .*pets"):
        datasets.report(tmp_path)


def test_files_of_names_that_differ_are_refused(tmp_path):
    folder = pets(tmp_path / "pets", "folders of splits")
    write(folder / "labels/classes.txt", "dog\ncat\n")
    with pytest.raises(ValueError, match=r"classes\.txt and labels/classes\.txt name other classes"):
        datasets.report(folder)


def label_studio(folder, notes, lines="dog\ncat\n"):
    """A photo of a cat, labelled as class 0."""
    add(folder, "images/a.jpg", "labels/a.txt", [CAT])
    write(folder / "classes.txt", lines)
    write(folder / "notes.json", notes if isinstance(notes, str) else json.dumps({"categories": notes, "info": {}}))
    return datasets.report(folder)


OWN_NUMBERS = [{"id": 1, "name": "dog"}, {"id": 0, "name": "Cat"}]


def test_numbers_of_ones_own_are_those_in_the_notes_of_label_studio(tmp_path):
    found = label_studio(tmp_path / "pets", OWN_NUMBERS)
    assert (list(found.problems), found.class_names) == ([], ("cat",))
    assert "classes from notes.json (other numbers than the lines of classes.txt)" in found.understood
    agreeing = label_studio(tmp_path / "agreeing", OWN_NUMBERS, "cat\ndog\n")
    assert "classes from notes.json;" in agreeing.understood
    gaps = label_studio(tmp_path / "gaps", [{"id": 7, "name": "dog"}, {"id": 0, "name": "cat"}])
    assert gaps.class_names == ("cat",)


def test_notes_and_lines_of_other_classes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"notes\.json and classes\.txt name other classes"):
        label_studio(tmp_path / "pets", OWN_NUMBERS, "dog\nwolf\n")
    label_studio(tmp_path / "two", OWN_NUMBERS)
    write(
        tmp_path / "two/more/notes.json",
        json.dumps({"categories": [{"id": 0, "name": "dog"}, {"id": 1, "name": "cat"}]}),
    )
    with pytest.raises(ValueError, match=r"more/notes\.json and notes\.json name other classes"):
        datasets.report(tmp_path / "two")


NOTES = {
    "empty": "",
    "list": "[]",
    "number": '{"categories": 3}',
    "texts": '{"categories": ["cat"]}',
    "no category": '{"categories": []}',
    "infinite": '{"categories": [{"id": Infinity, "name": "cat"}]}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("notes", NOTES)
def test_notes_on_something_else_are_left_unread(notes, tmp_path):
    found = label_studio(tmp_path / "pets", NOTES[notes])
    assert found.class_names == ("dog",)
    assert "classes from classes.txt;" in found.understood
    assert "left unread: notes.json" in found.understood


def test_lists_that_overlap(tmp_path):
    folder = pets(tmp_path / "pets", "lists")
    write(folder / "val.txt", "images/val/c.jpg\nimages/train/a.jpg\nimages/val/nowhere.jpg\n")
    found = datasets.report(folder)
    assert found.num_examples == {"train": 2, "validation": 1}
    assert sorted(found.counts) == ["listed twice", "listed, but there are no such files"]
    ultralytics(folder, "train: images\nval: images\nnames: [cat, dog]\n")
    found = datasets.report(folder)
    assert found.num_examples == {"train": 3}
    assert "validation is the same photos as train and left out" in found.understood
    assert "left unread: train.txt, val.txt" in found.understood


def test_labels_outside_of_all_splits_that_have_no_photo_are_reported(tmp_path):
    folder = ultralytics(tmp_path / "pets")
    write(folder / "labels/test/d.txt", yolo_row(CAT))
    assert [problem[:2] for problem in datasets.report(folder).problems] == [("labels/test/d.txt", "missing image")]


@pytest.mark.parametrize("value", range(1, 9))
def test_boxes_hold_for_the_photo_as_its_tag_turns_it(value, tmp_path):
    folder = tmp_path / "pets"
    even = Drawn("cat", (10, 12, 40, 52))  # A turned photo is saved with its colours at half the resolution.
    draw(folder / "a.jpg", [even], exif=orientation(value))
    with Image.open(folder / "a.jpg") as stored:
        seen = np.asarray(ImageOps.exif_transpose(stored))
    box, size = red_box(seen), seen.shape[1::-1]
    write(folder / "a.txt", yolo_row(Drawn("cat", box), size, digits=17))
    write(folder / "classes.txt", "cat\n")
    write(folder / "train.txt", "a.jpg\n")
    ((found,), image) = in_pixels(examples(folder, tmp_path)["a.jpg"])
    assert (image.shape, red_box(image)) == (seen.shape, box)
    np.testing.assert_allclose(found, box, rtol=1e-6)
    write(folder / "a.txt", "0 0.99 0.5 0.2 0.2\n")
    (problem,) = datasets.report(folder).problems
    assert f"in an image of {size[0]} x {size[1]} pixels" in problem.detail


def test_other_texts_are_not_taken_for_it(tmp_path):
    draw(tmp_path / "captions/a.jpg")
    write(tmp_path / "captions/a.txt", "a cat on 5 chairs, seen from above")
    write(tmp_path / "captions/numbers.txt", "1 2 3 4 5")
    write(tmp_path / "captions/settings.yaml", "version: 3")
    write(tmp_path / "labels_only/labels/a.txt", yolo_row(CAT))
    for name in ("captions", "labels_only"):
        assert not YoloFolder.recognizes(tmp_path / name)
