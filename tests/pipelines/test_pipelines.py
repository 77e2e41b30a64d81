"""Filter, parse, augment and batch: on drawings whose pixels tell where the object is, and on the real photos."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from helpers.folders import Drawn, draw_shape, jpeg
from PIL import Image, ImageDraw

from clsloc_utils import pipelines
from clsloc_utils.pipelines import Augmentation, augment, batches, parse, single_object, to_batches

SIGNATURE = {
    "image": tf.TensorSpec((), tf.string),
    "objects": {
        "label": tf.TensorSpec((None,), tf.int64),
        "bbox": tf.TensorSpec((None, 4), tf.float32),
        "is_difficult": tf.TensorSpec((None,), tf.bool),
    },
}


def drawing(objects, size=(96, 64)):
    image = Image.new("RGB", size, (20, 60, 20))
    for drawn in objects:
        draw_shape(ImageDraw.Draw(image), drawn)
    return jpeg(image)


def example(labels, difficult=None, image=b"this is no JPEG", bbox=(0.25, 0.5, 0.75, 1.0)):
    return {
        "image": image,
        "objects": {
            "label": np.array(labels, np.int64),
            "bbox": np.array([bbox] * len(labels), np.float32).reshape(-1, 4),
            "is_difficult": np.array(difficult or [False] * len(labels), bool),
        },
    }


def as_dataset(examples):
    return tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=SIGNATURE)


# Filter.


@pytest.mark.parametrize(
    ("difficult", "kept"), [("count", [1, 2]), ("exclude", [1]), ("ignore", [1, 4])], ids=lambda value: str(value)
)
def test_difficult_objects(difficult, kept):
    examples = [
        example([], []),
        example([1]),
        example([2], [True]),
        example([3, 3]),
        example([5, 4, 5], [True, False, True]),
        example([6, 6], [True, True]),
    ]
    result = list(single_object(as_dataset(examples), difficult).as_numpy_iterator())
    assert [item["objects"]["label"].tolist() for item in result] == [[label] for label in kept]
    assert all(item["objects"]["bbox"].shape == (1, 4) for item in result)


def test_an_ignored_object_takes_its_box_with_it_and_another_choice_is_refused():
    mixed = example([5, 4], [True, False])
    mixed["objects"]["bbox"] = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]], np.float32)
    (kept,) = single_object(as_dataset([mixed]), "ignore").as_numpy_iterator()
    np.testing.assert_allclose(kept["objects"]["bbox"], [[0.1, 0.2, 0.3, 0.4]])
    with pytest.raises(ValueError, match="count, exclude, ignore"):
        single_object(as_dataset([]), "skip")


def test_no_jpeg_of_a_rejected_image_is_decoded():
    good = example([3], image=drawing([]))
    rejected = [example([1, 2]), example([]), example([7, 7, 7])]
    result = list(to_batches(single_object(as_dataset([*rejected, good, *rejected])), image_size=16, batch_size=8))
    assert [targets["label"].numpy().tolist() for _, targets in result] == [[3]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="JPEG"):  # had one been decoded, we would know
        list(to_batches(single_object(as_dataset([example([1])])), image_size=16, batch_size=8))


# Parse.


def test_parse_gives_the_documented_tensors():
    drawn = Drawn("square", (48, 16, 96, 48))
    image, targets = parse(32)(example([7], image=drawing([drawn])))
    assert image.shape == (32, 32, 3)
    assert image.dtype == tf.float32
    assert targets["label"].dtype == tf.int32
    assert targets["label"].shape == ()
    assert targets["box"].dtype == tf.float32
    assert targets["label"].numpy() == 7
    np.testing.assert_allclose(targets["box"], [0.5, 0.25, 1.0, 0.75])  # x before y, unlike TFDS
    np.testing.assert_allclose(image[4, 4], [20, 60, 20], atol=3)  # RGB, 0 to 255
    np.testing.assert_allclose(image[16, 24], [30, 170, 30], atol=3)


@pytest.mark.parametrize("size", [(96, 64), (64, 96), (300, 40)])
def test_squashing_keeps_relative_boxes_true(size):
    width, height = size
    xmin, ymin, xmax, ymax = width // 4, height // 8, width // 2, height // 2
    image = drawing([Drawn("square", (xmin, ymin, xmax, ymax))], size)
    bbox = (ymin / height, xmin / width, ymax / height, xmax / width)
    square, targets = parse(64)(example([0], image=image, bbox=bbox))
    np.testing.assert_allclose(64 * targets["box"], extent(square.numpy()), atol=1.01)


def test_large_images_are_not_sampled_sparsely():
    """Stripes one pixel wide become even grey; picking single pixels would show some of them."""
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    image, _ = parse(48)(example([0], image=jpeg(Image.fromarray(stripes), quality=100)))
    assert np.abs(image.numpy() - 127.5).max() < 40


def test_small_images_grow_without_steps():
    """A ramp of 8 columns becomes one of 64; repeated pixels would show as steps as large as the ramp's own."""
    ramp = np.repeat(np.linspace(40, 200, 8, dtype=np.uint8)[None, :, None], 16, axis=0)
    image, _ = parse(64)(example([0], image=jpeg(Image.fromarray(np.repeat(ramp, 3, axis=2)), quality=100)))
    assert np.abs(np.diff(image.numpy(), axis=1)).max() < (200 - 40) / 7 / 4


