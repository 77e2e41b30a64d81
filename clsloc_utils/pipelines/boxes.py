"""Images with one object: filter, parse, augment, batch."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from clsloc_utils import datasets

# Raised whenever the same example gives other pixels: features cached before are then computed anew.
VERSION = 1
DIFFICULT_CHOICES = ("count", "exclude", "ignore")
# Undecoded examples among which the next one is drawn: some 100 MB of VOC's photos, however many there are in all.
SHUFFLE_BUFFER = 1024
# What lies outside a photo is grey.
PADDING = 127.5
Targets = Mapping[str, tf.Tensor]


def single_object(examples: tf.data.Dataset, difficult: str = "count") -> tf.data.Dataset:
    """Keeps the examples with exactly one object, deciding from the annotations alone.

    Args:
        examples: Examples as `datasets.load` yields them; `image` is not looked at.
        difficult: What becomes of objects that VOC marks as `is_difficult`. With `"count"` they are objects as all
            others: this gives the published 905 training and 960 validation images of VOC 2007. `"exclude"` counts them
            too, and then leaves out the images whose only object is a difficult one. `"ignore"` does as if they were
            not there: an image with one ordinary object and some difficult ones is kept, and the ordinary one is
            its object.

    Returns:
        A `tf.data.Dataset` of examples of the same structure, whose `objects` hold one object each.

    Raises:
        ValueError: `difficult` is none of the three.
    """
    if difficult not in DIFFICULT_CHOICES:
        raise ValueError(f"difficult is {difficult!r}; it must be one of {', '.join(DIFFICULT_CHOICES)}.")
    if difficult == "ignore":
        examples = examples.map(_without_difficult_objects)
    examples = examples.filter(lambda example: tf.size(example["objects"]["label"]) == 1)
    if difficult == "exclude":
        examples = examples.filter(lambda example: tf.logical_not(example["objects"]["is_difficult"][0]))
    return examples


def _without_difficult_objects(example: Mapping) -> dict:
    ordinary = tf.logical_not(example["objects"]["is_difficult"])
    objects = {name: tf.boolean_mask(values, ordinary) for name, values in example["objects"].items()}
    return {**example, "objects": objects}


def parse(image_size: int) -> Callable[[Mapping], tuple[tf.Tensor, dict[str, tf.Tensor]]]:
    """Makes the function that turns a single-object example into a model's input and targets.

    The image is squashed to a square. That does not move a relative box: stretching an axis scales the coordinates and
    the side that they are divided by alike. What it costs is the true proportions of things, in training and testing
    alike; cropping to a square instead would cut objects off.

    Args:
        image_size: Side of the square image, in pixels.

    Returns:
        A function for `tf.data.Dataset.map`, from an example to `(image, targets)`. `image` is float32 RGB, 0 to 255,
        `[image_size, image_size, 3]`. `targets["label"]` is an int32 scalar, `targets["box"]` is float32 `(4,)`:
        `[xmin, ymin, xmax, ymax]`, relative to width and height.
    """

    @tf.autograph.experimental.do_not_convert  # It has no Python branch on a tensor, and stays easy to step through.
    def parse_example(example: Mapping) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        image = tf.io.decode_jpeg(example["image"], channels=3)
        # Antialiased: most photos shrink to a third or less, and plain interpolation would skip most of their pixels.
        image = tf.image.resize(image, (image_size, image_size), antialias=True)
        image = tf.clip_by_value(tf.ensure_shape(image, (image_size, image_size, 3)), 0.0, 255.0)
        ymin, xmin, ymax, xmax = tf.unstack(example["objects"]["bbox"][0])
        label = tf.cast(example["objects"]["label"][0], tf.int32)
        return image, {"label": label, "box": tf.stack([xmin, ymin, xmax, ymax])}

    return parse_example


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How far an augmented image may differ from its original. 0 or `False` switches a change off.

    Attributes:
        flip: Whether every second image, at random, is mirrored left to right.
        zoom_in: The crop's sides are at least `1 - zoom_in` of the image's, and never less than the object's.
        zoom_out: The crop's sides are at most `1 + zoom_out` of the image's; what lies outside the image becomes grey.
        stretch: The crop's two sides differ by a factor of at most `1 + stretch`.
        brightness: At most this share of the full range, 255, is added to all pixels of an image or taken off.
        contrast: The differences to an image's mean are multiplied by a factor from `1 - contrast` to `1 + contrast`.
    """

    flip: bool = True
    zoom_in: float = 0.4
    zoom_out: float = 0.25
    stretch: float = 0.2
    brightness: float = 0.15
    contrast: float = 0.25


