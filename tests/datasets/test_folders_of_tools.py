"""Folders of photos with VOC's XML as annotation tools and people leave them; each test draws its own."""

import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.folders import GROUND
from helpers.layouts import CAT, SIZE, object_xml, orientation, red_box, voc_xml, write_files
from PIL import Image, ImageDraw

from clsloc_utils import cli, datasets, pipelines
from clsloc_utils.datasets.voc_folder import VocFolder

BOX, COLOUR = CAT.box, (220, 30, 30)


def in_voc_layout(folder: Path, names="abcdef", **files) -> Path:
    """A good folder with VOC's names, one object a photo."""
    write_files(folder, {f"JPEGImages/{name}.jpg": None for name in names})
    return write_files(folder, {f"Annotations/{name}.xml": voc_xml() for name in names} | files)


def scanned(folder):
    """The images of a folder without a fault, by split."""
    scan = VocFolder.scan(VocFolder.checked_layout(folder), None)
    assert list(scan.problems) == []
    return scan.splits


def names_by_split(folder):
    return {split: {image.path.name for image in images} for split, images in scanned(folder).items()}


def only_example(folder):
    """The example of a folder of one photo, as it goes into TFDS."""
    ((image,),) = scanned(folder).values()
    return image.example()


def boxes_in_pixels(example, size=SIZE):
    width, height = size
    boxes = [item["bbox"] for item in example["objects"]]
    corners = [(box.xmin * width, box.ymin * height, box.xmax * width, box.ymax * height) for box in boxes]
    return np.round(corners, 3).tolist()


def decoded(example):
    return tf.io.decode_jpeg(example["image"], channels=3).numpy()


# Photos.


def drawing():
    image = Image.new("RGB", SIZE, GROUND)
    ImageDraw.Draw(image).rectangle((BOX[0], BOX[1], BOX[2] - 1, BOX[3] - 1), fill=COLOUR)
    return image


def with_transparency(image, mode="RGBA"):
    """The object stands, the ground is transparent."""
    alpha = np.where(np.all(np.asarray(image) == COLOUR, axis=-1), 255, 0).astype("uint8")
    image = image.convert("RGBA")
    image.putalpha(Image.fromarray(alpha))
    return image.convert(mode)


def deep_grey(image):
    return Image.fromarray(np.asarray(image.convert("L")).astype("uint16") * 257)


UNCHANGED, ON_WHITE, GREY = drawing(), drawing(), drawing().convert("L").convert("RGB")
ON_WHITE.paste((255, 255, 255), mask=Image.fromarray(np.all(np.asarray(UNCHANGED) == GROUND, axis=-1)))
# File, the photo, what one sees, the largest difference to it in grey levels, options of saving.
PHOTOS = {
    "JPEG": ("a.jpg", drawing(), UNCHANGED, 24, {"quality": 95, "subsampling": 0}),
    "progressive JPEG": ("a.jpeg", drawing(), UNCHANGED, 24, {"quality": 95, "subsampling": 0, "progressive": True}),
    "grey JPEG": ("a.JPG", drawing().convert("L"), GREY, 24, {"quality": 95}),
    "JPEG for print": ("a.jpg", drawing().convert("CMYK"), UNCHANGED, 24, {"quality": 95}),
    "PNG": ("a.png", drawing(), UNCHANGED, 0, {}),
    "PNG called JPEG": ("a.jpg", drawing(), UNCHANGED, 0, {"format": "PNG"}),
    "grey PNG": ("a.png", drawing().convert("L"), GREY, 0, {}),
    "PNG of 16 bits": ("a.png", deep_grey(drawing()), GREY, 0, {}),
    "transparent PNG": ("a.png", with_transparency(drawing()), ON_WHITE, 0, {}),
    "PNG with a palette": ("a.png", drawing().quantize(4), UNCHANGED, 0, {}),
    "BMP": ("a.bmp", drawing(), UNCHANGED, 0, {}),
    "GIF": ("a.gif", drawing().quantize(4), UNCHANGED, 0, {}),
    "WebP": ("a.webp", drawing(), UNCHANGED, 0, {"lossless": True}),
    "transparent WebP": ("a.webp", with_transparency(drawing()), ON_WHITE, 0, {"lossless": True, "exact": True}),
    "TIFF": ("a.tif", drawing(), UNCHANGED, 0, {"compression": "tiff_lzw"}),
    "TIFF of 16 bits": ("a.tiff", deep_grey(drawing()), GREY, 0, {}),
    "PPM": ("a.ppm", drawing(), UNCHANGED, 0, {}),
    "TGA": ("a.tga", drawing(), UNCHANGED, 0, {}),
}


