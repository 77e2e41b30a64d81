"""Data sets of TFDS by name: small ones with the features of the real ones, drawn here, prepared by TFDS."""

import dataclasses
import io
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from helpers.folders import GROUND
from helpers.mirrors import Served
from PIL import Image, ImageDraw

from clsloc_utils import datasets, pipelines
from clsloc_utils.datasets import tfds_source

BOX = tfds.features.BBox(ymin=0.25, xmin=0.125, ymax=0.75, xmax=0.5)
OTHER_BOX = tfds.features.BBox(ymin=0.5, xmin=0.5, ymax=1.0, xmax=1.0)
NO_BOX = tfds.features.BBox(ymin=0.0, xmin=0.0, ymax=0.0, xmax=0.0)


def drawing(number, image_format="JPEG"):
    """A picture of 64 x 48 pixels, red where `BOX` is, a little lighter from number to number."""
    image = Image.new("RGB", (64, 48), GROUND)
    ImageDraw.Draw(image).rectangle((8, 12, 31, 35), fill=(200 + number, 30, 30))
    buffer = io.BytesIO()
    image.save(buffer, image_format)
    return io.BytesIO(buffer.getvalue())


class Small:
    """What stands in for the downloads of a data set of TFDS; comes before its builder."""

    COUNTS: ClassVar = {"train": 6, "test": 3}

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in self.COUNTS}

    def _generate_examples(self, split):
        for number in range(self.COUNTS[split]):
            yield f"{split}_{number}", self.example(split, number)


class SmallBirds(Small, tfds.builder_cls("caltech_birds2011")):
    """One box and one class an image, as PNG; the second bird has a box without area."""

    def example(self, split, number):
        return {
            "image": drawing(number, "PNG"),
            "image/filename": f"{split}_{number}.png",
            "label": number,
            "label_name": "bird",
            "bbox": NO_BOX if number == 1 else BOX,
            "segmentation_mask": np.zeros((48, 64, 1), np.uint8),
        }


class SmallDogs(Small, tfds.builder_cls("stanford_dogs")):
    """One class an image, and boxes of one dog, or of two in the third image."""

    def example(self, split, number):
        return {
            "image": drawing(number),
            "image/filename": f"{split}_{number}.jpg",
            "label": 7,
            "objects": [{"bbox": BOX}, {"bbox": OTHER_BOX}][: 2 if number == 2 else 1],
        }


class SmallPets(Small, tfds.builder_cls("oxford_iiit_pet")):
    """Boxes of heads in the training split only; the first pet has none there either."""

    COUNTS: ClassVar = {"train": 20, "test": 3}

    def example(self, split, number):
        return {
            "image": drawing(number),
            "label": number,
            "species": 1,
            "file_name": f"{split}_{number}.jpg",
            "segmentation_mask": np.zeros((48, 64, 1), np.uint8),
            "head_bbox": NO_BOX if split == "test" or number == 0 else BOX,
        }


class SmallCoco(Small, tfds.builder_cls("coco")):
    """Photos of one person, nobody, a crowd, a person beside a crowd, a bicycle with a person; test has no labels."""

    COUNTS: ClassVar = {"train": 5, "validation": 2, "test": 3, "test2015": 2}

    def example(self, split, number):
        person = {"area": 1, "id": 1, "bbox": BOX, "label": 0, "is_crowd": False}
        crowd = person | {"bbox": OTHER_BOX, "is_crowd": True}
        bicycle = person | {"label": 1}
        objects = ([person], [], [crowd], [person, crowd], [bicycle, person])[number]
        return {
            "image": drawing(number),
            "image/filename": f"{split}_{number}.jpg",
            "image/id": number,
            "objects": [] if split.startswith("test") else objects,
        }