def augment(batches: tf.data.Dataset, augmentation: Augmentation | None = None, *, seed: int) -> tf.data.Dataset:
    """Changes the images of batches at random, and moves the boxes with them.

    Every image is seen through a crop of random size, proportions and place that always contains its whole object, so
    that no box is ever cut and every box stays exact; then it may be mirrored, and its brightness and contrast change.

    The random numbers do not come from layers such as `keras.layers.RandomFlip`: those keep a state that advances with
    every batch that `tf.data` prepares, needed or not, which makes runs differ, and none of them knows how much of the
    object a crop cuts off. Here the n-th pass over the result sees the same images whenever the seed is the same, and
    another pass sees others.

    Args:
        batches: Batches `(images, targets)` of what `parse` makes: images float32 `[batch, height, width, 3]`, 0 to
            255, `targets["box"]` float32 `[batch, 4]`, `[xmin, ymin, xmax, ymax]`, relative.
        augmentation: How far to go; `Augmentation()` by default.
        seed: Fixes all random choices.

    Returns:
        A `tf.data.Dataset` of the same structure.
    """
    augmentation = augmentation or Augmentation()

    def augment_batch(batch: tuple, batch_seed: tf.Tensor) -> tuple[tf.Tensor, dict]:
        images, targets = batch
        crop_seed, flip_seed, colour_seed = tf.unstack(tf.random.experimental.stateless_split(batch_seed, 3))
        windows = _crop_windows(targets["box"], augmentation, crop_seed)
        flips = choose_flips(tf.shape(images)[0], augmentation, flip_seed)
        images = _crop_and_flip_images(images, windows, flips)
        images = change_colours(images, augmentation, colour_seed)
        return images, {**targets, "box": _crop_and_flip_boxes(targets["box"], windows, flips)}

    return map_with_seeds(batches, augment_batch, seed)


def map_with_seeds(batches: tf.data.Dataset, change: Callable, seed: int) -> tf.data.Dataset:
    """Changes batches by a function of a batch and a seed `[2]`, another one for each batch and each pass."""
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2, drop_remainder=True)
    change = tf.autograph.experimental.do_not_convert(change)  # As in `parse`.
    return tf.data.Dataset.zip((batches, seeds)).map(change, num_parallel_calls=tf.data.AUTOTUNE)