@pytest.mark.parametrize("kind", PHOTOS)
def test_a_photo_of_any_format_keeps_its_pixels_and_its_box(kind, tmp_path):
    name, image, expected, tolerance, options = PHOTOS[kind]
    folder = write_files(tmp_path / "photos", {"Annotations/a.xml": voc_xml()})
    (folder / "JPEGImages").mkdir()
    image.save(folder / "JPEGImages" / name, **options)
    example = only_example(folder)
    pixels = decoded(example)
    assert pixels.shape == (*SIZE[::-1], 3)
    assert np.abs(pixels.astype(int) - np.asarray(expected)).max() <= tolerance
    assert boxes_in_pixels(example) == [list(BOX)]
    if expected is UNCHANGED:
        assert red_box(pixels) == BOX


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_a_photo_that_viewers_turn_is_turned_whatever_its_format(ending, tmp_path):
    lossless = {"webp": {"lossless": True}, "jpg": {"subsampling": 0}}.get(ending, {})
    write_files(tmp_path, {"a.xml": voc_xml(object_xml(box=(8, 10, 24, 40)), size=(64, 96))})
    upright = Image.new("RGB", (64, 96), GROUND)
    upright.paste(COLOUR, (8, 10, 24, 40))
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / f"a.{ending}", exif=orientation(6), quality=95, **lossless)
    example = only_example(tmp_path)
    assert red_box(decoded(example)) == (8, 10, 24, 40)
    assert boxes_in_pixels(example, (64, 96)) == [[8, 10, 24, 40]]


def test_photos_of_all_formats_reach_the_model(tmp_path):
    folder = tmp_path / "photos"
    for number, (name, image, _, _, options) in enumerate(PHOTOS.values()):
        write_files(folder, {f"{number}.xml": voc_xml()})
        image.save(folder / f"{number}{Path(name).suffix}", **options)
    batches = pipelines.batches(folder, "train", image_size=64, batch_size=32, data_dir=tmp_path, strict=True)
    ((_, targets),) = batches
    assert len(targets["box"]) == round(0.7 * len(PHOTOS))
    np.testing.assert_allclose(targets["box"], [np.divide(BOX, SIZE * 2)] * len(targets["box"]), rtol=1e-6)


# Where the files lie.


def beside(folder, names):
    return {
        f"{folder}{name}{ending}": None if ending == ".jpg" else voc_xml()
        for name in names
        for ending in (".jpg", ".xml")
    }


def in_two(photo_folder, annotation_folder, names):
    return {f"{photo_folder}/{name}.jpg": None for name in names} | {
        f"{annotation_folder}/{name}.xml": voc_xml() for name in names
    }


