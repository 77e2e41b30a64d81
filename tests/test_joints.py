"""The joints: their order, their sides and their mirror image."""

import pytest

from clsloc_utils import joints


def test_order_is_that_of_leeds_sports_pose():
    assert joints.NUM_JOINTS == 14
    assert joints.JOINT_NAMES[:6] == ("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle")
    assert joints.JOINT_NAMES[6:12:5] == ("right wrist", "left wrist")
    assert joints.JOINT_NAMES[12:] == ("neck", "head top")


@pytest.mark.parametrize("joint", range(joints.NUM_JOINTS))
def test_the_mirror_swaps_left_and_right_and_nothing_else(joint):
    twin = joints.FLIP_ORDER[joint]
    assert joints.FLIP_ORDER[twin] == joint
    swapped = {"left": "right", "right": "left", "middle": "middle"}
    assert joints.side_of(twin) == swapped[joints.side_of(joint)]
    part = joints.JOINT_NAMES[joint].removeprefix("left ").removeprefix("right ")
    assert joints.JOINT_NAMES[twin].endswith(part)


@pytest.mark.parametrize("limb", [name for name in joints.LIMBS if name not in ("trunk", "head")])
def test_a_limb_joins_neighbours_of_its_own_side(limb):
    side = limb.split()[0]
    names = {joints.JOINT_NAMES[joint] for joint in joints.LIMBS[limb]}
    parts = {
        "upper leg": {"hip", "knee"},
        "lower leg": {"knee", "ankle"},
        "upper arm": {"shoulder", "elbow"},
        "lower arm": {"elbow", "wrist"},
    }
    assert names == {f"{side} {part}" for part in parts[limb.removeprefix(f"{side} ")]}


def test_the_torso_runs_from_hip_to_shoulder_across():
    assert [joints.JOINT_NAMES[joint] for joint in joints.TORSO] == ["right hip", "left shoulder"]


def test_bones_reach_every_joint_and_are_the_same_in_a_mirror():
    assert {joint for bone in joints.BONES for joint in bone} == set(range(joints.NUM_JOINTS))
    mirrored = {frozenset(joints.FLIP_ORDER[joint] for joint in bone) for bone in joints.BONES}
    assert mirrored == {frozenset(bone) for bone in joints.BONES}