class SmallKitti(Small, tfds.builder_cls("kitti")):
    """The class is called `type`, and there are other `ClassLabel`s."""

    COUNTS: ClassVar = {"train": 4}

    def example(self, split, number):
        return {
            "image": drawing(number),
            "image/file_name": f"{split}_{number}.png",
            "objects": [
                {
                    "type": "Cyclist",
                    "truncated": 0.5,
                    "occluded": 2,
                    "alpha": 0.0,
                    "bbox": BOX,
                    "dimensions": np.zeros(3, np.float32),
                    "location": np.zeros(3, np.float32),
                    "rotation_y": 0.0,
                }
            ],
        }


class SmallOpenImages(Small, tfds.builder_cls("open_images_v4")):
    """`objects` without boxes, `bobjects` with: a truncated one, a group, one of which nothing is known."""

    COUNTS: ClassVar = {"train": 3}

    def example(self, split, number):
        flags = dict.fromkeys(("is_occluded", "is_depiction", "is_inside"), -1)
        flags |= {"is_truncated": (1, 0, -1)[number], "is_group_of": (0, 1, -1)[number]}
        return {
            "image": drawing(number),
            "image/filename": f"{split}_{number}.jpg",
            "objects": [],
            "objects_trainable": [],
            "bobjects": [{"label": 3, "source": 0, "bbox": BOX, **flags}],
        }


class SmallLvis(Small, tfds.builder_cls("lvis")):
    """Its objects have images of their own, which nobody needs."""

    COUNTS: ClassVar = {"train": 2}

    def example(self, split, number):
        mask = np.full((48, 64, 1), 255, np.uint8)
        instance = {"bbox": BOX, "label": 5, "segmentation": mask, "area": 1, "id": 1}
        return {
            "image": drawing(number),
            "image/id": number,
            "neg_category_ids": [],
            "not_exhaustive_category_ids": [],
            "objects": [instance],
        }


class SmallCars(Small, tfds.builder_cls("cars196")):
    """Its images have no file names."""

    COUNTS: ClassVar = {"whole": 20, "few": 2}

    def example(self, split, number):
        return {"image": drawing(number), "label": number, "bbox": BOX, "id": f"car {number}"}


def read(source, split, data_dir):
    return list(datasets.load(source, split, data_dir=data_dir).as_numpy_iterator())


def names(examples):
    return sorted(example["image/filename"].decode() for example in examples)


ALL = {
    "tfds:small_birds": ("image, bbox and label", ["train[:85%]", "train[85%:]", "test"]),
    "tfds:small_dogs": ("image, objects/bbox and label", ["train[:85%]", "train[85%:]", "test"]),
    "tfds:small_pets": ("image, head_bbox and label", ["train[:70%]", "train[70%:85%]", "train[85%:]"]),
    "tfds:small_coco/2017": ("image, objects/bbox and objects/label", ["train[:85%]", "train[85%:]", "validation"]),
    "tfds:small_kitti": ("image, objects/bbox and objects/type", ["train[:70%]", "train[70%:85%]", "train[85%:]"]),
    "tfds:small_open_images/200k": (
        "image, bobjects/bbox and bobjects/label",
        ["train[:70%]", "train[70%:85%]", "train[85%:]"],
    ),
    "tfds:small_lvis": ("image, objects/bbox and objects/label", ["train[:70%]", "train[70%:85%]", "train[85%:]"]),
    "tfds:small_cars": ("image, bbox and label", ["whole[:70%]", "whole[70%:85%]", "whole[85%:]"]),
}


