"""The builder of a folder in VOC layout: its XML, its lists."""

import io
import os
import warnings

import numpy as np
import pytest
from helpers.folders import Drawn
from helpers.layouts import examples
from PIL import Image

from clsloc_utils import datasets
from clsloc_utils.datasets.voc_folder import VocFolder

GOOD = [Drawn("cat", (10, 12, 40, 50))]
INVERTED = [Drawn("cat", (40, 12, 10, 50))]
BAD_NAME = "bad"


@pytest.fixture
def writer(voc_writer):
    """Six good photos, and `bad`, which is good until a test breaks it; all in train.txt, two good ones in val.txt."""
    for number in range(6):
        voc_writer.add(f"good_{number}", GOOD)
    voc_writer.add(BAD_NAME, GOOD)
    voc_writer.list("train.txt", ["good_0", "good_1", BAD_NAME, "good_2", "good_3"])
    voc_writer.list("val.txt", ["good_4", "good_5"])
    return voc_writer


IMAGE, XML = f"JPEGImages/{BAD_NAME}.jpg", f"Annotations/{BAD_NAME}.xml"


def test_of_a_photo_and_its_annotation_either_may_lack_or_both(writer):
    image, annotation = writer.image_path(BAD_NAME), writer.annotation_path(BAD_NAME)
    for path, expected in ((annotation, (XML, "missing annotation")), (image, (IMAGE, "missing image"))):
        content = path.read_bytes()
        path.unlink()
        (problem,) = VocFolder.check(writer.folder).problems
        assert (problem.file, problem.reason) == expected
        path.write_bytes(content)
    image.unlink()
    annotation.unlink()
    (problem,) = VocFolder.check(writer.folder).problems
    assert (problem.file, problem.reason) == (BAD_NAME, "listed, but there are no such files")


def test_several_faults_of_one_annotation_are_all_listed(writer):
    writer.annotate(BAD_NAME, [*INVERTED, Drawn("unicorn", (1, 1, 5, 5)), *GOOD])
    found = VocFolder.check(writer.folder, class_names=["cat"])
    assert sorted(problem.reason for problem in found.problems) == ["inverted box", "unknown class"]
    assert {problem.detail.split(":")[0] for problem in found.problems} == {"object 1", "object 2"}


# Boxes, names and the other fields.


def test_fields_are_what_the_xml_says(voc_writer, tmp_path):
    objects = [
        Drawn("Dog", (12, 8, 48, 60), is_truncated=True, pose="Left"),
        Drawn("cat", (24, 16, 96, 64), is_difficult=True, pose="Upside-down"),
    ]
    voc_writer.add("photo", objects)
    example = examples(voc_writer.folder, tmp_path)["photo.jpg"]
    np.testing.assert_allclose(
        example["objects"]["bbox"], [[8 / 64, 12 / 96, 60 / 64, 48 / 96], [16 / 64, 24 / 96, 1, 1]], rtol=1e-6
    )
    assert datasets.info(voc_writer.folder, data_dir=tmp_path / "data").class_names == ("cat", "dog")
    assert example["objects"]["label"].tolist() == [1, 0]
    assert example["objects"]["pose"].tolist() == [2, 4]
    assert example["objects"]["is_truncated"].tolist() == [True, False]
    assert example["objects"]["is_difficult"].tolist() == [False, True]
    assert example["labels"].tolist() == [0, 1]
    assert example["labels_no_difficult"].tolist() == [1]
    assert example["image"] == voc_writer.image_path("photo").read_bytes()


def test_damaged_exif_does_not_stop_the_report(writer):
    buffer = io.BytesIO()
    Image.new("RGB", (96, 64)).save(buffer, "JPEG", exif=b"Exif\0\0garbage instead of a TIFF header")
    writer.image_path(BAD_NAME).write_bytes(buffer.getvalue())
    assert VocFolder.check(writer.folder).num_examples["validation"] == 2


# Splits.


def test_trainval_stands_in_where_both_lists_are_missing(writer, tmp_path):
    writer.list("trainval.txt", ["good_0", "good_1", "good_2"])
    writer.list("test.txt", ["good_4"])
    (writer.folder / "ImageSets/Main/train.txt").unlink()
    assert VocFolder.check(writer.folder).num_examples == {"validation": 2}  # good_4 is in two lists
    (writer.folder / "ImageSets/Main/val.txt").unlink()
    assert VocFolder.check(writer.folder).num_examples == {"train": 3, "test": 1}
    info = datasets.info(writer.folder, data_dir=tmp_path / "data")
    assert (info.train_split, info.validation_split, info.test_split) == ("train[:85%]", "train[85%:]", "test")


def test_without_lists_the_photos_are_cut_by_a_hash_of_their_names(voc_writer, tmp_path):
    for number in range(20):
        voc_writer.add(f"photo_{number:02d}", GOOD)
    assert VocFolder.check(voc_writer.folder).num_examples == {"train": 14, "validation": 3, "test": 3}
    first = {split: set(examples(voc_writer.folder, tmp_path, split)) for split in ("train", "validation", "test")}
    assert len(set.union(*first.values())) == 20
    assert first["train"] != {f"photo_{number:02d}.jpg" for number in range(14)}
    os.utime(voc_writer.image_path("photo_00"), (1, 1))
    assert {split: set(examples(voc_writer.folder, tmp_path, split)) for split in first} == first


def test_a_name_in_two_lists_counts_once(writer):
    writer.list("val.txt", ["good_0", "good_4", "good_4"])
    found = VocFolder.check(writer.folder)
    assert found.num_examples == {"train": 5, "validation": 1}
    assert [(problem.file, problem.reason) for problem in found.problems] == [
        ("good_0", "listed twice"),
        ("good_4", "listed twice"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_lists_with_a_byte_order_mark(writer, encoding):
    (writer.folder / "ImageSets/Main/val.txt").write_bytes("good_4\r\ngood_5\r\n".encode(encoding))
    assert VocFolder.check(writer.folder).num_examples == {"train": 5, "validation": 2}


def test_a_list_in_an_unexpected_encoding_is_reported(writer):
    (writer.folder / "ImageSets/Main/val.txt").write_bytes("good_4\nété\n".encode("latin-1"))
    found = VocFolder.check(writer.folder)
    assert [(problem.file, problem.reason) for problem in found.problems] == [
        ("ImageSets/Main/val.txt", "unexpected encoding")
    ]
    assert found.num_examples == {"train": 5}


@pytest.mark.parametrize(("stored", "listed"), [("e\u0301t", "\u00e9t"), ("\u00e9t", "e\u0301t")])
def test_names_with_accents_are_found_however_they_are_stored(voc_writer, stored, listed):
    voc_writer.add(stored, GOOD)
    voc_writer.list("train.txt", [listed])
    found = VocFolder.check(voc_writer.folder)
    assert found.num_examples == {"train": 1}
    assert not found.problems


def test_real_photos(real_data, data_dir):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info = datasets.info(real_data / "wildlife_voc", data_dir=data_dir, strict=True)
    assert info.class_names == ("buffalo", "elephant", "rhino", "zebra")
    assert info.splits == {"train": 653, "validation": 163}
    assert (info.train_split, info.validation_split, info.test_split) == ("train[:85%]", "train[85%:]", "validation")
