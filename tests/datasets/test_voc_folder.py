"""The builder of a folder in VOC layout: what it reads, what it reports, when it prepares anew."""

import errno
import io
import os
import shutil
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers.folders import Drawn
from PIL import Image

from clsloc_utils import datasets
from clsloc_utils.datasets import folders
from clsloc_utils.datasets import voc_folder as module
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


def replace_in_xml(writer, old, new):
    path = writer.annotation_path(BAD_NAME)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def cut_jpeg(writer, share):
    data = writer.image_path(BAD_NAME).read_bytes()
    writer.image_path(BAD_NAME).write_bytes(data[: int(share * len(data))])


def save_jpeg(writer, size, **arguments):
    Image.effect_noise(size, 60).convert("RGB").save(writer.image_path(BAD_NAME), **arguments)


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


IMAGE, XML = f"JPEGImages/{BAD_NAME}.jpg", f"Annotations/{BAD_NAME}.xml"
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<annotation><filename>&b;</filename></annotation>"
)
EXTERNAL_ENTITY = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    "<annotation><filename>&a;</filename></annotation>"
)
FAULTS = {
    "missing image": (lambda w: w.image_path(BAD_NAME).unlink(), IMAGE, "missing image"),
    "missing annotation": (lambda w: w.annotation_path(BAD_NAME).unlink(), XML, "missing annotation"),
    "no files": (
        lambda w: (w.image_path(BAD_NAME).unlink(), w.annotation_path(BAD_NAME).unlink()),
        BAD_NAME,
        "listed, but there are no such files",
    ),
    "two images": (
        lambda w: shutil.copy(w.image_path(BAD_NAME), w.image_path(BAD_NAME).with_suffix(".jpeg")),
        f"JPEGImages/{BAD_NAME}.jpeg",
        "several images of the same name",
    ),
    "not XML": (lambda w: w.annotation_path(BAD_NAME).write_text("<annotation><size>"), XML, "malformed XML"),
    "empty XML": (lambda w: w.annotation_path(BAD_NAME).write_text(""), XML, "malformed XML"),
    "wrong XML encoding": (
        lambda w: w.annotation_path(BAD_NAME).write_bytes("<annotation>é</annotation>".encode("latin-1")),
        XML,
        "malformed XML",
    ),
    "unknown XML encoding": (
        lambda w: w.annotation_path(BAD_NAME).write_text('<?xml version="1.0" encoding="klingon"?><annotation/>'),
        XML,
        "malformed XML",
    ),
    "entity expansion": (lambda w: w.annotation_path(BAD_NAME).write_text(BILLION_LAUGHS), XML, "malformed XML"),
    "external entity": (lambda w: w.annotation_path(BAD_NAME).write_text(EXTERNAL_ENTITY), XML, "malformed XML"),
    "box right of the image": (
        lambda w: w.annotate(BAD_NAME, [Drawn("cat", (10, 12, 98, 50))]),
        XML,
        "box outside the image",
    ),
    "box above the image": (
        lambda w: w.annotate(BAD_NAME, [Drawn("cat", (10, -2, 40, 50))]),
        XML,
        "box outside the image",
    ),
    "inverted box": (lambda w: w.annotate(BAD_NAME, INVERTED), XML, "inverted box"),
    "empty box": (lambda w: w.annotate(BAD_NAME, [Drawn("cat", (10, 12, 10, 50))]), XML, "empty box"),
    "box empty once clipped": (lambda w: w.annotate(BAD_NAME, [Drawn("cat", (96, 12, 97, 50))]), XML, "empty box"),
    "second object bad": (
        lambda w: w.annotate(BAD_NAME, [*GOOD, *INVERTED]),
        XML,
        "inverted box",
    ),
    "unknown class": (lambda w: w.annotate(BAD_NAME, [Drawn("unicorn", (10, 12, 40, 50))]), XML, "unknown class"),
    "wrong size": (lambda w: w.annotate(BAD_NAME, GOOD, (640, 480)), XML, "wrong size in the XML"),
    "no objects": (lambda w: w.annotate(BAD_NAME, []), XML, "no objects"),
    "no box": (lambda w: replace_in_xml(w, "bndbox", "box"), XML, "missing or unreadable field"),
    "no corner": (lambda w: replace_in_xml(w, "ymax", "bottom"), XML, "missing or unreadable field"),
    "corner is no number": (lambda w: replace_in_xml(w, ">40<", ">forty<"), XML, "missing or unreadable field"),
    "corner is not finite": (lambda w: replace_in_xml(w, ">40<", ">nan<"), XML, "missing or unreadable field"),
    "no class": (lambda w: replace_in_xml(w, ">cat<", "> <"), XML, "missing or unreadable field"),
    "empty JPEG": (lambda w: cut_jpeg(w, 0), IMAGE, "unreadable photo"),
    "cut JPEG": (lambda w: cut_jpeg(w, 0.9), IMAGE, "unreadable photo"),
    "noise": (lambda w: w.image_path(BAD_NAME).write_bytes(b"no image"), IMAGE, "unreadable photo"),
    "HEIC": (lambda w: w.image_path(BAD_NAME).write_bytes(b"\0\0\0\x18ftypheic\0\0"), IMAGE, "unreadable photo"),
    "cut PNG": (
        lambda w: (save_jpeg(w, (96, 64), format="PNG"), cut_jpeg(w, 0.9)),
        IMAGE,
        "unreadable photo",
    ),
    "cut TIFF": (
        lambda w: (save_jpeg(w, (96, 64), format="TIFF"), cut_jpeg(w, 0.9)),
        IMAGE,
        "unreadable photo",
    ),
    "PostScript": (lambda w: save_jpeg(w, (96, 64), format="EPS"), IMAGE, "unreadable photo"),
    "upside down": (lambda w: save_jpeg(w, (96, 64), exif=orientation(3)), IMAGE, "unclear orientation"),
    "square on its side": (
        lambda w: (save_jpeg(w, (64, 64), exif=orientation(6)), w.annotate(BAD_NAME, GOOD, (64, 64))),
        IMAGE,
        "unclear orientation",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_reported_and_the_rest_is_used(writer, fault):
    break_folder, file, reason = FAULTS[fault]
    break_folder(writer)
    found = VocFolder.check(writer.folder, class_names=["cat"])
    assert [(problem.file, problem.reason) for problem in found.problems] == [(file, reason)]
    assert found.counts == {reason: 1}
    assert file in str(found)
    assert reason in str(found)
    assert found.num_examples == {"train": 4, "validation": 2}


def test_a_good_folder_has_no_problems(writer):
    found = VocFolder.check(writer.folder)
    assert list(found.problems) == []
    assert found.num_examples == {"train": 5, "validation": 2}
    assert found.class_names == ("cat",)


def test_bad_images_are_left_out_with_a_warning_and_strict_raises_the_same(writer, tmp_path):
    FAULTS["inverted box"][0](writer)
    expected_text = str(VocFolder.check(writer.folder))
    with pytest.raises(ValueError, match="inverted box") as raised:
        datasets.load(writer.folder, "train", data_dir=tmp_path / "data", strict=True)
    assert expected_text in str(raised.value)
    with pytest.warns(UserWarning, match="inverted box") as caught:
        examples = datasets.load(writer.folder, "train", data_dir=tmp_path / "data")
    assert expected_text == str(caught[0].message)
    assert caught[0].filename == __file__
    names = {example["image/filename"].decode() for example in examples.as_numpy_iterator()}
    assert names == {f"good_{number}.jpg" for number in range(4)}
    with pytest.raises(ValueError, match="inverted box"):  # prepared by now, and still
        datasets.load(writer.folder, "train", data_dir=tmp_path / "data", strict=True)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_reported_and_the_rest_is_used(writer, tmp_path):
    shutil.rmtree(writer.folder / "ImageSets")  # Without lists every photo is looked at.
    for path in (writer.image_path(BAD_NAME), writer.annotation_path(BAD_NAME)):
        path.rename(path.with_stem(os.fsdecode(b"caf\xe9")))
    with pytest.warns(UserWarning, match=r"caf\\udce9.*rename"):
        datasets.load(writer.folder, "train", data_dir=tmp_path / "data")
    (writer.folder / os.fsdecode(b"caf\xe9.txt")).write_text("not read")
    found = VocFolder.check(writer.folder)
    assert "caf\\udce9.txt" in found.understood
    assert sum(found.num_examples.values()) == 6
    assert "caf\\udce9" in [problem.file for problem in found.problems]


@pytest.mark.parametrize("broken", ["image_path", "annotation_path"])
def test_a_file_that_cannot_be_read_is_reported_and_the_rest_is_used(writer, broken, monkeypatch):
    path = getattr(writer, broken)(BAD_NAME)
    read_bytes = Path.read_bytes

    def refuse(file):
        if file == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return read_bytes(file)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (problem,) = VocFolder.check(writer.folder).problems
    assert (problem.file, problem.reason) == (path.relative_to(writer.folder).as_posix(), "unreadable file")
    assert problem.detail == os.strerror(errno.EACCES)


def test_several_faults_of_one_annotation_are_all_listed(writer):
    writer.annotate(BAD_NAME, [*INVERTED, Drawn("unicorn", (1, 1, 5, 5)), *GOOD])
    found = VocFolder.check(writer.folder, class_names=["cat"])
    assert sorted(problem.reason for problem in found.problems) == ["inverted box", "unknown class"]
    assert {problem.detail.split(":")[0] for problem in found.problems} == {"object 1", "object 2"}


def test_long_reports_are_cut_but_problems_are_complete(voc_writer):
    for number in range(30):
        voc_writer.add(f"bad_{number:02d}", GOOD)
        voc_writer.annotate(f"bad_{number:02d}", INVERTED)
    found = VocFolder.check(voc_writer.folder)
    assert len(found.problems) == found.counts["inverted box"] == 30
    assert str(found).count("Annotations/bad") == folders.PROBLEMS_SHOWN_PER_REASON
    assert "and 10 more" in str(found)


def test_a_folder_without_a_usable_image_says_what_is_wrong(voc_writer, tmp_path):
    voc_writer.add(BAD_NAME, GOOD)
    voc_writer.annotate(BAD_NAME, INVERTED)
    with pytest.raises(ValueError, match=r"No usable image(.|\n)*inverted box"):
        datasets.load(voc_writer.folder, "train", data_dir=tmp_path / "data")


# Boxes, names and the other fields.


def loaded(folder, tmp_path, split="train", **arguments):
    examples = datasets.load(folder, split, data_dir=tmp_path / "data", **arguments)
    return {example["image/filename"].decode(): example for example in examples.as_numpy_iterator()}


def test_fields_are_what_the_xml_says(voc_writer, tmp_path):
    objects = [
        Drawn("Dog", (12, 8, 48, 60), is_truncated=True, pose="Left"),
        Drawn("cat", (24, 16, 96, 64), is_difficult=True, pose="Upside-down"),
    ]
    voc_writer.add("photo", objects)
    example = loaded(voc_writer.folder, tmp_path)["photo.jpg"]
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


def test_a_side_may_lie_a_pixel_outside_and_is_moved_onto_the_border(voc_writer, tmp_path):
    voc_writer.add("photo", GOOD)
    voc_writer.annotate("photo", [Drawn("cat", (-1, -0.5, 97, 65))])
    assert list(VocFolder.check(voc_writer.folder).problems) == []
    example = loaded(voc_writer.folder, tmp_path)["photo.jpg"]
    assert example["objects"]["bbox"].tolist() == [[0.0, 0.0, 1.0, 1.0]]


def test_optional_fields_may_be_missing(writer, tmp_path):
    for field in ("pose", "truncated", "difficult"):
        replace_in_xml(writer, field, f"no_{field}")
    replace_in_xml(writer, "<size>", "<no_size>")
    replace_in_xml(writer, "</size>", "</no_size>")
    objects = loaded(writer.folder, tmp_path)[f"{BAD_NAME}.jpg"]["objects"]
    assert objects["pose"].tolist() == [4]
    assert not objects["is_truncated"].any()
    assert not objects["is_difficult"].any()
    np.testing.assert_allclose(objects["bbox"], [[12 / 64, 10 / 96, 50 / 64, 40 / 96]], rtol=1e-6)


@pytest.mark.parametrize("suffix", [".jpeg", ".JPG", ".JPEG"])
def test_all_jpeg_suffixes(writer, tmp_path, suffix):
    path = writer.image_path(BAD_NAME)
    path.rename(path.with_suffix(suffix))
    assert f"{BAD_NAME}{suffix}" in loaded(writer.folder, tmp_path)


def test_given_class_names_fix_the_labels(voc_writer, tmp_path):
    voc_writer.add("photo", [Drawn("cat", (1, 1, 20, 20)), Drawn("dog", (1, 1, 20, 20))])
    example = loaded(voc_writer.folder, tmp_path, class_names=["Dog", "bird", "cat"])["photo.jpg"]
    assert example["objects"]["label"].tolist() == [2, 0]
    assert loaded(voc_writer.folder, tmp_path)["photo.jpg"]["objects"]["label"].tolist() == [0, 1]


def test_a_photo_whose_boxes_follow_its_exif_orientation_is_stored_turned(voc_writer, tmp_path):
    # Stored lying, 96 x 64, with a tag that makes viewers turn it by 90 degrees; annotated as viewers show it.
    upright = Image.new("RGB", (64, 96), (128, 128, 128))
    upright.paste((220, 30, 30), (8, 10, 24, 40))
    upright.transpose(Image.Transpose.ROTATE_90).save(
        voc_writer.image_path("photo"), quality=95, subsampling=0, exif=orientation(6)
    )
    voc_writer.annotate("photo", [Drawn("cat", (8, 10, 24, 40))], (64, 96))
    example = loaded(voc_writer.folder, tmp_path)["photo.jpg"]
    image = tfds.features.Image().decode_example(example["image"]).numpy()
    assert image.shape == (96, 64, 3)
    rows, columns = np.nonzero(image[..., 0] > 180)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (8, 10, 24, 40)
    np.testing.assert_allclose(example["objects"]["bbox"], [[10 / 96, 8 / 64, 40 / 96, 24 / 64]], rtol=1e-6)


def test_a_photo_whose_boxes_ignore_its_exif_orientation_is_stored_as_it_is(voc_writer, tmp_path):
    voc_writer.add("photo", GOOD)
    Image.open(voc_writer.image_path("photo")).save(voc_writer.image_path("photo"), exif=orientation(6))
    example = loaded(voc_writer.folder, tmp_path)["photo.jpg"]
    assert example["image"] == voc_writer.image_path("photo").read_bytes()
    np.testing.assert_allclose(example["objects"]["bbox"], [[12 / 64, 10 / 96, 50 / 64, 40 / 96]], rtol=1e-6)


def test_damaged_exif_does_not_stop_the_report(writer):
    buffer = io.BytesIO()
    Image.new("RGB", (96, 64)).save(buffer, "JPEG", exif=b"Exif\0\0garbage instead of a TIFF header")
    writer.image_path(BAD_NAME).write_bytes(buffer.getvalue())
    assert VocFolder.check(writer.folder).num_examples["validation"] == 2


# Splits.


def test_lists_of_one_class_and_trainval_are_not_splits(writer):
    writer.list("cat_train.txt", ["good_0  1", "good_1 -1"])
    writer.list("trainval.txt", ["good_0", "good_4"])
    found = VocFolder.check(writer.folder)
    assert found.num_examples == {"train": 5, "validation": 2}
    assert list(found.problems) == []


def test_trainval_stands_in_for_missing_lists(writer, tmp_path):
    for name in ("train.txt", "val.txt"):
        (writer.folder / "ImageSets/Main" / name).unlink()
    writer.list("trainval.txt", ["good_0", "good_1", "good_2"])
    writer.list("test.txt", ["good_4"])
    assert VocFolder.check(writer.folder).num_examples == {"train": 3, "test": 1}
    info = datasets.info(writer.folder, data_dir=tmp_path / "data")
    assert (info.train_split, info.validation_split, info.test_split) == ("train[:85%]", "train[85%:]", "test")


def test_without_lists_the_photos_are_cut_by_a_hash_of_their_names(voc_writer, tmp_path):
    for number in range(20):
        voc_writer.add(f"photo_{number:02d}", GOOD)
    assert VocFolder.check(voc_writer.folder).num_examples == {"train": 14, "validation": 3, "test": 3}
    first = {split: set(loaded(voc_writer.folder, tmp_path, split)) for split in ("train", "validation", "test")}
    assert len(set.union(*first.values())) == 20
    assert first["train"] != {f"photo_{number:02d}.jpg" for number in range(14)}
    os.utime(voc_writer.image_path("photo_00"), (1, 1))
    assert {split: set(loaded(voc_writer.folder, tmp_path, split)) for split in first} == first


def test_without_lists_lonely_files_are_reported(voc_writer):
    for number in range(8):
        voc_writer.add(f"photo_{number}", GOOD)
    voc_writer.image_path("photo_0").unlink()
    voc_writer.annotation_path("photo_1").unlink()
    (voc_writer.folder / "JPEGImages" / "._photo_2.jpg").write_bytes(b"left by macOS")
    assert VocFolder.check(voc_writer.folder).counts == {"missing image": 1, "missing annotation": 1}


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


# Preparing, once.


def test_prepared_data_is_used_again_until_a_file_changes(writer, tmp_path, monkeypatch):
    def box():
        return loaded(writer.folder, tmp_path)[f"{BAD_NAME}.jpg"]["objects"]["bbox"][0].tolist()

    before = box()
    scans = []
    scan = module._scan
    monkeypatch.setattr(module, "_scan", lambda *arguments: scans.append(arguments) or scan(*arguments))
    assert box() == before
    assert scans == []
    writer.annotate(BAD_NAME, [Drawn("cat", (10, 12, 41, 50))])
    after = box()
    assert len(scans) == 1
    assert after != before
    assert after[3] == pytest.approx(41 / 96)


def test_an_interrupted_preparation_is_not_taken_for_done(writer, tmp_path, monkeypatch):
    example = module.AnnotatedImage.example

    def fail_late(self):
        if self.name == "good_3":
            raise KeyboardInterrupt
        return example(self)

    with monkeypatch.context() as patch:
        patch.setattr(module.AnnotatedImage, "example", fail_late)
        with pytest.raises(KeyboardInterrupt):
            loaded(writer.folder, tmp_path)
    assert len(loaded(writer.folder, tmp_path)) == 5


def test_two_at_once_prepare_once(writer, tmp_path, monkeypatch):
    scans, results = [], []
    scan = module._scan
    monkeypatch.setattr(module, "_scan", lambda *arguments: scans.append(arguments) or scan(*arguments))
    threads = [threading.Thread(target=lambda: results.append(loaded(writer.folder, tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(scans) == 1
    assert [len(result) for result in results] == [5, 5, 5]


def test_preparing_a_small_folder_prints_nothing(writer, tmp_path, capfd):
    datasets.load(writer.folder, "train", data_dir=tmp_path / "data")
    assert capfd.readouterr().out == ""


def test_preparing_a_large_folder_shows_bars_and_no_notes_on_downloads(writer, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(folders, "IMAGES_THAT_TAKE_LONG", 5)
    datasets.load(writer.folder, "train", data_dir=tmp_path / "data")
    output = capfd.readouterr().out
    assert "Checking photos: 100%" in output
    assert "Preparing photos: 100%" in output
    assert "ownload" not in output


def test_as_an_ordinary_tfds_builder(writer, tmp_path):
    builder = VocFolder(writer.folder, data_dir=tmp_path / "data")
    builder.download_and_prepare()
    images = [example["image"] for example in builder.as_dataset(split="validation")]
    assert [image.shape for image in images] == [(64, 96, 3)] * 2
    assert builder.report.num_examples == {"train": 5, "validation": 2}


def test_a_folder_of_another_layout_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no photos with boxes that VocFolder reads"):
        VocFolder.check(tmp_path)
    with pytest.raises(ValueError, match="There is no folder"):
        VocFolder.check(tmp_path / "nowhere")


def test_real_photos(real_data, data_dir):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info = datasets.info(real_data / "wildlife_voc", data_dir=data_dir, strict=True)
    assert info.class_names == ("buffalo", "elephant", "rhino", "zebra")
    assert info.splits == {"train": 653, "validation": 163}
    assert (info.train_split, info.validation_split, info.test_split) == ("train[:85%]", "train[85%:]", "validation")
