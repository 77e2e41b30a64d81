"""The embedded people: schema, disjoint splits, the same bytes on every run, no use without left and right."""

import numpy as np
import pytest

from clsloc_utils import datasets
from clsloc_utils.datasets import toy_pose
from clsloc_utils.joints import FLIP_ORDER, TORSO

SPLITS = dict(toy_pose.SPLITS)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A small `toy_pose`, prepared twice into folders of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy_pose, "SPLITS", {"train": 40, "validation": 10, "test": 20})
        folders = [tmp_path_factory.mktemp(f"toy{index}") for index in range(2)]
        for folder in folders:
            datasets.info("toy_pose", data_dir=folder)
        yield folders


def read(folder, split):
    return list(datasets.load("toy_pose", split, data_dir=folder).as_numpy_iterator())


def test_splits_and_roles(prepared):
    source = datasets.info("toy_pose", data_dir=prepared[0])
    assert dict(source.splits) == {"train": 40, "validation": 10, "test": 20}
    assert (source.train_split, source.validation_split, source.test_split) == ("train", "validation", "test")
    assert source.task == "pose"
    assert source.class_names == ()
    assert source.num_classes == 0


def test_there_are_enough_people_to_learn_from():
    assert SPLITS["train"] >= 3000


def test_examples_say_what_was_drawn(prepared):
    for example in read(prepared[0], "validation"):
        index = int(example["image/filename"].decode().removeprefix("validation_").removesuffix(".jpg"))
        drawing = toy_pose.draw_pose_annotated(toy_pose._SEEDS["validation"], index)
        assert example["image"] == drawing["image"]
        np.testing.assert_allclose(example["joints"] * drawing["size"], drawing["joints"], atol=1e-3)
        np.testing.assert_array_equal(example["labelled"], drawing["labelled"])
        np.testing.assert_array_equal(example["visible"], drawing["visible"])
        assert example["joints"].dtype == np.float32
        assert example["labelled"].dtype == example["visible"].dtype == bool


def test_two_preparations_give_the_same_bytes(prepared):
    for split in ("train", "test"):
        first, second = (read(folder, split) for folder in prepared)
        assert [example["image"] for example in first] == [example["image"] for example in second]
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one["joints"], other["joints"])


def test_splits_share_no_picture(prepared):
    pictures = [example["image"] for split in ("train", "validation", "test") for example in read(prepared[0], split)]
    assert len(pictures) == len(set(pictures)) == 70
    assert len(set(toy_pose._SEEDS.values())) == 3


def test_who_mixes_up_left_and_right_scores_badly(prepared):
    """An oracle with perfect joints and swapped sides: how much left and right are worth."""
    right = []
    for split in ("train", "test"):
        for example in read(prepared[0], split):
            with_size = (
                example["joints"]
                * toy_pose.draw_pose_annotated(toy_pose._SEEDS[split], int(example["image/filename"].decode()[-10:-4]))[
                    "size"
                ]
            )
            swapped = with_size[list(FLIP_ORDER)]
            torso = np.linalg.norm(with_size[TORSO[0]] - with_size[TORSO[1]])
            right += list(np.linalg.norm(swapped - with_size, axis=1) <= 0.2 * torso)
    # Neck and top of the head are two of 14, and right by themselves.
    assert 2 / 14 <= np.mean(right) < 0.4
