"""The drawn people: their joints are where the drawing has them, and visible where the drawing shows them."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from clsloc_utils.datasets.drawing import people, poses
from clsloc_utils.joints import FLIP_ORDER, JOINT_NAMES, side_of

LIMB_JOINTS = [
    joint for joint, name in enumerate(JOINT_NAMES) if name.split()[-1] in ("ankle", "knee", "elbow", "wrist")
]
MARKERS = {
    "right leg": (255, 0, 0),
    "left leg": (0, 255, 0),
    "right arm": (0, 0, 255),
    "left arm": (255, 255, 0),
    "trunk": (255, 0, 255),
    "head": (0, 255, 255),
}


def scene_of(seed, **options):
    return poses.draw_pose(np.random.default_rng(seed), **options)


def limb_of(joint):
    """The part that a joint of an arm or leg lies on, from its name alone."""
    side, name = JOINT_NAMES[joint].split()
    return f"{side} {'leg' if name in ('ankle', 'knee') else 'arm'}"


@pytest.fixture
def marked(monkeypatch):
    """Every part of the people is painted in a colour of its own, and no camera changes it."""
    original = people.dressed_parts

    def repainted(joints, rng, view="other"):
        parts = original(joints, rng, view)
        for name, part in parts:
            part.shapes = [(points, MARKERS[name]) for points, _ in part.shapes]
        return parts

    monkeypatch.setattr(people, "dressed_parts", repainted)
    monkeypatch.setattr(poses, "photograph", lambda rng, image: image)
    # In a mirror the right arm is the left one, but keeps its paint: nobody is mirrored here.
    monkeypatch.setattr(poses._Person, "mirrored", lambda person: person)


def colours_near(scene, joint):
    column, row = np.floor(scene.joints[joint]).astype(int)
    pixels = np.asarray(scene.image)[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    return {tuple(int(level) for level in pixel) for pixel in pixels.reshape(-1, 3)}


def test_visible_joints_lie_on_their_own_limb_and_hidden_ones_do_not(marked):
    seen = {True: 0, False: 0}
    for seed in range(60):
        scene = scene_of(seed)
        for joint in LIMB_JOINTS:
            if not scene.labelled[joint]:
                continue
            colours = colours_near(scene, joint)
            if len(colours) > 1:
                continue  # At the edge of a part, where two of them mix.
            assert (MARKERS[limb_of(joint)] in colours) == scene.visible[joint], (seed, JOINT_NAMES[joint])
            seen[bool(scene.visible[joint])] += 1
    assert seen[True] > 150
    assert seen[False] > 15


def test_trunk_and_head_hold_their_joints(marked):
    on_part = []
    for seed in range(40):
        scene = scene_of(seed)
        for joint, part in ((2, "trunk"), (3, "trunk"), (8, "trunk"), (9, "trunk"), (12, "head"), (13, "head")):
            if scene.visible[joint]:
                allowed = {MARKERS["head"], MARKERS["trunk"]} if joint == 12 else {MARKERS[part]}
                if part == "trunk":
                    side = side_of(joint)
                    allowed |= {MARKERS[f"{side} leg"] if joint in (2, 3) else MARKERS[f"{side} arm"]}
                on_part.append(bool(allowed & colours_near(scene, joint)))
    assert len(on_part) > 120
    assert np.mean(on_part) > 0.93  # The top of a head lies at its edge, and hair may be flat.


@pytest.mark.parametrize("pose", [*people.POSES, *people.MOTIONS])
def test_every_pose_keeps_the_lengths_of_a_body(pose):
    for seed in range(5):
        joints = people.skeleton(np.random.default_rng(seed), pose)

        def length(first, second, joints=joints):
            return np.linalg.norm(joints[first] - joints[second])

        for right, left in (((0, 1), (5, 4)), ((1, 2), (4, 3)), ((6, 7), (11, 10)), ((7, 8), (10, 9))):
            assert length(*right) == pytest.approx(length(*left))
        assert 20 < length(1, 2) < 27
        assert 13 < length(7, 8) < 18
        assert 27 < np.linalg.norm(joints[12]) < 34
        assert joints[3, 0] > 0 > joints[2, 0]


@pytest.mark.parametrize(("yaw", "right_hip_is_left_of_left_hip"), [(0, True), (180, False)])
def test_a_turn_shows_the_other_side(yaw, right_hip_is_left_of_left_hip):
    joints = people.seen_from(people.skeleton(np.random.default_rng(0), "standing"), yaw)
    assert (joints[2, 0] < joints[3, 0]) == right_hip_is_left_of_left_hip
    assert people.facing(joints) == pytest.approx(math.radians(yaw), abs=1e-6)


def test_a_camera_above_sees_what_is_nearer_lower_in_the_picture():
    joints = people.skeleton(np.random.default_rng(0), "standing")
    level, from_above = people.seen_from(joints, 0), people.seen_from(joints, 0, pitch=20)
    np.testing.assert_allclose(np.linalg.norm(level, axis=1), np.linalg.norm(from_above, axis=1))
    ahead = people.seen_from(np.array([[0.0, 0, 10]] * 14), 0, pitch=20)
    assert ahead[0, 1] > 0


def test_a_mirrored_person_is_the_mirror_image_with_sides_swapped():
    person = poses._person(np.random.default_rng(4), "throwing", 30)
    mirrored = person.mirrored()
    np.testing.assert_allclose(mirrored.joints[list(FLIP_ORDER)] * (-1, 1), person.joints)
    swapped = {"right": "left", "left": "right"}
    for (name, part), (mirrored_name, mirrored_part) in zip(person.parts, mirrored.parts, strict=True):
        side, *limb = name.split()
        assert mirrored_name.split() == [swapped.get(side, side), *limb]
        np.testing.assert_allclose(mirrored_part.shapes[0][0] * (-1, 1), part.shapes[0][0])
    again = mirrored.mirrored()
    np.testing.assert_allclose(again.joints, person.joints)
    np.testing.assert_array_equal(again.on_far_side, person.on_far_side)


@pytest.mark.parametrize(("yaw", "far"), [(90, "left"), (-90, "right")])
def test_from_the_side_the_far_shoulder_and_hip_are_hidden_by_the_trunk(monkeypatch, yaw, far):
    """Who faces the right of the picture turns the left side away."""
    monkeypatch.setattr(poses._Person, "mirrored", lambda person: person)
    for seed in range(20):
        person = poses._person(np.random.default_rng(seed), "standing", yaw)
        hidden = {JOINT_NAMES[joint] for joint in np.flatnonzero(person.on_far_side)}
        assert hidden == {f"{far} hip", f"{far} shoulder"}
        assert not poses._person(np.random.default_rng(seed), "standing", 0).on_far_side.any()


def test_labelled_joints_are_those_in_the_picture():
    cut_off = 0
    for seed in range(120):
        scene = scene_of(seed)
        width, height = scene.image.size
        inside = [0 <= x < width and 0 <= y < height for x, y in scene.joints]
        np.testing.assert_array_equal(scene.labelled, inside)
        assert not (scene.visible & ~scene.labelled).any()
        assert scene.labelled.sum() >= 4
        cut_off += not scene.labelled.all()
    assert 8 <= cut_off <= 40


def test_most_joints_are_visible_and_some_hidden():
    scenes = [scene_of(seed) for seed in range(100)]
    labelled = np.array([scene.labelled for scene in scenes])
    visible = np.array([scene.visible for scene in scenes])
    assert 0.7 < visible.sum() / labelled.sum() < 0.95
    assert labelled.mean() > 0.93


def test_the_person_is_large_in_the_picture():
    for seed in range(40):
        scene = scene_of(seed)
        assert 240 <= max(scene.image.size) <= 320
        assert min(scene.image.size) >= 110
        rows, columns = np.nonzero(scene.mask)
        assert scene.mask.shape == scene.image.size[::-1]
        height_and_width = np.ptp(rows) / scene.image.height, np.ptp(columns) / scene.image.width
        assert max(height_and_width) > 0.5


def test_people_face_all_ways_and_move():
    torsos = np.array([scene.joints[2] - scene.joints[3] for scene in (scene_of(seed) for seed in range(80))])
    to_the_left = (torsos[:, 0] < 0).mean()
    assert 0.3 < to_the_left < 0.7
    tilts = []
    for seed in range(80):
        joints = scene_of(seed).joints
        trunk = joints[12] - joints[2:4].mean(axis=0)
        tilts.append(math.degrees(math.atan2(trunk[0], -trunk[1])))
    assert np.std(tilts) > 12


def test_the_same_numbers_give_the_same_bytes():
    first, again, other = (poses.draw_pose_annotated(1, index) for index in (0, 0, 1))
    assert first["image"] == again["image"] != other["image"]
    for field in ("joints", "labelled", "visible"):
        np.testing.assert_array_equal(first[field], again[field])
    with Image.open(io.BytesIO(first["image"])) as image:
        assert image.format == "JPEG"
        assert image.size == first["size"]
