"""The embedded data set: VOC's schema, disjoint splits, the same bytes on every run."""

import io

import numpy as np
import pytest
from PIL import Image

from clsloc_utils import datasets
from clsloc_utils.datasets import toy_voc


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A small `toy_voc`, prepared twice into folders of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_voc, "SPLITS", {"train": 40, "validation": 10, "test": 20})
        folders = [tmp_path_factory.mktemp(f"toy{index}") for index in range(2)]
        for folder in folders:
            datasets.info("toy_voc", data_dir=folder)
        yield folders


def read(folder, split):
    return list(datasets.load("toy_voc", split, data_dir=folder).as_numpy_iterator())


def test_splits_classes_and_roles(prepared):
    source = datasets.info("toy_voc", data_dir=prepared[0])
    assert dict(source.splits) == {"train": 40, "validation": 10, "test": 20}
    assert source.class_names == datasets.VOC_CLASS_NAMES
    assert (source.train_split, source.validation_split, source.test_split) == ("train", "validation", "test")


def test_examples_say_what_was_drawn(prepared):
    for example in read(prepared[0], "validation"):
        index = int(example["image/filename"].decode().removeprefix("validation_").removesuffix(".jpg"))
        drawing = toy_voc.draw_annotated(toy_voc._SEEDS["validation"], index)
        assert example["image"] == drawing["image"]
        width, height = drawing["size"]
        assert len(example["objects"]["label"]) == len(drawing["objects"])
        for position, drawn in enumerate(drawing["objects"]):
            objects = {name: values[position] for name, values in example["objects"].items()}
            assert datasets.VOC_CLASS_NAMES[objects["label"]] == drawn["class_name"]
            assert datasets.VOC_POSES[objects["pose"]] == drawn["pose"].lower()
            assert objects["is_truncated"] == drawn["is_truncated"]
            assert objects["is_difficult"] == drawn["is_difficult"]
            ymin, xmin, ymax, xmax = objects["bbox"]
            np.testing.assert_allclose(
                np.array([xmin, ymin, xmax, ymax]) * [width, height, width, height], drawn["bbox"], atol=1e-3
            )
        labels = {datasets.VOC_CLASS_NAMES[label] for label in example["labels"]}
        assert labels == {drawn["class_name"] for drawn in drawing["objects"]}
        easy = {datasets.VOC_CLASS_NAMES[label] for label in example["labels_no_difficult"]}
        assert easy == {drawn["class_name"] for drawn in drawing["objects"] if not drawn["is_difficult"]}


def test_two_preparations_give_the_same_bytes(prepared):
    for split in ("train", "test"):
        first, second = (read(folder, split) for folder in prepared)
        assert [example["image"] for example in first] == [example["image"] for example in second]


def test_splits_share_no_picture(prepared):
    pictures = [example["image"] for split in ("train", "validation", "test") for example in read(prepared[0], split)]
    assert len(pictures) == len(set(pictures)) == 70
    assert len(set(toy_voc._SEEDS.values())) == 3


def test_pictures_are_large_enough_to_look_at(prepared):
    for example in read(prepared[0], "test"):
        with Image.open(io.BytesIO(example["image"])) as image:
            assert max(image.size) == 320
            assert min(image.size) >= 200
