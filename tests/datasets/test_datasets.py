"""The loader: names, splits and roles, the stock VOC builders, undecoded images, the shared schema."""

import functools
import json
import operator
import re
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf import json_format
from helpers.folders import Drawn, LspWriter, VocWriter

from clsloc_utils import datasets
from clsloc_utils.datasets import loader

NAMES = {"2007": {"train": 4, "val": 3, "test": 5}, "2012": {"train": 2, "val": 1, "test": 6}}


@pytest.fixture(scope="module")
def stock_data_dir(tmp_path_factory):
    """Stock `voc/2007` and `voc/2012`, prepared by TFDS's own code from small folders in place of the downloads."""
    root = tmp_path_factory.mktemp("stock")
    for year, counts in NAMES.items():
        writer = VocWriter(root / f"VOCdevkit/VOC{year}")
        for split, count in counts.items():
            names = [f"{year}_{split}_{number}" for number in range(count)]
            writer.list(f"{split}.txt", names)
            for number, name in enumerate(names):
                dog = Drawn("dog", (3 + number, 5, 50, 41 + number), is_truncated=number == 1, pose="Left")
                person = Drawn("person", (1, 2, 96, 64), is_difficult=True, pose="Frontal")
                writer.add(name, [dog, person] if number == 2 else [dog])
                if (year, split) == ("2012", "test"):
                    writer.annotation_path(name).unlink()
        with mock.patch.object(
            tfds.download.DownloadManager, "download_and_extract", return_value={"trainval": root, "test": root}
        ):
            tfds.builder(f"voc/{year}", data_dir=root / "data").download_and_prepare()
    return root / "data"


def file_names(examples):
    return sorted(example["image/filename"].decode() for example in examples.as_numpy_iterator())


def test_the_schema_is_that_of_the_stock_builder(tmp_path):
    stock = tfds.builder("voc/2007", data_dir=tmp_path).info.features
    ours = datasets.voc_features()
    assert json_format.MessageToDict(ours.to_proto()) == json_format.MessageToDict(stock.to_proto())
    assert ours.get_serialized_info() == stock.get_serialized_info()
    assert tuple(stock["objects"]["label"].names) == datasets.VOC_CLASS_NAMES
    assert tuple(stock["objects"]["pose"].names) == datasets.VOC_POSES
    for features in (ours, stock):
        assert features["objects"]["label"].names == features["labels"].feature.names
        assert features["labels"].feature.names == features["labels_no_difficult"].feature.names


def test_a_folder_gives_what_the_stock_builder_makes_of_the_same_files(stock_data_dir, tmp_path):
    folder = stock_data_dir.parent / "VOCdevkit/VOC2007"
    for split in ("train", "validation", "test"):
        stock = list(datasets.load("voc/2007", split, data_dir=stock_data_dir).as_numpy_iterator())
        ours = list(
            datasets.load(
                folder, split, data_dir=tmp_path, strict=True, class_names=datasets.VOC_CLASS_NAMES
            ).as_numpy_iterator()
        )
        assert len(ours) == len(stock) == NAMES["2007"]["val" if split == "validation" else split]
        for our_example, stock_example in zip(ours, stock, strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, our_example, stock_example)


def test_images_are_not_decoded(voc_folder, data_dir, stock_data_dir):
    for source, place in ((voc_folder, data_dir), ("voc/2007", stock_data_dir)):
        examples = datasets.load(source, "train", data_dir=place)
        assert examples.element_spec["image"] == tf.TensorSpec((), tf.string)
        assert all(example["image"].startswith(b"\xff\xd8") for example in examples.as_numpy_iterator())


def test_roles_with_an_annotated_test_split(stock_data_dir):
    info = datasets.info("voc/2007", data_dir=stock_data_dir)
    assert info.name == "voc/2007"
    assert info.splits == {"train": 4, "validation": 3, "test": 5}
    assert (info.train_split, info.validation_split, info.test_split) == ("train", "validation", "test")
    assert info.class_names == datasets.VOC_CLASS_NAMES
    assert info.num_classes == 20