@pytest.mark.parametrize("source", ALL)
def test_examples_look_as_those_of_all_other_sources(source, voc_folder, data_dir):
    features, roles = ALL[source]
    info = datasets.info(source, data_dir=data_dir)
    assert info.understood.startswith(f"TFDS's features {features}; images with ")
    assert [info.train_split, info.validation_split, info.test_split] == roles
    assert (info.name, info.task, info.drawn) == (source, "boxes", False)
    examples = datasets.load(source, next(iter(info.splits)), data_dir=data_dir)
    other = datasets.load(voc_folder, "train", data_dir=data_dir)
    tf.nest.assert_same_structure(examples.element_spec, other.element_spec)
    for ours, theirs in zip(tf.nest.flatten(examples.element_spec), tf.nest.flatten(other.element_spec), strict=True):
        assert theirs.is_subtype_of(ours) or ours.is_subtype_of(theirs)
    first = next(examples.as_numpy_iterator())
    assert datasets.VOC_POSES[first["objects"]["pose"][0]] == "unspecified"
    options = {"image_size": 48, "batch_size": 1, "data_dir": data_dir}
    images, targets = next(iter(pipelines.batches(source, info.train_split, **options)))
    np.testing.assert_allclose(targets["box"][0], [0.125, 0.25, 0.5, 0.75])
    height, width = 24, 15  # inside the box
    assert images[0, height, width, 0] > 150 > images[0, height, width, 1]


def test_one_box_and_one_class_an_image(data_dir):
    info = datasets.info("tfds:small_birds", data_dir=data_dir)
    # TFDS has no names of these classes, only their number.
    assert info.class_names == tuple(map(str, range(200)))
    assert info.splits == {"train": 6, "test": 3}
    examples = read("tfds:small_birds", "train", data_dir)
    # The bird without a box is no bird to learn from.
    assert names(examples) == [f"train_{number}.png" for number in (0, 2, 3, 4, 5)]
    for example in examples:
        number = int(example["image/filename"].decode()[6])
        assert example["image"].startswith(b"\x89PNG")
        assert example["objects"]["label"].tolist() == example["labels"].tolist() == [number]
        np.testing.assert_array_equal(example["objects"]["bbox"], [[0.25, 0.125, 0.75, 0.5]])


def test_the_class_of_an_image_is_that_of_each_object(data_dir):
    labels = {
        example["image/filename"].decode(): example["objects"]["label"].tolist()
        for example in read("tfds:small_dogs", "test", data_dir)
    }
    assert labels == {"test_0.jpg": [7], "test_1.jpg": [7], "test_2.jpg": [7, 7]}
    singles = pipelines.single_object(datasets.load("tfds:small_dogs", "test", data_dir=data_dir))
    assert names(singles.as_numpy_iterator()) == ["test_0.jpg", "test_1.jpg"]


def test_a_split_without_boxes_has_no_role(data_dir):
    info = datasets.info("tfds:small_pets", data_dir=data_dir)
    assert info.splits == {"train": 20, "test": 3}
    assert info.understood.endswith("; no boxes in test")
    assert len(read("tfds:small_pets", "train", data_dir)) == 19
    assert datasets.info("tfds:small_coco/2017", data_dir=data_dir).understood.endswith("no boxes in test, test2015")


@pytest.mark.parametrize("difficult", pipelines.DIFFICULT_CHOICES)
def test_an_image_with_a_crowd_is_never_one_of_a_single_object(data_dir, difficult):
    source = "tfds:small_coco/2017:1.1.0"
    examples = datasets.load(source, "train", data_dir=data_dir)
    assert names(examples.as_numpy_iterator()) == ["train_0.jpg", "train_1.jpg", "train_4.jpg"]
    singles = pipelines.single_object(examples, difficult)
    assert names(singles.as_numpy_iterator()) == ["train_0.jpg"]
    (two,) = [example for example in examples.as_numpy_iterator() if example["image/filename"] == b"train_4.jpg"]
    assert two["objects"]["label"].tolist() == [1, 0]
    assert two["labels"].tolist() == two["labels_no_difficult"].tolist() == [0, 1]


def test_flags_of_open_images(data_dir):
    examples = read("tfds:small_open_images/200k", "train", data_dir)
    truncated = {each["image/filename"].decode(): each["objects"]["is_truncated"].tolist() for each in examples}
    assert truncated == {"train_0.jpg": [True], "train_2.jpg": [False]}


def test_an_image_without_a_file_name_gets_one_that_no_other_has(data_dir):
    found = names(read("tfds:small_cars", "whole", data_dir))
    assert len(set(found)) == 20
    assert all(name.startswith("small_cars-whole.tfrecord") for name in found)


