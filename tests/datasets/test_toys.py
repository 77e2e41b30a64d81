"""The embedded drawings, `toy_voc` and `toy_pose`: what was drawn, disjoint splits, the same bytes on every run."""

import io

import numpy as np
import pytest
from PIL import Image

from clsloc_utils import datasets
from clsloc_utils.datasets import toy_pose, toy_voc
from clsloc_utils.joints import FLIP_ORDER, TORSO

MODULES = {"toy_voc": toy_voc, "toy_pose": toy_pose}
SPLITS = {"train": 40, "validation": 10, "test": 20}
PEOPLE = toy_pose.SPLITS["train"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Both, small, prepared twice into folders of their own."""
    with pytest.MonkeyPatch.context() as patch:
        folders = [tmp_path_factory.mktemp(f"toy{index}") for index in range(2)]
        for source, module in MODULES.items():
            patch.setattr(module, "SPLITS", SPLITS)
            for folder in folders:
                datasets.info(source, data_dir=folder)
        yield folders


def read(folder, split, source):
    """The examples of a split, each with what was drawn."""
    module = MODULES[source]
    draw = {"toy_voc": "draw_annotated", "toy_pose": "draw_pose_annotated"}[source]
    for example in datasets.load(source, split, data_dir=folder).as_numpy_iterator():
        index = int(example["image/filename"].decode().removeprefix(f"{split}_").removesuffix(".jpg"))
        yield example, getattr(module, draw)(module._SEEDS[split], index)


@pytest.mark.parametrize("source", MODULES)
def test_splits_roles_and_pictures(source, prepared):
    info = datasets.info(source, data_dir=prepared[0])
    assert (dict(info.splits), info.drawn) == (SPLITS, True)
    assert (info.train_split, info.validation_split, info.test_split) == ("train", "validation", "test")
    assert info.task == {"toy_voc": "boxes", "toy_pose": "pose"}[source]
    assert info.class_names == (datasets.VOC_CLASS_NAMES if source == "toy_voc" else ())
    assert info.num_classes == len(info.class_names)
    pictures = [example["image"] for split in SPLITS for example, _ in read(prepared[0], split, source)]
    assert len(pictures) == len(set(pictures)) == 70
    assert len(set(MODULES[source]._SEEDS.values())) == 3


@pytest.mark.parametrize("source", MODULES)
def test_two_preparations_give_the_same_bytes(source, prepared):
    for split in ("train", "test"):
        for (first, drawing), (second, _) in zip(*(read(folder, split, source) for folder in prepared), strict=True):
            assert first["image"] == second["image"] == drawing["image"]
            for field in set(first) & {"joints", "labels"}:
                np.testing.assert_array_equal(first[field], second[field])


def test_objects_are_those_that_were_drawn(prepared):
    for example, drawing in read(prepared[0], "validation", "toy_voc"):
        width, height = drawing["size"]
        with Image.open(io.BytesIO(example["image"])) as image:
            assert image.size == (width, height)
            assert max(image.size) == 320
            assert min(image.size) >= 200
        objects = example["objects"]
        boxes = objects["bbox"][:, [1, 0, 3, 2]] * [width, height, width, height]
        np.testing.assert_allclose(boxes, [drawn["bbox"] for drawn in drawing["objects"]], atol=1e-3)
        found = [
            (datasets.VOC_CLASS_NAMES[label], datasets.VOC_POSES[pose], is_truncated, is_difficult)
            for label, pose, is_truncated, is_difficult in zip(
                *(objects[field] for field in ("label", "pose", "is_truncated", "is_difficult")), strict=True
            )
        ]
        assert found == [
            (drawn["class_name"], drawn["pose"].lower(), drawn["is_truncated"], drawn["is_difficult"])
            for drawn in drawing["objects"]
        ]
        assert {datasets.VOC_CLASS_NAMES[label] for label in example["labels"]} == {name for name, *_ in found}
        easy = {datasets.VOC_CLASS_NAMES[label] for label in example["labels_no_difficult"]}
        assert easy == {name for name, _, _, is_difficult in found if not is_difficult}


def test_joints_are_those_that_were_drawn(prepared):
    for example, drawing in read(prepared[0], "validation", "toy_pose"):
        np.testing.assert_allclose(example["joints"] * drawing["size"], drawing["joints"], atol=1e-3)
        np.testing.assert_array_equal(example["labelled"], drawing["labelled"])
        np.testing.assert_array_equal(example["visible"], drawing["visible"])


def test_there_are_enough_people_to_learn_from():
    assert PEOPLE >= 3000


def test_who_mixes_up_left_and_right_scores_badly(prepared):
    """An oracle with perfect joints and swapped sides: how much left and right are worth."""
    right = []
    for split in ("train", "test"):
        for example, drawing in read(prepared[0], split, "toy_pose"):
            joints = example["joints"] * drawing["size"]
            torso = np.linalg.norm(joints[TORSO[0]] - joints[TORSO[1]])
            right += list(np.linalg.norm(joints[list(FLIP_ORDER)] - joints, axis=1) <= 0.2 * torso)
    # Neck and top of the head are two of 14, and right by themselves.
    assert 2 / 14 <= np.mean(right) < 0.4