def extent(image):
    """`[xmin, ymin, xmax, ymax]` in pixels of the green object: 140 more green than red, where the ground has 40."""
    rows, columns = np.nonzero(image[..., 1] - image[..., 0] > 90)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)


# Augment.

COLOURS_AS_THEY_ARE = {"brightness": 0.0, "contrast": 0.0}
NOTHING = Augmentation(flip=False, zoom_in=0.0, zoom_out=0.0, stretch=0.0, **COLOURS_AS_THEY_ARE)


def drawn_batches(count, image_size=96, batch_size=32):
    """Images with one bright green rectangle on dark ground, and its exact box."""
    random = np.random.default_rng(0)
    images = np.full((count, image_size, image_size, 3), (20, 60, 20), np.float32)
    boxes = np.zeros((count, 4), np.float32)
    for index in range(count):
        xmin, ymin = random.integers(0, image_size - 12, 2)
        xmax, ymax = (random.integers(start + 8, image_size + 1) for start in (xmin, ymin))
        images[index, ymin:ymax, xmin:xmax] = (30, 170, 30)
        boxes[index] = np.array([xmin, ymin, xmax, ymax]) / image_size
    targets = {"label": np.arange(count, dtype=np.int32), "box": boxes}
    return tf.data.Dataset.from_tensor_slices((images, targets)).batch(batch_size)


def together(dataset):
    """All batches of a dataset as arrays."""
    parts = list(dataset.as_numpy_iterator())
    images = np.concatenate([images for images, _ in parts])
    return images, {name: np.concatenate([targets[name] for _, targets in parts]) for name in parts[0][1]}


def test_the_box_goes_where_the_pixels_go():
    originals, original_targets = together(drawn_batches(256))
    images, targets = together(augment(drawn_batches(256), Augmentation(**COLOURS_AS_THEY_ARE), seed=0))
    extents = np.stack([extent(image) for image in images])
    np.testing.assert_allclose(96 * targets["box"], extents, atol=1.01)
    assert np.abs(96 * targets["box"] - extents).mean() < 0.35
    assert np.abs(targets["box"] - original_targets["box"]).max(axis=1).min() > 1e-3  # every box moved
    np.testing.assert_array_equal(targets["label"], original_targets["label"])
    assert images.shape == originals.shape


def test_boxes_stay_valid():
    corners = np.array([[0, 0, 1, 1], [0, 0, 0.01, 0.01], [0.99, 0.99, 1, 1], [0, 0.4, 1, 0.41]], np.float32)
    boxes = np.tile(corners, (100, 1))
    targets = {"label": np.zeros(400, np.int32), "box": boxes}
    dataset = tf.data.Dataset.from_tensor_slices((np.zeros((400, 8, 8, 3), np.float32), targets)).batch(50)
    _, targets = together(augment(dataset, Augmentation(zoom_in=0.9, zoom_out=1.0, stretch=1.0), seed=0))
    assert targets["box"].min() >= 0
    assert targets["box"].max() <= 1
    assert (targets["box"][:, 2:] - targets["box"][:, :2]).min() > 0.004