BY_HASH = None
# Files of a folder; its photos by split, or `BY_HASH`; words on how it was read.
LAYOUTS = {
    "kangaroo": (in_two("images", "annots", "abc"), BY_HASH, "photos in images/, annotations in annots/; no lists"),
    "raccoon": (
        in_two("images", "annotations", "abc") | {"data/labels.csv": "a,b", "README.md": "raccoons"},
        BY_HASH,
        "left unread: data/, README.md",
    ),
    "Label Studio": (in_two("images", "Annotations", "abc"), BY_HASH, "photos in images/, annotations in Annotations/"),
    "FiftyOne": (in_two("data", "labels", "abc"), BY_HASH, "photos in data/, annotations in labels/"),
    "other case": (in_two("jpegimages", "annotations", "abc"), BY_HASH, "photos in jpegimages/"),
    "Oxford pets": (
        in_two("images", "annotations/xmls", "abc") | {"annotations/trainval.txt": "a 1 1 1\nb 2 1 2\nc 3 1 1\n"},
        {"train": "abc"},
        "annotations in annotations/xmls/; splits from annotations/trainval.txt",
    ),
    "side by side": (beside("", "abc"), BY_HASH, "VOC XML beside the photos; no lists"),
    "Roboflow": (
        beside("train/", "abc") | beside("valid/", "d") | beside("test/", "e") | {"README.roboflow.txt": "hello"},
        {"train": "abc", "validation": "d", "test": "e"},
        "beside the photos in test/, train/, valid/; splits from the folders test, train, valid; "
        "left unread: README.roboflow.txt",
    ),
    "TensorFlow's tutorials": (
        beside("images/train/", "abc") | beside("images/test/", "d"),
        {"train": "abc", "test": "d"},
        "splits from the folders test, train",
    ),
    "two folders in each split": (
        in_two("train/images", "train/annotations", "ab") | in_two("val/images", "val/annotations", "c"),
        {"train": "ab", "validation": "c"},
        "photos in train/images/, val/images/, annotations in train/annotations/, val/annotations/; splits from",
    ),
    "splits in two folders": (
        in_two("images/train2017", "annotations/train2017", "ab")
        | in_two("images/val2017", "annotations/val2017", "c"),
        {"train": "ab", "validation": "c"},
        "splits from the folders train2017, val2017",
    ),
    "subfolders": (in_two("JPEGImages", "Annotations", ["a", "cam1/b", "cam1/deep/c"]), BY_HASH, "no lists"),
    "a class called train": (beside("train/", "ab") | beside("bus/", "c"), BY_HASH, "no lists, so cut by a hash"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_found_and_said(layout, tmp_path):
    files, expected, words = LAYOUTS[layout]
    folder = write_files(tmp_path / "photos", files)
    found = names_by_split(folder)
    if expected is BY_HASH:
        assert set.union(*found.values()) == {Path(name).name for name in files if name.endswith(".jpg")}
        assert len(found["train"]) == 2
    else:
        assert found == {split: {f"{name}.jpg" for name in names} for split, names in expected.items()}
    report = datasets.report(folder)
    assert not report.problems
    assert words in report.understood
    assert words in str(report)


def test_photos_of_one_name_in_two_folders_are_two_photos(tmp_path):
    folder = write_files(tmp_path / "photos", in_two("JPEGImages", "Annotations", ["cam1/a", "cam2/a"]))
    other = object_xml("dog", (50, 10, 90, 40))
    write_files(folder, {"Annotations/cam2/a.xml": voc_xml(other), "ImageSets/Main/train.txt": "cam1/a\ncam2/a\n"})
    (images,) = scanned(folder).values()
    assert [image.name for image in images] == ["cam1/a", "cam2/a"]
    assert [boxes_in_pixels(image.example())[0] for image in images] == [[*BOX], [50, 10, 90, 40]]
    assert sum(1 for _ in datasets.load(folder, "train", data_dir=tmp_path, strict=True)) == 2


def test_a_file_without_its_partner_is_named_where_it_should_lie(tmp_path):
    for layout, missing, expected in (
        (beside("train/", "abc"), "train/b.xml", ("train/b.xml", "missing annotation")),
        (beside("train/", "abc"), "train/b.jpg", ("train/b.jpg", "missing image")),
        (in_two("val/images", "val/xml", "cd"), "val/xml/c.xml", ("val/xml/c.xml", "missing annotation")),
        (in_two("images", "xml", ["cam1/b", "cam1/c"]), "images/cam1/b.jpg", ("images/cam1/b.jpg", "missing image")),
    ):
        folder = write_files(tmp_path / missing.replace("/", "_"), layout)
        (folder / missing).unlink()
        assert [(problem.file, problem.reason) for problem in datasets.report(folder).problems] == [expected]


def test_files_of_other_kinds_and_unlisted_photos_are_counted(tmp_path):
    folder = in_voc_layout(tmp_path / "photos", **{"ImageSets/Main/train.txt": "a\nb\n", "ImageSets/Main/val.txt": "c"})
    write_files(
        folder, {"JPEGImages/Thumbs.db": "x", "Annotations/a.json": "{}", "masks/a.png": None, "classes.txt": "cat"}
    )
    understood = datasets.report(folder).understood
    assert "3 photos are in no split and left out" in understood
    assert "left unread: masks/, classes.txt, files of other kinds beside photos and annotations (2)" in understood


@pytest.mark.skipif(os.name == "nt", reason="links take a right there")
def test_linked_folders_are_read_and_a_link_back_does_no_harm(tmp_path):
    stored = write_files(tmp_path / "stored", in_two("JPEGImages", "Annotations", "ab"))
    folder = tmp_path / "photos"
    for name in ("JPEGImages", "Annotations"):
        (folder / name).mkdir(parents=True)
        (folder / name / "cam1").symlink_to(stored / name)
        (stored / name / "back").symlink_to(folder)
    assert set.union(*names_by_split(folder).values()) == {"a.jpg", "b.jpg"}


def test_a_folder_of_photos_alone_is_not_taken_for_poses(tmp_path):
    write_files(tmp_path / "photos", {"images/holiday.jpg": None})
    with pytest.raises(ValueError, match="neither a known source nor a folder of a known layout") as raised:
        datasets.info(tmp_path / "photos", data_dir=tmp_path)
    assert "no file joints.mat" not in str(raised.value)
    write_files(tmp_path / "photos", {"annotations.xml": "<annotations><version>1.1</version></annotations>"})
    with pytest.raises(ValueError, match=r"annotations\.xml: another format.*CVAT's own.*export .* PASCAL VOC"):
        datasets.info(tmp_path / "photos", data_dir=tmp_path)


VIA = "VGG Image Annotator"
# Files beside photos, the one that is named, and the words on it.
OTHER_FORMATS = {
    "CVAT": ({"images/a.jpg": None, "annotations.xml": "<?xml version='1.0'?>\n<!-- <a> -->\n<annotations>"}, "CVAT's"),
    "CVAT, beside the photo": ({"a.jpg": None, "annotations.xml": "<annotations></annotations>"}, "CVAT's"),
    "imglab": ({"images/a.jpg": None, "train.xml": "<?xml version='1.0'?><dataset/>".encode("utf-16")}, "imglab"),
    "VIA, project": ({"a.jpg": None, "via.json": '{"_via_settings": {}, "_via_img_metadata": {}}'}, VIA),
    "VIA, JSON": ({"a.jpg": None, "via.json": '{"a.jpg9": {"regions": [], "file_attributes": {}}}'}, VIA),
    "VIA, CSV": ({"a.jpg": None, "via.csv": "filename,region_count,region_id,region_shape_attributes\n"}, VIA),
    "labelme": ({"a.jpg": None, "a.json": '{"version": "5", "shapes": [], "imagePath": "a.jpg"}'}, "labelme2voc.py"),
    "CreateML": (
        {
            "train/a.jpg": None,
            "train/_annotations.createml.json": '[{"image": "a.jpg", "annotations": [{"coordinates": {"x": 1}}]}]',
        },
        "CreateML's",
    ),
    "Supervisely": (
        {"ds/img/a.jpg": None, "ds/ann/a.jpg.json": '{"tags": [], "objects": [{"classTitle": "cat"}]}'},
        "Supervisely's",
    ),
    "Label Studio": ({"a.jpg": None, "all.json": '[{"result": [{"type": "rectanglelabels"}]}]'}, "Label Studio's own"),
    "Labelbox": ({"a.jpg": None, "export.ndjson": '{"data_row": {"id": "c1"}}\n'}, "labelformat"),
    "CSV": ({"a.jpg": None, "labels.csv": "filename,width,height,class,xmin,ymin,xmax,ymax\n"}, "a table of boxes"),
    "CSV of Open Images": ({"a.jpg": None, "boxes.csv": "ImageID,LabelName,XMin,XMax,YMin,YMax\n"}, "a table of boxes"),
    "TFRecord": ({"a.jpg": None, "train/pets.tfrecord": b"\x10"}, "TFRecords"),
}


@pytest.mark.parametrize("tool", OTHER_FORMATS)
def test_a_folder_of_another_format_is_told_what_to_export(tool, tmp_path):
    files, words = OTHER_FORMATS[tool]
    folder = write_files(tmp_path / "photos", {"notes.json": '{"hello": 1}', "a.csv": "a,b\n", **files})
    *_, file = files
    expected = rf"(?s){re.escape(file)}: another format, [^.]*{re.escape(words)}[^:]*(VOC|YOLO|COCO)"
    with pytest.raises(ValueError, match=expected):
        datasets.info(folder, data_dir=tmp_path)
    if tool != "CVAT, beside the photo":  # where the photo alone is reported as one without its annotation
        with pytest.raises(ValueError, match=expected):
            datasets.report(folder)


# Lists.


SPLITS = {"train": "abcd", "validation": "e", "test": "f"}
LISTS = {
    "VOC": {"train.txt": "a\nb\nc\nd\n", "val.txt": "e\n", "test.txt": "f\n"},
    "CVAT": {"Train.txt": "a\nb\nc\nd\n", "Validation.txt": "e\n", "Test.txt": "f\n"},
    "other words": {"training.txt": "a\nb\nc\nd\n", "VALID.TXT": "e\n", "testing.txt": "f\n"},
    "endings": {"train.txt": "a.jpg\nb.jpg\nc.xml\nd.JPG\n", "val.txt": "e.png\n", "test.txt": "f.jpg\n"},
    "paths": {
        "train.txt": "JPEGImages/a.jpg\n./JPEGImages/b.jpg\n/home/me/photos/c\nC:\\photos\\JPEGImages\\d.jpg\n",
        "val.txt": "/data/JPEGImages/e.jpg\n",
        "test.txt": "f.jpg\n",
    },
    "PaddleDetection": {
        "train.txt": "".join(f"./JPEGImages/{name}.jpg ./Annotations/{name}.xml\n" for name in "abcd"),
        "val.txt": "JPEGImages/e.jpg Annotations/e.xml\n",
        "test.txt": "JPEGImages/f.jpg Annotations/f.xml\n",
    },
    "a column": {"train.txt": "a  1\nb -1\nc  0\nd  1\n", "val.txt": "e -1\n", "test.txt": "f  1\n"},
    "quotes": {"train.txt": '"a" 1\n"b"\n\'c\'\nd\n', "val.txt": "e\n", "test.txt": "f\n"},
    "VoTT": {
        **{"cat_train.txt": "a.jpg 1\nb.jpg 1\nc.jpg -1\nd.jpg -1\n", "cat_val.txt": "e.jpg 1\n"},
        **{"dog_train.txt": "a.jpg -1\nb.jpg -1\nc.jpg 1\nd.jpg 1\n", "dog_val.txt": "e.jpg -1\n"},
        "test.txt": "f.jpg\n",
    },
}


@pytest.mark.parametrize("kind", LISTS)
def test_lists_count_however_they_are_written(kind, tmp_path):
    lists = {f"ImageSets/Main/{name}": text for name, text in LISTS[kind].items()}
    folder = in_voc_layout(tmp_path / "photos", **lists)
    report = datasets.report(folder)
    assert not report.problems
    assert names_by_split(folder) == {split: {f"{name}.jpg" for name in names} for split, names in SPLITS.items()}
    for name in LISTS[kind]:
        assert name in report.understood
    assert "not used" not in report.understood


def test_names_with_blanks_and_dots_are_found(tmp_path):
    names = ["my photo 1", "v1.2", "v1", "my", "the cat"]
    lists = {"ImageSets/Main/train.txt": '"my photo 1"\nv1.2\n', "ImageSets/Main/val.txt": "v1.jpg\nmy 1\nthe cat  1\n"}
    folder = in_voc_layout(tmp_path / "photos", names, **lists)
    assert names_by_split(folder) == {
        "train": {"my photo 1.jpg", "v1.2.jpg"},
        "validation": {"v1.jpg", "my.jpg", "the cat.jpg"},
    }


def test_a_list_does_not_mean_the_photo_of_another_folder(tmp_path):
    lists = {"ImageSets/Main/train.txt": "JPEGImages/cam1/b.jpg\ncam2/b\n/home/me/JPEGImages/a\n"}
    folder = in_voc_layout(tmp_path / "photos", ["a", "b", "cam1/b"], **lists)
    report = datasets.report(folder)
    assert [(problem.file, problem.reason) for problem in report.problems] == [
        ("cam2/b", "listed, but there are no such files")
    ]
    assert report.num_examples == {"train": 2}


def test_a_name_that_begins_as_another_is_not_that_one(tmp_path):
    folder = in_voc_layout(tmp_path / "photos", ["v1", "v2"], **{"ImageSets/Main/train.txt": "v1.9\nv2.jpg\n"})
    report = datasets.report(folder)
    assert [problem.file for problem in report.problems] == ["v1.9"]
    assert report.num_examples == {"train": 1}


def test_lists_that_are_not_used_are_named(tmp_path):
    lists = {
        "ImageSets/Main/train.txt": "a\nb\nc\n",
        "ImageSets/Main/val.txt": "d\ne\nf\n",
        "ImageSets/Main/trainval.txt": "a\nf\n",
        "ImageSets/Main/fold 1.txt": "a\n",
        "ImageSets/Segmentation/train.txt": "a\n",
        **{f"ImageSets/Main/{name}_train.txt": "a 1\n" for name in ("cat", "dog")},
    }
    understood = datasets.report(in_voc_layout(tmp_path / "photos", **lists)).understood
    assert "splits from ImageSets/Main/train.txt, val.txt, not used: " in understood
    for words in ("fold 1.txt", "trainval.txt", "ImageSets/Segmentation/train.txt", "2 lists of single classes"):
        assert words in understood


def test_a_list_of_all_photos_is_no_split_and_is_named(tmp_path):
    folder = in_voc_layout(tmp_path / "photos", **{"ImageSets/Main/default.txt": "a\nb\nc\nd\ne\nf\n"})
    report = datasets.report(folder)
    assert sum(report.num_examples.values()) == 6
    assert "cut by a hash of the names, not used: ImageSets/Main/default.txt" in report.understood.replace(";", ",")


def test_lists_beside_the_folders_count(tmp_path):
    folder = write_files(tmp_path / "photos", in_two("images", "xml", "abc") | {"train.txt": "a\nb", "val.txt": "c"})
    write_files(folder, {"requirements.txt": "keras"})
    report = datasets.report(folder)
    assert report.num_examples == {"train": 2, "validation": 1}
    assert "left unread: requirements.txt" in report.understood


# What stands in the XML.


def xml_folder(tmp_path, content):
    return write_files(tmp_path / "photos", {"JPEGImages/a.jpg": None, "Annotations/a.xml": content})


def rotation(value):
    return f"<attributes><attribute><name>rotation</name><value>{value}</value></attribute></attributes>"


def test_a_box_that_was_turned_becomes_the_box_around_it(tmp_path):
    centre, sides, degrees = np.array([48, 32]), np.array([30, 10]), 40
    turn = np.array(
        [
            [np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))],
            [np.sin(np.radians(degrees)), np.cos(np.radians(degrees))],
        ]
    )
    corners = centre + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * sides / 2 @ turn.T
    image = Image.new("RGB", SIZE, GROUND)
    ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners], fill=COLOUR)
    before = (*(centre - sides / 2), *(centre + sides / 2))
    robndbox = "".join(
        f"<{field}>{value}</{field}>"
        for field, value in zip(("cx", "cy", "w", "h", "angle"), (*centre, *sides, np.radians(degrees)), strict=True)
    )
    for number, turned in enumerate(
        (
            object_xml(box=before, more=rotation(degrees)),  # CVAT
            f"<object><type>robndbox</type><name>cat</name><robndbox>{robndbox}</robndbox></object>",  # roLabelImg
        )
    ):
        folder = xml_folder(tmp_path / str(number), voc_xml(turned))
        image.save(folder / "JPEGImages/a.jpg", quality=95, subsampling=0)
        example = only_example(folder)
        drawn = red_box(decoded(example))
        np.testing.assert_allclose(boxes_in_pixels(example)[0], drawn, atol=1)
        assert "turned box" in datasets.report(folder).understood


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.0", [BOX]), ("360", [BOX]), ("180.0", [BOX]), ("-90", [[6, 16, 45, 47]]), ("steep", None), ("nan", None)],
)
def test_an_angle_is_read_as_cvat_writes_it(value, expected, tmp_path):
    folder = xml_folder(tmp_path, voc_xml(object_xml(more=rotation(value))))
    if expected is None:
        (problem,) = datasets.report(folder).problems
        assert problem.reason == "missing or unreadable field"
        assert value in problem.detail
    else:
        assert boxes_in_pixels(only_example(folder)) == [list(box) for box in expected]


