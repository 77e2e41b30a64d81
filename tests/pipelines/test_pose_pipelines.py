"""Crop, parse, augment and batch people: markers at the joints tell whether image and joints moved together."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.folders import LspWriter, jpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clsloc_utils import pipelines
from clsloc_utils.joints import FLIP_ORDER, JOINT_NAMES
from clsloc_utils.pipelines import (
    PoseAugmentation,
    augment_pose,
    flip_joints,
    parse_pose,
    person_crop,
    pose_batches,
    to_crop,
    to_photo,
)

AS_THEY_ARE = {"brightness": 0.0, "contrast": 0.0}
NOTHING = PoseAugmentation(rotation=0.0, scale=0.0, shift=0.0, flip=False, **AS_THEY_ARE)
MARKER = (255, 0, 0)
MARKED = 5

coordinates = st.integers(-200, 1200).map(lambda thousandths: thousandths / 1000)
people = st.lists(st.tuples(coordinates, coordinates), min_size=14, max_size=14).map(
    lambda pairs: np.array(pairs, np.float32)
)


def marked_photo(position, size=(200, 150)):
    """An undecoded photo, blue on grey, with a red disc around a position in pixels."""
    width, height = size
    pixels = np.full((height, width, 3), (40, 60, 120), np.uint8)
    rows, columns = np.indices((height, width)) + 0.5
    pixels[np.hypot(columns - position[0], rows - position[1]) <= 5] = MARKER
    return jpeg(Image.fromarray(pixels))


def example_of(seed, size=(200, 150)):
    """A person of scattered joints; the disc marks the joint number `MARKED`."""
    chance = np.random.default_rng(seed)
    joints = chance.uniform(0.2, 0.8, (14, 2)).astype(np.float32)
    joints[MARKED] = np.round(joints[MARKED] * size) / size
    labelled = chance.random(14) < 0.8
    labelled[[MARKED, 0]] = True
    photo = marked_photo(joints[MARKED] * size, size)
    return {"image": photo, "joints": joints, "labelled": labelled, "visible": labelled}


def centre_of_marker(image):
    """x and y of the red disc in an image, relative to its side; `None` where it is cut off or outside."""
    red = np.clip(image[..., 0] - np.maximum(image[..., 1], image[..., 2]) - 40, 0, None)
    if red.sum() < 200 or red[[0, -1]].any() or red[:, [0, -1]].any():
        return None
    places = (np.arange(len(image)) + 0.5) / len(image)
    return np.array([red.sum(axis=0) @ places, red.sum(axis=1) @ places]) / red.sum()


def parsed_batches(count, image_size=96, margin=0.15, surroundings=0.0):
    parsed = [parse_pose(image_size, margin, surroundings)(example_of(seed)) for seed in range(count)]
    columns = tf.nest.map_structure(lambda *values: tf.stack(values), *parsed)
    return tf.data.Dataset.from_tensor_slices(columns).batch(16)


def together(dataset):
    """All of a dataset as arrays: images, joints, weights."""
    parts = list(dataset.as_numpy_iterator())
    return (
        np.concatenate([images for images, _, _ in parts]),
        np.concatenate([targets["joints"] for _, targets, _ in parts]),
        np.concatenate([weights["joints"] for _, _, weights in parts]),
    )


# Crops and mirrors.


@given(joints=people, known=st.lists(st.booleans(), min_size=14, max_size=14), margin=st.floats(0, 1))
@settings(max_examples=60)
def test_a_crop_is_a_square_around_all_labelled_joints(joints, known, margin):
    width, height = 320, 200
    xmin, ymin, xmax, ymax = person_crop(joints, known, width, height, margin).numpy()
    assert xmax - xmin == pytest.approx(ymax - ymin, rel=1e-4)
    positions = joints[np.array(known, bool)] * (width, height)
    if not len(positions):
        positions = np.array([[0, 0], [width, height]], np.float32)
    extent = np.ptp(positions, axis=0).max()
    assert xmax - xmin == pytest.approx(max((1 + 2 * margin) * extent, 32), rel=1e-4)
    room = margin * extent - 0.01
    assert (positions >= np.array([xmin, ymin]) + room).all()
    assert (positions <= np.array([xmax, ymax]) - room).all()


def test_the_joints_without_a_label_do_not_widen_a_crop():
    joints = np.full((14, 2), 0.5, np.float32)
    joints[:3] = [[0.4, 0.4], [0.6, 0.5], [-20, 30]]
    labelled = [True, True, False, *[True] * 11]
    np.testing.assert_allclose(person_crop(joints, labelled, 100, 100, 0.0), [40, 35, 60, 55], atol=1e-4)


@given(joints=people, margin=st.floats(0, 0.5))
@settings(max_examples=40)
def test_from_photo_to_crop_and_back(joints, margin):
    crop = person_crop(joints, np.ones(14, bool), 300, 400, margin)
    pixels = joints * (300, 400)
    inside = to_crop(pixels, crop).numpy()
    np.testing.assert_allclose(to_photo(inside, crop), pixels, atol=0.01)
    assert ((inside > -1e-3) & (inside < 1 + 1e-3)).all()
    crops = np.stack([crop, 2 * crop])
    np.testing.assert_allclose(to_photo(np.stack([inside] * 2), crops), [pixels, 2 * pixels], atol=0.02)


@given(joints=people)
@settings(max_examples=30)
def test_a_mirror_twice_is_none_and_once_swaps_left_and_right(joints):
    mirrored = flip_joints(joints).numpy()
    np.testing.assert_allclose(flip_joints(mirrored), joints, atol=1e-6)
    for joint, name in enumerate(JOINT_NAMES):
        twin = JOINT_NAMES.index(name.replace("left", "?").replace("right", "left").replace("?", "right"))
        np.testing.assert_allclose(mirrored[twin], (1 - joints[joint, 0], joints[joint, 1]), atol=1e-6)


# Parse.


@pytest.mark.parametrize("margin", [None, 0.0, 0.15, 0.6])
@pytest.mark.parametrize("surroundings", [0.0, 0.3])
def test_the_marker_is_where_the_joint_is(margin, surroundings):
    found = 0
    for seed in range(12):
        image, targets, weights = parse_pose(128, margin, surroundings)(example_of(seed))
        side = 128 + 2 * round(surroundings * 128)
        assert image.shape == (side, side, 3)
        assert image.dtype == targets["joints"].dtype == weights["joints"].dtype == tf.float32
        centre = centre_of_marker(image.numpy())
        if centre is not None:
            np.testing.assert_allclose(targets["joints"][MARKED], centre, atol=0.3 / 128)
            found += 1
    assert found >= 8


def test_joints_without_a_label_weigh_nothing_and_lie_in_the_middle():
    for seed in range(5):
        example = example_of(seed)
        _, targets, weights = parse_pose(64)(example)
        np.testing.assert_array_equal(weights["joints"], example["labelled"].astype(np.float32))
        assert (targets["joints"].numpy()[~example["labelled"]] == 0.5).all()


def test_a_large_photo_shrinks_without_losing_pixels():
    """A chessboard of single pixels becomes an even grey; plain interpolation would make patterns of it."""
    board = np.indices((400, 400)).sum(axis=0) % 2 * 255
    photo = jpeg(Image.fromarray(board.astype(np.uint8)).convert("RGB"), quality=100)
    joints = np.tile(np.float32([[0.02, 0.02], [0.98, 0.98]]), (7, 1))
    image, _, _ = parse_pose(50, 0.0)({"image": photo, "joints": joints, "labelled": np.ones(14, bool)})
    assert image.numpy().std() < 6


def test_outside_of_the_photo_is_grey():
    example = example_of(0)
    image, _, _ = parse_pose(100, margin=2.0)(example)
    np.testing.assert_allclose(image[0, 0], 127.5)
    np.testing.assert_allclose(image[-1, -1], 127.5)


# Augment.


@pytest.mark.parametrize(
    "changes",
    [
        {"rotation": 40.0, "scale": 0.0, "shift": 0.0, "flip": False},
        {"rotation": 0.0, "scale": 0.5, "shift": 0.0, "flip": False},
        {"rotation": 0.0, "scale": 0.0, "shift": 0.2, "flip": False},
        {"rotation": 0.0, "scale": 0.0, "shift": 0.0, "flip": True},
        {},
    ],
    ids=lambda changes: ",".join(name for name, value in changes.items() if value) or "all",
)
def test_the_marker_goes_where_the_joint_goes(changes):
    augmentation = PoseAugmentation(**changes, **AS_THEY_ARE)
    plain = together(parsed_batches(64))[1]
    batches = parsed_batches(64, surroundings=augmentation.surroundings)
    images, joints, weights = together(augment_pose(batches, augmentation, image_size=96, seed=1))
    assert images.shape == (64, 96, 96, 3)
    moved, twins = 0, 0
    for index, (image, positions) in enumerate(zip(images, joints, strict=True)):
        centre = centre_of_marker(image)
        if centre is None:
            continue
        # A mirrored person's marked left ankle is the right one's twin.
        errors = np.abs(positions[[MARKED, FLIP_ORDER[MARKED]]] - centre).max(axis=1)
        errors[weights[index, [MARKED, FLIP_ORDER[MARKED]]] == 0] = np.inf
        assert errors.min() < 0.4 / 96
        moved += np.abs(centre - plain[index, MARKED]).max() > 1.5 / 96
        twins += errors.argmin() == 1
    assert moved > 20
    assert (twins > 12) == augmentation.flip


def test_a_mirror_swaps_the_weights_too():
    mirror = PoseAugmentation(rotation=0.0, scale=0.0, shift=0.0, **AS_THEY_ARE)
    _, before, weights_before = together(parsed_batches(48))
    _, after, weights = together(augment_pose(parsed_batches(48), mirror, image_size=96, seed=0))
    mirrored = np.abs(after - before).max(axis=(1, 2)) > 1e-3
    assert 12 < mirrored.sum() < 36
    np.testing.assert_array_equal(weights[~mirrored], weights_before[~mirrored])
    np.testing.assert_array_equal(weights[mirrored], weights_before[mirrored][:, list(FLIP_ORDER)])
    np.testing.assert_allclose(after[mirrored], flip_joints(before[mirrored]), atol=1e-5)


def test_the_whole_body_turns_as_one():
    """A turn by 40 degrees at most, a change of size by 1.2 at most, the same for all joints of a person."""
    augmentation = PoseAugmentation(rotation=40.0, scale=0.2, shift=0.0, flip=False)
    _, original, weights_before = together(parsed_batches(48))
    batches = parsed_batches(48, surroundings=augmentation.surroundings)
    _, joints, weights = together(augment_pose(batches, augmentation, image_size=96, seed=2))
    turns = []
    for before, after, both in zip(original, joints, (weights > 0) & (weights_before > 0), strict=True):
        design = np.column_stack([before[both], np.ones(both.sum())])
        solution, *_ = np.linalg.lstsq(design, after[both], rcond=None)
        np.testing.assert_allclose(design @ solution, after[both], atol=1e-3)
        matrix = solution[:2].T
        scale = np.sqrt(np.linalg.det(matrix))
        assert 1 / 1.2 - 1e-3 <= scale <= 1.2 + 1e-3
        np.testing.assert_allclose(matrix @ matrix.T, scale**2 * np.eye(2), atol=2e-3)
        turns.append(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    assert -40.1 < min(turns) < -20
    assert 20 < max(turns) < 40.1


def test_joints_that_leave_the_image_are_not_asked_for():
    augmentation = PoseAugmentation(rotation=0.0, scale=0.0, shift=0.4, flip=False, **AS_THEY_ARE)
    _, _, plain_weights = together(parsed_batches(48))
    _, joints, weights = together(augment_pose(parsed_batches(48), augmentation, image_size=96, seed=0))
    assert ((joints >= 0) & (joints <= 1)).all()
    assert (joints[weights == 0] == 0.5).all()
    assert not (weights > plain_weights).any()
    lost = (plain_weights > 0) & (weights == 0)
    assert 20 < lost.sum() < plain_weights.sum() / 2
    assert set(np.unique(weights)) == {0.0, 1.0}


def test_surroundings_fill_the_corners():
    """A photo much larger than the crop leaves no grey when the crop turns."""
    white = jpeg(Image.new("RGB", (600, 600), (255, 255, 255)))
    joints = np.tile(np.float32([[0.4, 0.4], [0.6, 0.6]]), (7, 1))
    example = {"image": white, "joints": joints, "labelled": np.ones(14, bool)}
    augmentation = PoseAugmentation(**AS_THEY_ARE)
    for surroundings in (augmentation.surroundings, 0.0):
        parsed = parse_pose(64, 0.15, surroundings)(example)
        columns = tf.nest.map_structure(lambda value: tf.stack([value] * 32), parsed)
        batches = tf.data.Dataset.from_tensor_slices(columns).batch(32)
        images, _, _ = together(augment_pose(batches, augmentation, image_size=64, seed=0))
        share_of_grey = (images < 250).mean()
        assert share_of_grey == 0 if surroundings else share_of_grey > 0.05


def test_nothing_changes_when_all_is_switched_off():
    assert NOTHING.surroundings == 0
    before = together(parsed_batches(20))
    after = together(augment_pose(parsed_batches(20), NOTHING, image_size=96, seed=0))
    np.testing.assert_allclose(after[0], before[0], atol=0.05)
    np.testing.assert_allclose(after[1], before[1], atol=1e-5)
    np.testing.assert_array_equal(after[2], before[2])


def test_a_seed_fixes_every_pass():
    def passes(seed):
        dataset = augment_pose(parsed_batches(20), image_size=96, seed=seed)
        return [together(dataset)[1] for _ in range(2)]

    first, again, other = passes(1), passes(1), passes(2)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], other[0])


# All of it.


@pytest.fixture(scope="module")
def lsp_folder(tmp_path_factory):
    """20 photos of scattered joints, one of whose joints has no label."""
    writer = LspWriter(tmp_path_factory.mktemp("lsp") / "photos", extended=True)
    writer.write(20)
    writer.flags[4, 6] = 0
    writer.save_joints()
    return writer.folder


def test_batches_are_what_a_model_takes(lsp_folder, data_dir):
    for augmented in (False, True, PoseAugmentation(rotation=10.0)):
        dataset = pose_batches(lsp_folder, "train", image_size=48, batch_size=8, augmented=augmented, data_dir=data_dir)
        images, targets, weights = dataset.element_spec
        assert images == tf.TensorSpec((None, 48, 48, 3), tf.float32)
        assert targets == {"joints": tf.TensorSpec((None, 14, 2), tf.float32)}
        assert weights == {"joints": tf.TensorSpec((None, 14), tf.float32)}
        assert [len(batch) for batch, _, _ in dataset] == [8, 8, 4]


def test_a_joint_without_a_label_stays_without(lsp_folder, data_dir):
    _, joints, weights = together(pose_batches(lsp_folder, "train", image_size=16, batch_size=8, data_dir=data_dir))
    assert np.argwhere(weights == 0).tolist() == [[4, 6]]
    assert joints[4, 6].tolist() == [0.5, 0.5]
    assert ((joints > 0) & (joints < 1)).all()


def test_shuffling_changes_the_order_and_nothing_else(lsp_folder, data_dir):
    def joints(**arguments):
        return together(pose_batches(lsp_folder, "train", image_size=16, batch_size=8, data_dir=data_dir, **arguments))[
            1
        ]

    plain, shuffled = joints(), joints(shuffle=True, seed=3)
    assert not np.array_equal(plain, shuffled)
    np.testing.assert_array_equal(np.sort(plain.sum(axis=(1, 2))), np.sort(shuffled.sum(axis=(1, 2))))
    np.testing.assert_array_equal(plain, joints())


def test_boxes_and_joints_are_told_apart(lsp_folder, voc_folder, data_dir):
    with pytest.raises(ValueError, match="boxes and no joints; read it with batches"):
        pose_batches(voc_folder, "train", image_size=16, batch_size=4, data_dir=data_dir)
    with pytest.raises(ValueError, match="joints and no boxes; read it with pose_batches"):
        pipelines.batches(lsp_folder, "train", image_size=16, batch_size=4, data_dir=data_dir)


def test_real_photos(real_poses, data_dir):
    options = {"image_size": 64, "batch_size": 50, "data_dir": data_dir}
    images, joints, weights = together(pose_batches(real_poses, "train[800:]", **options))
    assert images.shape == (200, 64, 64, 3)
    assert 60 < images.mean() < 180
    assert ((joints >= 0) & (joints <= 1)).all()
    assert weights.mean() == pytest.approx(0.88, abs=0.05)
    # The crop is as tight as it says: some labelled joint is 0.15 / 1.3 away from two opposite sides.
    for positions, weight in zip(joints, weights, strict=True):
        known = positions[weight > 0]
        assert np.ptp(known, axis=0).max() == pytest.approx(1 / 1.3, abs=0.01)
    _, _, augmented_weights = together(pose_batches(real_poses, "train[800:]", augmented=True, **options))
    assert augmented_weights.mean() > 0.75