@pytest.mark.parametrize("box", [(0.3, 0.35, 0.6, 0.7), (0.02, 0.1, 0.95, 0.9), (0.8, 0.0, 1.0, 0.1)])
def test_the_whole_object_stays_in_sight(box):
    """Colours that run evenly over x and y tell where each pixel came from: at the new sides, from the old ones."""
    side = 64
    ramp = (np.arange(side, dtype=np.float32) + 0.5) / side
    image = 255 * np.stack(
        [np.tile(ramp, (side, 1)), np.tile(ramp[:, None], (1, side)), np.ones((side, side))], axis=-1
    )
    images, boxes = np.tile(image.astype(np.float32), (64, 1, 1, 1)), np.tile(np.float32(box), (64, 1))
    dataset = tf.data.Dataset.from_tensor_slices((images, {"box": boxes})).batch(64)
    changes = Augmentation(zoom_in=0.7, zoom_out=0.0, **COLOURS_AS_THEY_ARE)
    images, targets = together(augment(dataset, changes, seed=0))
    for moved, new_box in zip(images / 255, targets["box"], strict=True):
        came_from_x = np.interp(new_box[[0, 2]], ramp, moved[..., 0].mean(axis=0))
        came_from_y = np.interp(new_box[[1, 3]], ramp, moved[..., 1].mean(axis=1))
        found = [*sorted(came_from_x), *sorted(came_from_y)]
        # Up to half a pixel at the border of the image, where the outermost pixel is repeated.
        np.testing.assert_allclose(found, [box[0], box[2], box[1], box[3]], atol=0.6 / side)


def test_nothing_changes_when_all_is_switched_off():
    originals, original_targets = together(drawn_batches(32))
    images, targets = together(augment(drawn_batches(32), NOTHING, seed=0))
    np.testing.assert_allclose(images, originals, atol=0.01)
    np.testing.assert_allclose(targets["box"], original_targets["box"], atol=1e-6)


def test_about_half_of_the_images_are_mirrored_with_their_boxes():
    originals, original_targets = together(drawn_batches(64))
    mirror = dataclasses.replace(NOTHING, flip=True)
    images, targets = together(augment(drawn_batches(64), mirror, seed=0))
    flipped = np.abs(images - originals).max(axis=(1, 2, 3)) > 1
    assert 16 < flipped.sum() < 48
    np.testing.assert_allclose(images[flipped], originals[flipped][:, :, ::-1], atol=0.01)
    xmin, ymin, xmax, ymax = original_targets["box"][flipped].T
    np.testing.assert_allclose(targets["box"][flipped].T, [1 - xmax, ymin, 1 - xmin, ymax], atol=1e-5)
    np.testing.assert_allclose(targets["box"][~flipped], original_targets["box"][~flipped], atol=1e-6)


def test_colours_change_within_their_bounds():
    grey = tf.data.Dataset.from_tensor_slices(
        (np.full((200, 4, 4, 3), 100.0, np.float32), {"box": np.tile(np.float32([0, 0, 1, 1]), (200, 1))})
    ).batch(50)
    images, _ = together(augment(grey, Augmentation(zoom_out=0.0, brightness=0.1), seed=0))
    levels = images.mean(axis=(1, 2, 3))
    assert np.ptp(images, axis=(1, 2, 3)).max() < 1e-3  # contrast leaves an even image alone
    assert levels.min() < 80
    assert levels.max() > 120
    assert np.abs(levels - 100).max() <= 25.5
    dark_and_bright, _ = together(augment(drawn_batches(64), Augmentation(brightness=1.0, contrast=0.9), seed=0))
    assert dark_and_bright.min() == 0
    assert dark_and_bright.max() == 255


def test_what_lies_outside_the_image_is_grey():
    boxes = np.tile(np.float32([[0, 0, 1, 1]]), (32, 1))
    white = tf.data.Dataset.from_tensor_slices((np.full((32, 128, 128, 3), 255, np.float32), {"box": boxes})).batch(32)
    images, targets = together(augment(white, Augmentation(zoom_in=0.0, zoom_out=1.0, **COLOURS_AS_THEY_ARE), seed=0))
    for image, box in zip(images, targets["box"], strict=True):
        white_share = (image[..., 0] > 190).mean()
        assert white_share == pytest.approx((box[2] - box[0]) * (box[3] - box[1]), abs=0.03)
        assert image.min() >= 127.5


# Seeds.


def passes(seed, read_before=8):
    """The boxes of two passes, after another one that ended early or did not."""
    dataset = augment(drawn_batches(64, batch_size=8), seed=seed).prefetch(4)
    list(itertools.islice(dataset, read_before))
    return [together(dataset)[1]["box"] for _ in range(2)]