def test_a_turned_box_is_cut_at_the_border_and_one_beyond_it_is_a_fault(tmp_path):
    folder = xml_folder(tmp_path / "1", voc_xml(object_xml(box=(0, 20, 90, 40), more=rotation(90))))
    assert boxes_in_pixels(only_example(folder)) == [[35, 0, 55, 64]]
    folder = xml_folder(tmp_path / "2", voc_xml(object_xml(box=(0, 120, 90, 140), more=rotation(90))))
    assert datasets.report(folder).counts == {"box outside the image": 1}


def test_several_boxes_in_one_object_are_several_objects(tmp_path):
    second = "<bndbox><xmin>50</xmin><ymin>5</ymin><xmax>70</xmax><ymax>20</ymax></bndbox>"
    part = f"<part><name>head</name>{second}</part>"
    folder = xml_folder(tmp_path, voc_xml(object_xml(more=second + part)))
    assert boxes_in_pixels(only_example(folder)) == [list(BOX), [50, 5, 70, 20]]
    report = datasets.report(folder)
    assert [remark.reason for remark in report.remarks] == ["several boxes in one object, each counted"]


@pytest.mark.parametrize(
    "size",
    [
        "",
        "<size></size>",
        "<size><width>0</width><height>0</height></size>",
        "<size><width></width><height></height></size>",
        "<size><width> </width><height>64</height></size>",
    ],
)
def test_a_size_that_says_nothing_is_the_photos(size, tmp_path):
    folder = xml_folder(tmp_path, voc_xml(size=None).replace("<annotation>", f"<annotation>{size}"))
    assert boxes_in_pixels(only_example(folder)) == [list(BOX)]