def _crop_windows(boxes: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Random crops `[batch, 4]`, relative `[xmin, ymin, xmax, ymax]`, each around the whole of its box.

    A crop may be larger than the image, and then contains all of it; a crop that is smaller lies inside the image.
    """
    scale_seed, stretch_seed, place_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    batch_size = tf.shape(boxes)[0]
    smallest, largest = 1.0 - augmentation.zoom_in, 1.0 + augmentation.zoom_out
    scale = tf.random.stateless_uniform([batch_size, 1], scale_seed, smallest, largest)
    half_stretch = tf.math.log(1.0 + augmentation.stretch) / 2.0
    stretch = tf.exp(tf.random.stateless_uniform([batch_size, 1], stretch_seed, -half_stretch, half_stretch))
    sides = tf.clip_by_value(tf.concat([scale * stretch, scale / stretch], axis=1), smallest, largest)
    low, high = boxes[:, :2], boxes[:, 2:]
    sides = tf.maximum(sides, high - low)
    first_place = tf.maximum(tf.minimum(0.0, 1.0 - sides), high - sides)
    last_place = tf.minimum(tf.maximum(0.0, 1.0 - sides), low)
    places = first_place + tf.random.stateless_uniform([batch_size, 2], place_seed) * (last_place - first_place)
    return tf.concat([places, places + sides], axis=1)


def choose_flips(batch_size: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """For each image, `[batch]` bool, whether it is mirrored."""
    if not augmentation.flip:
        return tf.zeros([batch_size], tf.bool)
    return tf.random.stateless_uniform([batch_size], seed) < 0.5


def _crop_and_flip_images(images: tf.Tensor, windows: tf.Tensor, flips: tf.Tensor) -> tf.Tensor:
    """The images seen through their windows, mirrored where asked, at their old size."""
    height, width = images.shape[1:3]
    # A frame of one repeated pixel: without it a window that ends at the border of the image would get a grey edge.
    framed = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="SYMMETRIC")
    xmin, ymin, xmax, ymax = tf.unstack(windows, axis=1)
    xmin, xmax = tf.where(flips, xmax, xmin), tf.where(flips, xmin, xmax)

    def pixel_centres(low: tf.Tensor, high: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Where the first and last pixel of the crop lie, as `crop_and_resize` counts: from pixel centre to centre."""
        half_pixel = (high - low) / (2.0 * size)
        return tuple((side * size + 0.5) / (size + 1.0) for side in (low + half_pixel, high - half_pixel))

    left, right = pixel_centres(xmin, xmax, width)
    top, bottom = pixel_centres(ymin, ymax, height)
    return tf.image.crop_and_resize(
        framed,
        boxes=tf.stack([top, left, bottom, right], axis=1),
        box_indices=tf.range(tf.shape(images)[0]),
        crop_size=(height, width),
        extrapolation_value=PADDING,
    )


def _crop_and_flip_boxes(boxes: tf.Tensor, windows: tf.Tensor, flips: tf.Tensor) -> tf.Tensor:
    """The boxes relative to their windows, mirrored where asked."""
    origin, sides = windows[:, :2], windows[:, 2:] - windows[:, :2]
    boxes = (boxes - tf.tile(origin, [1, 2])) / tf.tile(sides, [1, 2])
    xmin, ymin, xmax, ymax = tf.unstack(tf.clip_by_value(boxes, 0.0, 1.0), axis=1)
    return tf.stack([tf.where(flips, 1.0 - xmax, xmin), ymin, tf.where(flips, 1.0 - xmin, xmax), ymax], axis=1)


def change_colours(images: tf.Tensor, augmentation: Any, seed: tf.Tensor) -> tf.Tensor:
    brightness_seed, contrast_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    shape = [tf.shape(images)[0], 1, 1, 1]
    added = 255.0 * tf.random.stateless_uniform(
        shape, brightness_seed, -augmentation.brightness, augmentation.brightness
    )
    factor = tf.random.stateless_uniform(shape, contrast_seed, 1.0 - augmentation.contrast, 1.0 + augmentation.contrast)
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return tf.clip_by_value((images - mean) * factor + mean + added, 0.0, 255.0)


def to_batches(
    examples: tf.data.Dataset,
    *,
    image_size: int,
    batch_size: int,
    augmented: bool | Augmentation = False,
    shuffle: bool = False,
    seed: int = 0,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Turns single-object examples into batches for a model.

    Args:
        examples: What `single_object` yields.
        image_size: Side of the square images, in pixels.
        batch_size: Number of images in a batch; the last batch may hold fewer.
        augmented: Whether to augment the images, or an `Augmentation` that says how far.
        shuffle: Whether to draw the examples in random order, another one in each pass.
        seed: Fixes that order and the augmentation.
        drop_remainder: Whether a last batch that would hold fewer is left out.

    Returns:
        A `tf.data.Dataset` of `(images, targets)`: images float32 RGB, 0 to 255, `[batch, image_size, image_size, 3]`;
        `targets["label"]` int32 `[batch]`; `targets["box"]` float32 `[batch, 4]`, `[xmin, ymin, xmax, ymax]`, relative.
        It streams: the memory it takes depends on `batch_size` and `image_size`, not on the number of examples.
    """
    if shuffle:
        examples = examples.shuffle(SHUFFLE_BUFFER, seed=seed)
    parsed = examples.map(parse(image_size), num_parallel_calls=tf.data.AUTOTUNE)
    batches_of_images = parsed.batch(batch_size, drop_remainder=drop_remainder)
    if augmented:
        augmentation = augmented if isinstance(augmented, Augmentation) else None
        batches_of_images = augment(batches_of_images, augmentation, seed=seed)
    return batches_of_images.prefetch(2)


def batches(
    source: str | os.PathLike,
    split: str,
    *,
    difficult: str = "count",
    counted: bool = False,
    data_dir: str | os.PathLike | None = None,
    strict: bool = False,
    class_names: Sequence[str] | None = None,
    **batching: Any,
) -> tf.data.Dataset:
    """The whole pipeline: loads a split, keeps its single-object images, and batches them for a model.

    Args:
        source: Name of a data set, or a folder, as for `datasets.load`.
        split: A TFDS split, such as `"train"` or `datasets.info(source).train_split`.
        difficult: What becomes of difficult objects, as for `single_object`.
        counted: Whether to go through the annotations once beforehand, so that the result knows its number of batches,
            as `fit` likes it. No image is decoded for that.
        data_dir: Where prepared data lies.
        strict: Whether bad images of a folder raise.
        class_names: Classes of a folder.
        **batching: The keywords of `to_batches`: `image_size`, `batch_size` and, if wanted, `augmented`, `shuffle`,
            `seed` and `drop_remainder`.

    Returns:
        A `tf.data.Dataset` of `(images, targets)` as of `to_batches`.

    Raises:
        ValueError: The source, the split or `difficult` is unknown, or, with `strict`, the folder has bad images.
    """
    examples = datasets.load(source, split, data_dir=data_dir, strict=strict, class_names=class_names)
    if "objects" not in examples.element_spec:
        raise ValueError(f"{os.fspath(source)} has joints and no boxes; read it with pose_batches.")
    examples = single_object(examples, difficult)
    if counted:
        count = examples.reduce(tf.constant(0, tf.int64), lambda so_far, _: so_far + 1)
        examples = examples.apply(tf.data.experimental.assert_cardinality(count))
    return to_batches(examples, **batching)