def test_a_test_split_without_annotations_has_no_role(stock_data_dir):
    info = datasets.info("voc/2012", data_dir=stock_data_dir)
    assert (info.train_split, info.validation_split, info.test_split) == ("train[:85%]", "train[85%:]", "validation")
    assert len(file_names(datasets.load("voc/2012", "test", data_dir=stock_data_dir))) == 6


def test_both_years_are_joined(stock_data_dir):
    info = datasets.info("voc/2007+2012", data_dir=stock_data_dir)
    assert info.splits == {"train": 6, "validation": 4, "test": 5}
    assert (info.train_split, info.validation_split, info.test_split) == ("train", "validation", "test")

    def joined(split):
        return file_names(datasets.load("voc/2007+2012", split, data_dir=stock_data_dir))

    assert joined("train") == [f"2007_train_{n}.jpg" for n in range(4)] + [f"2012_train_{n}.jpg" for n in range(2)]
    assert joined("test") == [f"2007_test_{n}.jpg" for n in range(5)]
    assert len(joined("train[:50%]+test")) == 2 + 1 + 5
    assert len(joined("train+validation")) == 10


def test_roles_of_a_folder_cover_its_training_images_once(voc_folder, data_dir):
    info = datasets.info(voc_folder, data_dir=data_dir)
    assert info.class_names == ("disc", "square", "triangle")
    assert info.splits == {"train": 16, "validation": 8}
    names = [
        file_names(datasets.load(voc_folder, split, data_dir=data_dir))
        for split in (info.train_split, info.validation_split, info.test_split)
    ]
    assert [len(split_names) for split_names in names] == [14, 2, 8]
    assert sorted(functools.reduce(operator.iadd, names, [])) == [f"shape_{number:02d}.jpg" for number in range(24)]


@pytest.mark.parametrize(
    ("splits", "roles"),
    [
        (["train", "validation", "test"], ("train", "validation", "test")),
        (["train", "validation"], ("train[:85%]", "train[85%:]", "validation")),
        (["train", "test"], ("train[:85%]", "train[85%:]", "test")),
        (["validation", "test"], ("validation[:85%]", "validation[85%:]", "test")),
        (["train"], ("train[:70%]", "train[70%:85%]", "train[85%:]")),
        (["test"], ("test[:70%]", "test[70%:85%]", "test[85%:]")),
        (["test", "train", "test2015", "minival"], ("train[:85%]", "train[85%:]", "test")),
        (["val", "train2017"], ("train2017[:85%]", "train2017[85%:]", "val")),
        (["a", "bc"], ("bc[:70%]", "bc[70%:85%]", "bc[85%:]")),
    ],
)
def test_roles(splits, roles):
    assert loader._roles({split: len(split) for split in splits}) == roles


def test_an_unknown_source_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"toy_voc, voc/2007, voc/2012, voc/2007\+2012") as raised:
        datasets.load("voc/2008", "train", data_dir=tmp_path)
    for part in ("voc/2008", "Did you mean voc/2007?", "tfds:NAME"):
        assert part in str(raised.value)
    assert "layout" not in str(raised.value)


def test_what_is_no_folder_of_photos_is_told_what_was_meant(make_voc_folder, tmp_path):
    folder = make_voc_folder(tmp_path / "my_photos")
    (tmp_path / "empty").mkdir()
    for wrong, words in {
        "my_photso": r"is neither a known source nor a folder\. Did you mean my_photos\?",
        "empty": "is an empty folder",
        "my_photos/Annotations/shape_00.xml": "is a file; name the folder",
        "my_photos/JPEGImages": rf"Did you mean {re.escape(str(folder.resolve()))}\?$",
    }.items():
        with pytest.raises(ValueError, match=words):
            datasets.info(tmp_path / wrong, data_dir=tmp_path / "data")