@pytest.mark.parametrize(
    ("text", "expected"), [("1", True), ("True", True), ("0", False), ("False", False), ("", False)]
)
def test_flags_are_numbers_or_words(text, expected, tmp_path):
    flags = f"<truncated>{text}</truncated><difficult>{text}</difficult>"
    (item,) = only_example(xml_folder(tmp_path, voc_xml(object_xml(more=flags))))["objects"]
    assert (item["is_truncated"], item["is_difficult"]) == (expected, expected)


CAT_IN_CHINESE = "\u732b"
ENCODINGS = {
    "utf8 of ElementTree": ("utf8", "utf-8", "caf\u00e9"),
    "UTF-8": ("UTF-8", "utf-8", "caf\u00e9"),
    "UTF-8 with a mark": ("utf-8", "utf-8-sig", "caf\u00e9"),
    "undeclared UTF-8": (None, "utf-8", CAT_IN_CHINESE),
    "gb2312": ("gb2312", "gb2312", CAT_IN_CHINESE),
    "gb2312 that is GBK": ("GB2312", "gbk", "\u8c93"),
    "GBK": ("gbk", "gbk", CAT_IN_CHINESE),
    "Big5": ("big5", "big5", "\u8c93"),
    "Shift-JIS": ("Shift_JIS", "shift_jis", CAT_IN_CHINESE),
    "Latin-1": ("iso-8859-1", "latin-1", "caf\u00e9"),
    "Windows": ("windows-1252", "windows-1252", "caf\u00e9"),
    "UTF-16": ("utf-16", "utf-16", CAT_IN_CHINESE),
    "utf-16 that is UTF-8": ("utf-16", "utf-8", CAT_IN_CHINESE),
}


