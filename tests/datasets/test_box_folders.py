"""What is the same for folders in VOC, YOLO and COCO layout: boxes, classes, faults, reports, preparing once."""

import errno
import os
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers.folders import Drawn
from helpers.layouts import CAT, DOG, Pets, draw, examples, in_pixels, orientation, red_box
from PIL import Image, ImageOps

from clsloc_utils import datasets
from clsloc_utils.datasets import box_folder, folders
from clsloc_utils.datasets.coco_folder import CocoFolder
from clsloc_utils.datasets.voc_folder import VocFolder
from clsloc_utils.datasets.yolo_folder import YoloFolder

BUILDERS = {"voc": VocFolder, "yolo": YoloFolder, "coco": CocoFolder}
INVERTED = Drawn("cat", (41, 12, 10, 51))


@pytest.fixture(params=BUILDERS)
def pets(request, tmp_path):
    return Pets(tmp_path / "pets", request.param)


@pytest.fixture
def count_scans(monkeypatch):
    """A list with an entry for each folder that was read."""
    scans, read_all = [], box_folder.read_all
    monkeypatch.setattr(box_folder, "read_all", lambda *given: scans.append(given[0]) or read_all(*given))
    return scans


def test_boxes_classes_and_splits(pets, tmp_path):
    found = datasets.report(pets.folder)
    assert (list(found.problems), list(found.remarks)) == ([], [])
    assert found.num_examples == {"train": 2, "validation": 1}
    assert found.class_names == ("cat", "dog")
    example = examples(pets.folder, tmp_path, strict=True)["b.jpg"]
    np.testing.assert_allclose(in_pixels(example)[0], [CAT.box, DOG.box], rtol=1e-5)
    assert example["objects"]["label"].tolist() == example["labels"].tolist() == [0, 1]
    assert example["image"] == pets.photo("b").read_bytes()
    info = datasets.info(pets.folder, data_dir=tmp_path / "data")
    assert (info.task, info.class_names, info.splits) == ("boxes", found.class_names, found.num_examples)


def test_each_folder_is_of_one_layout(pets, tmp_path):
    assert [name for name in BUILDERS if BUILDERS[name].recognizes(pets.folder)] == [pets.layout]
    builder = BUILDERS[pets.layout]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=f"no photos with boxes that {builder.__name__} reads"):
        builder.check(tmp_path / "empty")
    with pytest.raises(ValueError, match="There is no folder"):
        builder.check(tmp_path / "nowhere")


def test_given_classes_fix_the_labels(pets, tmp_path):
    example = examples(pets.folder, tmp_path, class_names=["DOG", "bird", "cat"])["b.jpg"]
    assert example["objects"]["label"].tolist() == [2, 0]
    assert datasets.report(pets.folder, class_names=["cat"]).counts == {"unknown class": 2}


# A box of `a`, and its fault.
BOXES = {
    "right of the image": ((10, 12, 98, 50), "box outside the image"),
    "above the image": ((10, -2, 40, 50), "box outside the image"),
    "inverted": (INVERTED.box, "inverted box"),
    "empty": ((10, 12, 10, 50), "empty box"),
    "empty once it is cut": ((96, 12, 96.5, 50), "empty box"),
}


@pytest.mark.parametrize("fault", BOXES)
def test_a_bad_box_leaves_its_photo_out(pets, fault):
    box, reason = BOXES[fault]
    if (pets.layout, fault) == ("yolo", "inverted"):
        reason = "numbers that are no shares of the photo"  # its width is below zero
    pets.annotate(a=[CAT, Drawn("cat", box)])
    found = datasets.report(pets.folder)
    (problem,) = found.problems
    file = pets.photo("a") if pets.layout == "coco" else pets.annotation("a")
    assert (problem.file, problem.reason) == (file.relative_to(pets.folder).as_posix(), reason)
    place = {"voc": "object 2: ", "yolo": "line 2: ", "coco": "train.json: annotation 1: "}[pets.layout]
    assert problem.detail.startswith(place)
    assert found.num_examples == {"train": 1, "validation": 1}
    assert str(found).count(problem.file) == 1


def cut(share):
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def cut_other(image_format):
    return lambda path: (Image.open(path).convert("RGB").save(path, image_format), cut(0.9)(path))


def heic(path):
    path.write_bytes(b"\0\0\0\x24ftypheic\0\0\0\0mif1MiHEheic" + bytes(range(200)))