def test_a_folder_above_the_right_one_is_recognised(stock_data_dir, tmp_path):
    with pytest.raises(ValueError, match=r"Did you mean .*VOC2007\?"):
        datasets.info(stock_data_dir.parent / "VOCdevkit", data_dir=tmp_path)


BAD_SPLITS = {
    **dict.fromkeys(("val", "train+val", "train[:10%", "", "trainvalidation"), "it has train, validation"),
    "train[:1%]": r"'train\[:1%\]'.* is empty: train has 16 examples",
    **dict.fromkeys(
        ("train[:17]", "train[20:]", "validation+train[:99]"),
        "reaches beyond what is there: train has 16 examples.*within",
    ),
}


@pytest.mark.parametrize("split", BAD_SPLITS)
def test_a_split_that_is_not_there_is_told_what_is(voc_folder, data_dir, split):
    with pytest.raises(ValueError, match=BAD_SPLITS[split]):
        datasets.load(voc_folder, split, data_dir=data_dir)


def test_class_names_are_for_folders_only(stock_data_dir):
    with pytest.raises(ValueError, match="class_names is for a folder"):
        datasets.load("voc/2007", "train", data_dir=stock_data_dir, class_names=["dog"])


def test_the_data_folder_comes_from_the_environment(voc_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path / "from_environment"))
    datasets.load(voc_folder, "train")
    (metadata,) = (tmp_path / "from_environment").glob("**/metadata.json")
    assert json.loads(metadata.read_text())["problems"] == []


def test_the_data_folder_is_the_users_cache_by_default(voc_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("CLSLOC_DATA_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    datasets.load(voc_folder, "train")
    assert list((tmp_path / "clsloc").glob("**/metadata.json"))


def test_published_counts_are_compared(stock_data_dir, monkeypatch):
    assert datasets.PUBLISHED_COUNTS == {"voc/2007": {"train": 905, "validation": 960}}

    def sentence(**counts):
        monkeypatch.setitem(datasets.PUBLISHED_COUNTS, "voc/2007", counts)
        return datasets.check_published_counts("voc/2007", data_dir=stock_data_dir)

    # Of 4 and 3 images the third one has two objects, one of them difficult, which counts.
    assert sentence(train=3, validation=2) == (
        "Images with exactly one object: 3 in train and 2 in validation, as published for voc/2007."
    )
    assert sentence(train=3, validation=3) == (
        "Images with exactly one object: 3 in train and 2 in validation. Published for voc/2007: 3 in train and 3 in "
        "validation; find out why before you go on."
    )
    assert datasets.check_published_counts("voc/2012", data_dir=stock_data_dir) == (
        "No published counts are known for voc/2012: nothing to compare with."
    )


# Poses.


def test_the_schema_of_poses():
    features = datasets.pose_features()
    assert {name: (feature.shape, feature.np_dtype) for name, feature in features.items() if name != "image"} == {
        "image/filename": ((), np.object_),
        "joints": ((14, 2), np.float32),
        "labelled": ((14,), np.bool_),
        "visible": ((14,), np.bool_),
    }
    assert isinstance(features["image"], tfds.features.Image)


def test_a_folder_of_either_layout_is_recognised(voc_folder, tmp_path):
    writer = LspWriter(tmp_path / "above" / "lsp", extended=False)
    writer.write(3)
    assert datasets.report(writer.folder).num_examples == {"train": 3}
    assert datasets.report(voc_folder).num_examples == {"train": 16, "validation": 8}
    assert datasets.info(writer.folder, data_dir=tmp_path / "data").task == "pose"
    with pytest.raises(ValueError, match=r"Did you mean .*lsp\?"):
        datasets.info(tmp_path / "above", data_dir=tmp_path / "data")


def test_a_folder_of_no_layout_is_told_of_all_layouts(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ValueError, match="folder of a known layout") as raised:
        datasets.load(tmp_path, "train", data_dir=tmp_path)
    for part in ("VOC layout", "YOLO layout", "COCO layout", "LSP layout", "JPEGImages", "joints.mat", "im0001.jpg"):
        assert part in str(raised.value)