def test_voc_by_this_way_keeps_its_flags(data_dir):
    """TFDS's own `voc` has all features already."""
    fields = tfds_source.box_fields("tfds:voc/2007", datasets.voc_features())
    assert (fields.difficult, fields.truncated) == (("objects", "is_difficult"), ("objects", "is_truncated"))
    box = np.array([BOX, OTHER_BOX], np.float32)
    flags = {"is_difficult": [True, False], "is_truncated": [False, True]}
    example = {"image": "", "image/filename": "", "objects": {"bbox": box, "label": np.array([4, 2]), **flags}}
    (voc,) = fields.as_voc(tf.data.Dataset.from_tensors(example)).as_numpy_iterator()
    assert {flag: voc["objects"][flag].tolist() for flag in flags} == flags
    assert (voc["labels"].tolist(), voc["labels_no_difficult"].tolist()) == ([2, 4], [2])


@pytest.mark.parametrize("image_format", ["PNG", "GIF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_pipelines_decode_what_tfds_stores(image_format, mode):
    buffer = io.BytesIO()
    Image.open(drawing(0, "PNG")).convert(mode).save(buffer, image_format)
    objects = {"bbox": tf.constant([BOX], tf.float32), "label": tf.constant([0])}
    image, _ = pipelines.parse(48)({"image": buffer.getvalue(), "objects": objects})
    assert image.shape == (48, 48, 3)
    ground, inside = image[2, 2].numpy(), image[24, 15].numpy()
    tolerance = 30 if mode == "P" else 2  # Pillow's palette
    np.testing.assert_allclose(ground, GROUND, atol=tolerance)
    np.testing.assert_allclose(inside, (200, 30, 30) if mode != "L" else 81, atol=tolerance)


def test_of_several_features_the_one_of_the_usual_name_is_taken():
    box, label = tfds.features.BBoxFeature(), tfds.features.ClassLabel(names=["a", "b"])
    parts = tfds.features.Sequence({"bbox": box, "kind": label})
    objects = tfds.features.Sequence({"a_box": box, "bbox": box, "a_kind": label, "type": label})
    scene = {"a_mask": tfds.features.Image(shape=(None, None, 1)), "image": tfds.features.Image(), "a_class": label}
    features = tfds.features.FeaturesDict({**scene, "bbox": box, "a_parts": parts, "objects": objects, "label": label})
    fields = tfds_source.box_fields("tfds:scenes", features)
    assert (fields.image, fields.box, fields.label) == (("image",), ("objects", "bbox"), ("objects", "type"))

    without_objects = tfds.features.FeaturesDict({**scene, "a_box": box, "bbox": box, "label": label})
    fields = tfds_source.box_fields("tfds:scenes", without_objects)
    assert (fields.box, fields.label, fields.file_name) == (("bbox",), ("label",), ())

    only = tfds.features.FeaturesDict({"photo": tfds.features.Image(), "face": box, "who": label})
    fields = tfds_source.box_fields("tfds:faces", only)
    assert (fields.image, fields.box, fields.label) == (("photo",), ("face",), ("who",))

    two_classes = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(), "bbox": box, "who": label, "where": label}
    )
    with pytest.raises(ValueError, match="lacks a class"):
        tfds_source.box_fields("tfds:faces", two_classes)


# Where it cannot be done.


class SmallDigits(Small, tfds.builder_cls("mnist")):
    """Neither boxes nor a need to prepare anything to find that out."""