UNREADABLE = {
    "empty": (cut(0), "the file is empty"),
    "cut": (cut(0.9), "its data end early"),
    "cut PNG": (cut_other("PNG"), ""),
    "cut TIFF": (cut_other("TIFF"), ""),
    "noise": (lambda path: path.write_bytes(b"no image"), "it is no image"),
    "HEIC of a phone": (heic, "HEIC photo, whatever its name says; save it as JPEG"),
    "PostScript": (lambda path: Image.new("RGB", (96, 64)).save(path, "EPS"), "it is a EPS file; save it as JPEG"),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_an_unreadable_photo_is_left_out(pets, fault):
    spoil, words = UNREADABLE[fault]
    spoil(pets.photo("a"))
    (problem,) = datasets.report(pets.folder).problems
    assert (problem.file, problem.reason) == (pets.photo("a").relative_to(pets.folder).as_posix(), "unreadable photo")
    assert words in problem.detail


def test_files_that_lack_or_are_there_twice(pets):
    shutil.copy(pets.photo("b"), pets.photo("b").with_suffix(".jpeg"))
    pets.photo("a").unlink()
    found = datasets.report(pets.folder)
    # A JSON names the one of the two that it means.
    twice = {} if pets.layout == "coco" else {"several images of the same name": 1}
    assert found.counts == {"missing image": 1, **twice}
    (missing,) = [problem for problem in found.problems if problem.reason == "missing image"]
    assert Path(missing.file).stem == "a"


@pytest.mark.parametrize("kind", ["photo", "annotation"])
def test_a_file_that_cannot_be_read_is_named(pets, kind, monkeypatch):
    path = getattr(pets, kind)("a")
    read_bytes = Path.read_bytes

    def refuse(file):
        if file == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return read_bytes(file)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    if (pets.layout, kind) == ("coco", "annotation"):
        with pytest.raises(ValueError, match=r"train\.json cannot be read \(unreadable file: .*Mend it"):
            datasets.report(pets.folder)
    else:
        (problem,) = datasets.report(pets.folder).problems
        name = path.relative_to(pets.folder).as_posix()
        assert problem == (name, "unreadable file", os.strerror(errno.EACCES))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("layout", ["voc", "yolo"])  # JSON is text
def test_a_name_that_is_no_text_is_reported_and_the_rest_is_used(layout, tmp_path):
    pets = Pets(tmp_path / "pets", layout)
    shutil.rmtree(pets.folder / "ImageSets", ignore_errors=True)  # Without lists every photo is looked at.
    for path in (pets.photo("a"), pets.annotation("a")):
        path.rename(path.with_stem(os.fsdecode(b"caf\xe9")))
    with pytest.warns(UserWarning, match=r"caf\\udce9.*rename"):
        datasets.load(pets.folder, "train", data_dir=tmp_path / "data")
    (pets.folder / os.fsdecode(b"caf\xe9.pdf")).write_text("not read")
    found = datasets.report(pets.folder)
    assert "caf\\udce9.pdf" in found.understood
    assert sum(found.num_examples.values()) == 2


def test_an_object_that_stands_there_twice_counts_once_with_a_remark(pets, tmp_path):
    pets.annotate(a=[CAT, DOG, CAT])
    found = datasets.report(pets.folder)
    assert list(found.problems) == []
    ((file, reason, detail),) = found.remarks
    assert reason == "object that stands there twice, counted once"
    assert detail.endswith(": cat")
    assert f"{reason} (1)" in found.understood
    assert f"{file}: {detail}" in str(found)
    assert examples(pets.folder, tmp_path, strict=True)["a.jpg"]["objects"]["label"].tolist() == [0, 1]
    builder = BUILDERS[pets.layout](pets.folder, data_dir=tmp_path / "data")
    assert builder.report == found


def test_a_side_may_lie_a_pixel_outside_and_is_moved_onto_the_border(pets, tmp_path):
    outside = (-0.4, -0.3, 96.4, 64.3) if pets.layout == "yolo" else (-1, -0.5, 97, 65)  # shares have their own border
    pets.annotate(a=[Drawn("cat", outside)])
    assert examples(pets.folder, tmp_path, strict=True)["a.jpg"]["objects"]["bbox"].tolist() == [[0.0, 0.0, 1.0, 1.0]]


# How viewers turn the photo, the size that the annotation gives, and whether boxes hold for the turned photo.
TURNS = [(6, (64, 96), True), (6, (96, 64), False), (1, (96, 64), False), (8, None, None), (3, (96, 64), None)]


@pytest.mark.parametrize(("value", "size", "is_turned"), TURNS)
@pytest.mark.parametrize("layout", ["voc", "coco"])  # YOLO gives no size
def test_the_size_tells_whether_a_photo_is_turned(layout, value, size, is_turned, tmp_path):
    pets = Pets(tmp_path / "pets", layout)
    draw(pets.photo("a"), [Drawn("cat", (10, 12, 40, 52))], exif=orientation(value))
    with Image.open(pets.photo("a")) as stored:
        box = red_box(np.asarray(ImageOps.exif_transpose(stored) if is_turned else stored))
    pets.annotate(size, a=[Drawn("cat", box)])
    if is_turned is None:
        (problem,) = datasets.report(pets.folder).problems
        assert (problem.file, problem.reason) == (
            pets.photo("a").relative_to(pets.folder).as_posix(),
            "unclear orientation",
        )
    else:
        ((found,), image) = in_pixels(examples(pets.folder, tmp_path, strict=True)["a.jpg"])
        np.testing.assert_allclose(found, box, rtol=1e-6)
        assert red_box(image) == box


@pytest.mark.parametrize("layout", ["voc", "coco"])
def test_a_size_of_another_photo_is_a_fault(layout, tmp_path):
    pets = Pets(tmp_path / "pets", layout)
    pets.annotate((640, 480))
    (problem,) = datasets.report(pets.folder).problems
    assert problem.reason == "wrong size in the annotation"
    assert problem.detail == "640 x 480 pixels, the photo is 96 x 64 pixels"


# Reports.


def test_bad_photos_are_left_out_with_a_warning_and_strict_raises_the_same(pets, tmp_path):
    pets.annotate(a=[Drawn("cat", (10, 12, 10, 50))])
    expected = str(datasets.report(pets.folder))
    for _ in range(2):  # the second time it is prepared
        with pytest.raises(ValueError, match="empty box") as raised:
            datasets.load(pets.folder, "train", data_dir=tmp_path / "data", strict=True)
        assert expected in str(raised.value)
        with pytest.warns(UserWarning, match="empty box") as caught:
            found = datasets.load(pets.folder, "train", data_dir=tmp_path / "data")
        assert (str(caught[0].message), caught[0].filename) == (expected, __file__)
        assert [example["image/filename"] for example in found.as_numpy_iterator()] == [b"b.jpg"]


def test_long_reports_are_cut_but_problems_are_complete(voc_writer):
    for number in range(30):
        voc_writer.add(f"bad_{number:02d}", [CAT])
        voc_writer.annotate(f"bad_{number:02d}", [INVERTED])
    found = datasets.report(voc_writer.folder)
    assert len(found.problems) == found.counts["inverted box"] == 30
    assert str(found).count("Annotations/bad") == folders.PROBLEMS_SHOWN_PER_REASON
    assert "and 10 more" in str(found)


def test_without_a_usable_photo_the_report_is_the_error(pets, tmp_path):
    bad = [Drawn("cat", (10, 12, 10, 50))]
    pets.annotate(a=bad, b=bad, c=bad)
    with pytest.raises(ValueError, match=r"No usable image(.|\n)*empty box"):
        datasets.load(pets.folder, "train", data_dir=tmp_path / "data")
    pets.annotate(a=bad, b=bad)
    with pytest.raises(ValueError, match=r"None of the images for training(.|\n)*empty box"):
        datasets.load(pets.folder, "train", data_dir=tmp_path / "data")


# Preparing, once.


def test_prepared_data_is_used_again_until_a_file_changes(pets, tmp_path, count_scans):
    def label():
        return examples(pets.folder, tmp_path)["a.jpg"]["labels"].tolist()

    assert (label(), label(), len(count_scans)) == ([0], [0], 1)
    fingerprint = datasets.info(pets.folder, data_dir=tmp_path / "data").fingerprint
    pets.annotate(a=[Drawn("dog", CAT.box)])
    assert (label(), len(count_scans)) == ([1], 2)
    assert datasets.info(pets.folder, data_dir=tmp_path / "data").fingerprint != fingerprint
    status = pets.photo("b").stat()
    os.utime(pets.photo("b"), (1, 1))
    assert (label(), len(count_scans)) == ([1], 3)
    os.utime(pets.photo("b"), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (label(), len(count_scans)) == ([1], 3)


def test_an_interrupted_preparation_is_not_taken_for_done(pets, tmp_path, monkeypatch):
    example = box_folder.AnnotatedImage.example

    def fail_late(self):
        if self.path.name == "b.jpg":
            raise KeyboardInterrupt
        return example(self)

    with monkeypatch.context() as patch:
        patch.setattr(box_folder.AnnotatedImage, "example", fail_late)
        with pytest.raises(KeyboardInterrupt):
            examples(pets.folder, tmp_path)
    assert len(examples(pets.folder, tmp_path)) == 2


def test_several_at_once_prepare_once(pets, tmp_path, count_scans):
    results = []
    threads = [threading.Thread(target=lambda: results.append(examples(pets.folder, tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(count_scans) == 1
    assert [len(result) for result in results] == [2, 2, 2]


@pytest.mark.parametrize("long", [1000, 3])
def test_only_a_large_folder_shows_bars(pets, long, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(folders, "IMAGES_THAT_TAKE_LONG", long)
    draw(pets.photo("a").with_stem("d"), [CAT])
    datasets.load(pets.folder, "train", data_dir=tmp_path / "data")
    output = capfd.readouterr().out
    assert (output == "") == (long == 1000)
    assert ("Checking pets: 100%" in output) == (long == 3)
    assert "ownload" not in output


def test_as_an_ordinary_tfds_builder(pets, tmp_path):
    builder = BUILDERS[pets.layout](pets.folder, data_dir=tmp_path / "data")
    builder.download_and_prepare()
    assert [example["image"].shape for example in builder.as_dataset(split="validation")] == [(64, 96, 3)]
    assert builder.report.num_examples == {"train": 2, "validation": 1}