@pytest.mark.parametrize("kind", ENCODINGS)
def test_an_annotation_is_read_in_the_encoding_that_it_declares(kind, tmp_path):
    declared, encoding, label = ENCODINGS[kind]
    declaration = f"<?xml version='1.0' encoding='{declared}'?>\n" if declared else ""
    folder = xml_folder(tmp_path, (declaration + voc_xml(object_xml(label))).encode(encoding))
    assert [item["label"] for item in only_example(folder)["objects"]] == [label]


LATIN_1 = voc_xml(object_xml("caf\u00e9")).encode("latin-1")
MALFORMED, FIELD, FORMAT = "malformed XML", "missing or unreadable field", "another format"
# What the XML is, the reason, and words of the detail.
BAD_XML = {
    "cut": ("<annotation><size>", MALFORMED, "no element found"),
    "empty": ("", MALFORMED, "no element found"),
    "unknown encoding": ('<?xml version="1.0" encoding="klingon"?><annotation/>', MALFORMED, "klingon"),
    "Latin-1, undeclared": (LATIN_1, MALFORMED, "save it as UTF-8.*iso-8859-1"),
    "Latin-1, said to be UTF-8": (b'<?xml version="1.0" encoding="utf-8"?>' + LATIN_1, MALFORMED, "says that it is"),
    "entity expansion": (
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><annotation><a>&b;</a></annotation>',
        MALFORMED,
        "defines the entity 'a', which is not read",
    ),
    "external entity": (
        '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]><annotation><a>&a;</a></annotation>',
        MALFORMED,
        "defines the entity 'a', which is not read",
    ),
    "ampersand": (voc_xml(object_xml().replace("cat", "R&B")), MALFORMED, "; write 'R&amp;B' for 'R&B'$"),
    "ampersands": (
        voc_xml(object_xml("x &amp; y"), object_xml().replace("cat", "a & b; c")),
        MALFORMED,
        "; write 'a &amp; b; c' for 'a & b; c'$",
    ),
    "CVAT": ("<annotations><image id='0' name='a.jpg'/></annotations>", FORMAT, "CVAT's own format"),
    "imglab": ("<dataset><images><image file='a.jpg'/></images></dataset>", FORMAT, "dlib's imglab"),
    "web page": ("<html><body>Not found</body></html>", FORMAT, "web page"),
    "no objects": ("<annotation></annotation>", "no objects", ""),
    "no box": (voc_xml().replace("bndbox", "box"), FIELD, "cat has no <bndbox>"),
    "no corner": (voc_xml().replace("ymax", "bottom"), FIELD, "<bndbox><ymax> is None"),
    "corner is no number": (voc_xml().replace(">41<", ">forty<"), FIELD, "<xmax> is 'forty', not a number"),
    "corner is not finite": (voc_xml().replace(">41<", ">nan<"), FIELD, "<xmax> is 'nan', not a finite number"),
    "no class": (voc_xml(object_xml(" ")), FIELD, "<name> is missing or empty"),
}