class SmallFaces(Small, tfds.builder_cls("wider_face")):
    """Boxes without a class."""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tfds:small_digits", r"lacks a box\. Needed .* It has image \(Image\), label \(ClassLabel\)\."),
        ("tfds:small_faces", r"lacks a class\. .* faces/bbox \(BBoxFeature\), faces/blur \(Tensor\)"),
        ("tfds:small_bird", r"is not in TFDS [\d.]+ \(Dataset small_bird not found\)\. Did you mean small_birds"),
        (
            "tfds:small_coco/2018",
            r"\(BuilderConfig 2018 not found .*\)\. It has the configs 2014, 2017, 2017_panoptic\.",
        ),
        ("tfds:small_birds:9.9.9", r"cannot be loaded at version 9\.9\.9, only: 0\.2\.0"),
        ("tfds:", r"Write tfds:NAME, tfds:NAME/CONFIG or"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is_downloaded(source, message, tmp_path):
    with pytest.raises(ValueError, match=message) as raised:
        datasets.load(source, "train", data_dir=tmp_path)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_classes_are_its_own(data_dir):
    with pytest.raises(ValueError, match="class_names is for a folder"):
        datasets.info("tfds:small_birds", data_dir=data_dir, class_names=["bird"])


class SmallUnlabelled(Small, tfds.builder_cls("stanford_dogs")):
    """No box anywhere."""

    def example(self, split, number):
        return {"image": drawing(number), "image/filename": "", "label": 7, "objects": []}


def test_no_boxes_at_all(data_dir):
    with pytest.raises(ValueError, match="small_unlabelled has no boxes in its first examples of train, test"):
        datasets.info("tfds:small_unlabelled", data_dir=data_dir)


# Downloads, which TFDS does itself.


class SmallDownloaded(SmallBirds):
    """Needs a file that is downloaded first; the test says where it is, and what is registered of it."""

    COUNTS: ClassVar = {"train": 4}
    url_infos: ClassVar = {}

    def _split_generators(self, dl_manager):
        url, *_ = self.url_infos
        assert dl_manager.download(url).read_bytes() == b"birds"
        return super()._split_generators(dl_manager)


@pytest.fixture
def birds_file(mirrors, tmp_path, monkeypatch):
    """The file, registered in TFDS's way, and its address, where nothing is served yet."""
    path, url = tmp_path / "birds.tgz", mirrors[0].url("/birds.tgz")
    path.write_bytes(b"birds")
    url_info = tfds.core.download.checksums.compute_url_info(path)
    masks = dataclasses.replace(url_info, filename="masks.tgz")
    monkeypatch.setattr(SmallDownloaded, "url_infos", {url: url_info, mirrors[0].url("/masks.tgz"): masks})
    return path, url


def test_a_download(mirrors, birds_file, tmp_path):
    mirrors[0].files["/birds.tgz"] = Served(b"birds")
    info = datasets.prepare("tfds:small_downloaded", data_dir=tmp_path / "data")
    assert info.splits == {"train": 4}
    datasets.prepare("tfds:small_downloaded", data_dir=tmp_path / "data")
    assert len(mirrors[0].asked["/birds.tgz"]) == 1


@pytest.mark.parametrize(
    ("served", "reason"),
    [(None, r"Failed to get url \S+ HTTP code: 404"), (b"a login page", r"has wrong checksum: .*Expected: .* Got: ")],
)
def test_a_download_that_fails_and_the_way_by_hand(mirrors, birds_file, tmp_path, served, reason):
    path, url = birds_file
    if served is not None:
        mirrors[0].files["/birds.tgz"] = Served(served)
    with pytest.raises(datasets.DownloadError, match=reason) as raised:
        datasets.load("tfds:small_downloaded", "train", data_dir=tmp_path / "data")
    first, *remedy = str(raised.value).splitlines()
    assert first.startswith(f"TFDS could not get tfds:small_downloaded from {url}: ")
    assert remedy == [
        "By hand: put birds.tgz and masks.tgz, from https://www.vision.caltech.edu/datasets/cub_200_2011/ or wherever "
        "you find it, into a folder DIR;",
        "then run: clsloc prepare tfds:small_downloaded --from DIR",
    ]
    asked = len(mirrors[0].asked["/birds.tgz"])
    info = datasets.prepare("tfds:small_downloaded", from_folder=path.parent, data_dir=tmp_path / "data")
    assert info.splits == {"train": 4}
    assert len(mirrors[0].asked["/birds.tgz"]) == asked