def test_a_seed_fixes_every_pass_however_much_was_read_of_the_one_before():
    first, again, other = passes(1), passes(1, read_before=1), passes(2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1]), "every pass is augmented anew"
    assert not np.array_equal(first[0], other[0])


def test_shuffling_changes_the_order_and_nothing_else(voc_folder, data_dir):
    def two_passes(**arguments):
        dataset = batches(voc_folder, "train", image_size=16, batch_size=4, data_dir=data_dir, **arguments)
        return [together(dataset)[1]["box"] for _ in range(2)]

    plain, shuffled = two_passes(), two_passes(shuffle=True)
    np.testing.assert_array_equal(plain[0], plain[1])
    assert not np.array_equal(shuffled[0], shuffled[1])
    np.testing.assert_array_equal(shuffled, two_passes(shuffle=True))
    for each in shuffled:
        assert not np.array_equal(plain[0], each)
        np.testing.assert_array_equal(np.sort(plain[0], axis=0), np.sort(each, axis=0))


# All of it.


def test_batches_are_what_a_model_takes(voc_folder, data_dir):
    dataset = batches(voc_folder, "validation", image_size=48, batch_size=4, augmented=True, data_dir=data_dir)
    spec_of_images, spec_of_targets = dataset.element_spec
    assert spec_of_images == tf.TensorSpec((None, 48, 48, 3), tf.float32)
    assert spec_of_targets == {"label": tf.TensorSpec((None,), tf.int32), "box": tf.TensorSpec((None, 4), tf.float32)}
    assert [len(images) for images, _ in dataset] == [4, 2]


def test_labels_and_boxes_belong_to_their_images(voc_folder, data_dir):
    """The fixture's classes have colours of their own, on even grey."""
    images, targets = together(batches(voc_folder, "train", image_size=64, batch_size=5, data_dir=data_dir))
    for image, label, box in zip(images, targets["label"], targets["box"], strict=True):
        column, row = (64 * (box[:2] + box[2:]) / 2).astype(int)
        assert image[row, column].argmax() == label


def test_counted_batches_know_their_number(voc_folder, data_dir):
    options = {"image_size": 16, "batch_size": 2, "data_dir": data_dir}
    unknown = batches(voc_folder, "train", **options)
    assert unknown.cardinality() == tf.data.UNKNOWN_CARDINALITY
    for more in ({}, {"augmented": True, "shuffle": True}):
        counted = batches(voc_folder, "train", counted=True, **options, **more)
        assert counted.cardinality() == len(list(unknown)) == len(list(counted)) > 1


def test_an_augmentation_of_ones_own(voc_folder, data_dir):
    arguments = {"image_size": 32, "batch_size": 8, "data_dir": data_dir}
    plain, _ = together(batches(voc_folder, "train", **arguments))
    unchanged, _ = together(batches(voc_folder, "train", augmented=NOTHING, **arguments))
    augmented, _ = together(batches(voc_folder, "train", augmented=True, **arguments))
    np.testing.assert_allclose(plain, unchanged, atol=0.01)
    assert np.abs(plain - augmented).mean() > 5


@pytest.mark.parametrize("shuffle", [False, True])
def test_it_streams(shuffle):
    """Batches come out of a source without an end, after a bounded number of its examples."""
    taken = itertools.count()
    data = drawing([], (16, 16))

    def endless():
        while True:
            next(taken)
            yield example([1], image=data)

    endless_dataset = tf.data.Dataset.from_generator(endless, output_signature=SIGNATURE)
    dataset = to_batches(single_object(endless_dataset), image_size=16, batch_size=4, shuffle=shuffle, augmented=True)
    for images, _ in dataset.take(3):
        assert images.shape == (4, 16, 16, 3)
    assert next(taken) < 400 + (pipelines.SHUFFLE_BUFFER if shuffle else 0)


def test_real_photos(real_data, data_dir):
    folder = real_data / "wildlife_voc"
    for split, count in (("train", 356), ("validation", 94)):
        dataset = batches(folder, split, image_size=64, batch_size=32, data_dir=data_dir)
        images, targets = together(dataset)
        assert len(images) == count
        assert set(targets["label"]) == {0, 1, 2, 3}
        assert (targets["box"][:, 2:] > targets["box"][:, :2]).all()
        assert 60 < images.mean() < 180