@pytest.mark.parametrize("fault", BAD_XML)
def test_a_fault_of_the_xml_is_told_with_its_remedy(fault, tmp_path):
    content, reason, words = BAD_XML[fault]
    (problem,) = datasets.report(xml_folder(tmp_path, content)).problems
    assert (problem.file, problem.reason) == ("Annotations/a.xml", reason)
    assert re.search(words, problem.detail)


def test_one_class_in_several_spellings_is_one_class(tmp_path):
    spellings = ["Red Panda", " red  panda\n", "RED PANDA", "e\u0301lan", "\u00e9lan"]
    folder = write_files(tmp_path / "photos", {f"JPEGImages/{number}.jpg": None for number in range(5)})
    write_files(folder, {f"Annotations/{n}.xml": voc_xml(object_xml(name)) for n, name in enumerate(spellings)})
    assert datasets.report(folder).class_names == ("red panda", "\u00e9lan")
    assert not datasets.report(folder, class_names=["Red panda", "E\u0301lan"]).problems


# What is said.


def test_problems_come_in_the_order_of_the_files(tmp_path):
    folder = in_voc_layout(tmp_path / "photos")
    for name in "fbd":
        write_files(
            folder,
            {f"Annotations/{name}.xml": voc_xml(object_xml(box=(40, 50, 10, 12)), object_xml(box=(9, 9, 9, 9)))},
        )
    files = [problem.file for problem in datasets.report(folder).problems]
    assert files == [f"Annotations/{name}.xml" for name in "bbddff"]
    prepared = VocFolder(folder, data_dir=tmp_path)
    prepared.download_and_prepare()
    assert [problem.file for problem in prepared.report.problems] == files


def test_the_command_line_says_once_how_a_folder_was_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path / "data"))
    folder = write_files(tmp_path / "photos", in_two("images", "annots", "abc"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cli.main(["prepare", str(folder)]) == cli.DONE
    printed = capsys.readouterr()
    assert printed.err.count("VOC XML, photos in images/, annotations in annots/; no lists, so cut by a hash") == 1
    assert "VOC XML" not in printed.out
