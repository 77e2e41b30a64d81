"""People: crop to one, parse, augment, batch."""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping

import tensorflow as tf

from clsloc_utils import datasets
from clsloc_utils.joints import FLIP_ORDER
from clsloc_utils.pipelines.boxes import PADDING, SHUFFLE_BUFFER, change_colours, choose_flips, map_with_seeds

# A crop around a person's joints is never smaller than this share of the photo's longer side: someone of whom a single
# joint is labelled is more than a point.
SMALLEST_CROP = 0.1
# The position of a joint that has none: harmless, because its weight is 0.
NO_POSITION = 0.5


def person_crop(joints: tf.Tensor, labelled: tf.Tensor, width: float, height: float, margin: float = 0.15) -> tf.Tensor:
    """The square around a person, from the joints that are labelled.

    It is what the evaluation on LSP grants: where the person is, is known; where the joints are, is asked. The square
    may reach beyond the photo.

    Args:
        joints: float `[14, 2]`, x and y, relative to the photo's width and height.
        labelled: bool `[14]`; the other joints do not count. With none at all, the crop holds the whole photo.
        width: Of the photo, in pixels.
        height: Of the photo, in pixels.
        margin: Room on every side, as a share of the longer side of the box around the joints. A hand reaches beyond
            its wrist, and a foot beyond its ankle.

    Returns:
        float32 tensor `[4]`: xmin, ymin, xmax, ymax in pixels of the photo.
    """
    size = tf.stack([tf.cast(width, tf.float32), tf.cast(height, tf.float32)])
    positions = tf.cast(joints, tf.float32) * size
    known = tf.cast(labelled, tf.bool)[:, None]
    low = tf.reduce_min(tf.where(known, positions, positions.dtype.max), axis=0)
    high = tf.reduce_max(tf.where(known, positions, positions.dtype.min), axis=0)
    found = tf.reduce_any(known)
    low, high = tf.where(found, low, 0.0), tf.where(found, high, size)
    side = (1.0 + 2.0 * margin) * tf.reduce_max(high - low)
    side = tf.maximum(side, SMALLEST_CROP * tf.reduce_max(size))
    middle = (low + high) / 2.0
    return tf.concat([middle - side / 2.0, middle + side / 2.0], axis=0)


def to_photo(joints: tf.Tensor, crop: tf.Tensor) -> tf.Tensor:
    """Takes joints from a crop back to the photo.

    Args:
        joints: float `[..., 14, 2]`, x and y, relative to the crop, as a model predicts them.
        crop: float `[..., 4]`, as `person_crop` returns it.

    Returns:
        float32 tensor `[..., 14, 2]`: x and y in pixels of the photo.
    """
    crop = tf.cast(crop, tf.float32)[..., None, :]
    return crop[..., :2] + tf.cast(joints, tf.float32) * (crop[..., 2:] - crop[..., :2])


def to_crop(joints: tf.Tensor, crop: tf.Tensor) -> tf.Tensor:
    """The inverse of `to_photo`: from pixels of the photo to shares of the crop, shapes alike."""
    crop = tf.cast(crop, tf.float32)[..., None, :]
    return (tf.cast(joints, tf.float32) - crop[..., :2]) / (crop[..., 2:] - crop[..., :2])


def flip_joints(joints: tf.Tensor) -> tf.Tensor:
    """Mirrors joints left to right: a left hand becomes a right one.

    Args:
        joints: float `[..., 14, 2]`, x and y, relative to the image.

    Returns:
        A tensor of the same shape; twice gives the original. Weights or flags `[..., 14]` change places by
        `tf.gather(weights, FLIP_ORDER, axis=-1)`.
    """
    mirrored = tf.stack([1.0 - joints[..., 0], joints[..., 1]], axis=-1)
    return tf.gather(mirrored, FLIP_ORDER, axis=-2)


def parse_pose(image_size: int, margin: float | None = 0.15, surroundings: float = 0.0) -> Callable[[Mapping], tuple]:
    """Makes the function that turns an example of a person into a model's input, targets and weights.

    Args:
        image_size: Side of the square image, in pixels.
        margin: As for `person_crop`; `None` takes the whole photo and squashes it to a square.
        surroundings: How much more of the photo to show around the crop on every side, as a share of the crop's side,
            for `augment_pose` to turn and shift in. The image's side grows with it, and nothing changes its scale.

    Returns:
        A function for `tf.data.Dataset.map`, from an example to `(image, targets, weights)`. `image` is float32 RGB, 0
        to 255, grey outside of the photo. `targets["joints"]` is float32 `[14, 2]`, x and y relative to the image;
        `weights["joints"]` is float32 `[14]`: 1 for a labelled joint, 0 for another one, which then lies at 0.5, 0.5.
    """
    padding = round(surroundings * image_size)
    full_size = image_size + 2 * padding

    @tf.autograph.experimental.do_not_convert  # As in `parse`.
    def parse_example(example: Mapping) -> tuple[tf.Tensor, dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        photo = tf.cast(tf.io.decode_jpeg(example["image"], channels=3), tf.float32)
        height, width = tf.unstack(tf.cast(tf.shape(photo)[:2], tf.float32))
        if margin is None:
            crop = tf.stack([0.0, 0.0, width, height])
        else:
            crop = person_crop(example["joints"], example["labelled"], width, height, margin)
        more = padding / image_size * (crop[2:] - crop[:2])
        crop = tf.concat([crop[:2] - more, crop[2:] + more], axis=0)
        joints = to_crop(example["joints"] * tf.stack([width, height]), crop)
        labelled = example["labelled"]
        joints = tf.where(labelled[:, None], joints, NO_POSITION)
        weights = {"joints": tf.cast(labelled, tf.float32)}
        return _resampled(photo, crop, full_size), {"joints": joints}, weights

    return parse_example


def _resampled(photo: tf.Tensor, crop: tf.Tensor, side: int) -> tf.Tensor:
    """The crop, to a fraction of a pixel, as a square image; antialiased where it shrinks."""
    scale = side / (crop[2:] - crop[:2])[::-1]
    image = tf.raw_ops.ScaleAndTranslate(
        images=photo[None] - PADDING,  # The operation fills with 0.
        size=[side, side],
        scale=scale,
        translation=-scale * crop[1::-1],
        kernel_type="triangle",
        antialias=True,
    )[0]
    return tf.clip_by_value(tf.ensure_shape(image, (side, side, 3)) + PADDING, 0.0, 255.0)


@dataclasses.dataclass(frozen=True)
class PoseAugmentation:
    """How far an augmented person may differ from the original. 0 or `False` switches a change off.

    Attributes:
        rotation: At most so many degrees to either side.
        scale: The person becomes larger or smaller by a factor of at most `1 + scale`.
        shift: The person moves by at most this share of the image's side, in x and in y.
        flip: Whether every second image, at random, is mirrored left to right.
        brightness: At most this share of the full range, 255, is added to all pixels of an image or taken off.
        contrast: The differences to an image's mean are multiplied by a factor from `1 - contrast` to `1 + contrast`.
    """

    rotation: float = 40.0
    scale: float = 0.25
    shift: float = 0.05
    flip: bool = True
    brightness: float = 0.15
    contrast: float = 0.25

    @property
    def surroundings(self) -> float:
        """What a turned, shrunk and shifted image sees around the crop, as a share of the crop's side."""
        angle = math.radians(min(self.rotation, 45.0))
        reach = (math.cos(angle) + math.sin(angle)) * (1.0 + self.scale) * (1.0 + 2.0 * self.shift)
        return min((reach - 1.0) / 2.0, 0.5)


def augment_pose(
    batches: tf.data.Dataset, augmentation: PoseAugmentation | None = None, *, image_size: int, seed: int
) -> tf.data.Dataset:
    """Turns, scales, shifts, mirrors and recolours the images of batches at random, and moves the joints with them.

    All movements of an image are one affine map, so it is resampled once. A joint that leaves the image gets weight 0:
    as in LSP-extended, what is not in the picture is not asked for.

    Args:
        batches: Batches `(images, targets, weights)` of what `parse_pose` makes. If the images are larger than
            `image_size`, the rest are surroundings: the result is about the size of their middle.
        augmentation: How far to go; `PoseAugmentation()` by default.
        image_size: Side of the resulting images, in pixels.
        seed: Fixes all random choices, as for `augment`.

    Returns:
        A `tf.data.Dataset` of the same structure, images `[batch, image_size, image_size, 3]`.
    """
    augmentation = augmentation or PoseAugmentation()

    def augment_batch(batch: tuple, batch_seed: tf.Tensor) -> tuple[tf.Tensor, dict, dict]:
        images, targets, weights = batch
        move_seed, flip_seed, colour_seed = tf.unstack(tf.random.experimental.stateless_split(batch_seed, 3))
        flips = choose_flips(tf.shape(images)[0], augmentation, flip_seed)
        matrices, shifts = _movements(flips, augmentation, move_seed)
        moved_images = _move_images(images, matrices, shifts, image_size)
        joints = _move_joints(targets["joints"], matrices, shifts, images.shape[1] / image_size)
        mirrored = [tf.gather(values, FLIP_ORDER, axis=1) for values in (joints, weights["joints"])]
        joints = tf.where(flips[:, None, None], mirrored[0], joints)
        inside = tf.reduce_all((joints >= 0.0) & (joints <= 1.0), axis=-1)
        joint_weights = tf.where(inside, tf.where(flips[:, None], mirrored[1], weights["joints"]), 0.0)
        joints = tf.where(joint_weights[..., None] > 0.0, joints, NO_POSITION)
        images = change_colours(moved_images, augmentation, colour_seed)
        return images, {**targets, "joints": joints}, {**weights, "joints": joint_weights}

    return map_with_seeds(batches, augment_batch, seed)


def _movements(flips: tf.Tensor, augmentation: PoseAugmentation, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Random movements around the middle of the image: matrices `[batch, 2, 2]`, shifts `[batch, 2]` in image sides."""
    turn_seed, scale_seed, shift_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    batch_size = tf.shape(flips)[0]
    largest_turn = math.radians(augmentation.rotation)
    turns = tf.random.stateless_uniform([batch_size], turn_seed, -largest_turn, largest_turn)
    largest_scale = math.log(1.0 + augmentation.scale)
    scales = tf.exp(tf.random.stateless_uniform([batch_size], scale_seed, -largest_scale, largest_scale))
    shifts = tf.random.stateless_uniform([batch_size, 2], shift_seed, -augmentation.shift, augmentation.shift)
    cosines, sines = scales * tf.cos(turns), scales * tf.sin(turns)
    # First mirrored, then turned: the first column is where x goes.
    mirrors = tf.where(flips, -1.0, 1.0)
    columns = [tf.stack([mirrors * cosines, mirrors * sines], axis=-1), tf.stack([-sines, cosines], axis=-1)]
    return tf.stack(columns, axis=-1), shifts


def _move_joints(joints: tf.Tensor, matrices: tf.Tensor, shifts: tf.Tensor, ratio: float) -> tf.Tensor:
    """Joints relative to images whose side is `ratio` times that of the moved images, relative to the latter."""
    return 0.5 + shifts[:, None] + tf.linalg.matvec(matrices[:, None], ratio * (joints - 0.5))


def _move_images(images: tf.Tensor, matrices: tf.Tensor, shifts: tf.Tensor, side: int) -> tf.Tensor:
    """The images, moved, and cut to squares of `side` pixels around the middle."""
    back = tf.linalg.inv(matrices)
    # From the index of a pixel of the result to that of the image: indices count from the centre of the first pixel.
    new_middle, old_middle = (side - 1) / 2, (images.shape[1] - 1) / 2
    offsets = old_middle - tf.linalg.matvec(back, new_middle + shifts * side)
    rows = tf.concat([back, offsets[..., None]], axis=-1)
    transforms = tf.concat([tf.reshape(rows, [-1, 6]), tf.zeros([tf.shape(images)[0], 2])], axis=1)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[side, side],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=PADDING,
    )
    return tf.ensure_shape(moved, (None, side, side, 3))


def pose_batches(
    source: str | os.PathLike,
    split: str,
    *,
    image_size: int,
    batch_size: int,
    margin: float | None = 0.15,
    augmented: bool | PoseAugmentation = False,
    shuffle: bool = False,
    seed: int = 0,
    drop_remainder: bool = False,
    data_dir: str | os.PathLike | None = None,
    strict: bool = False,
) -> tf.data.Dataset:
    """The whole pipeline for poses: loads a split, crops to the person, and batches for a model.

    Args:
        source: `"toy_pose"` or a folder in LSP layout, as for `datasets.load`, like `split`, `data_dir` and `strict`.
        split: A TFDS split, such as `"train[:800]"` or `datasets.info(source).train_split`.
        image_size: Side of the square images, in pixels.
        batch_size: Number of images in a batch; the last batch may hold fewer.
        margin: As for `person_crop`; `None` takes the whole photo and squashes it to a square.
        augmented: Whether to augment the images, or a `PoseAugmentation` that says how far.
        shuffle: Whether to draw the examples in random order, another one in each pass.
        seed: Fixes that order and the augmentation.
        drop_remainder: As for `to_batches`.
        data_dir: Where prepared data lies.
        strict: Whether bad images of a folder raise.

    Returns:
        A `tf.data.Dataset` of `(images, targets, weights)`, as `keras.Model.fit` takes it: images float32 RGB, 0 to
        255, `[batch, image_size, image_size, 3]`; `targets["joints"]` float32 `[batch, 14, 2]`, x and y, relative to
        the image, in the order of `JOINT_NAMES`; `weights["joints"]` float32 `[batch, 14]`: 1 for a labelled joint, 0
        for another one, which then lies at 0.5, 0.5. It streams, as `to_batches` does.

    Raises:
        ValueError: The source or the split is unknown, the source has no joints, or, with `strict`, it has bad images.
    """
    examples = datasets.load(source, split, data_dir=data_dir, strict=strict)
    if "joints" not in examples.element_spec:
        raise ValueError(f"{os.fspath(source)} has boxes and no joints; read it with batches.")
    augmentation = augmented if isinstance(augmented, PoseAugmentation) else PoseAugmentation()
    if shuffle:
        examples = examples.shuffle(SHUFFLE_BUFFER, seed=seed)
    parse_example = parse_pose(image_size, margin, augmentation.surroundings if augmented else 0.0)
    parsed = examples.map(parse_example, num_parallel_calls=tf.data.AUTOTUNE)
    triples = parsed.batch(batch_size, drop_remainder=drop_remainder)
    if augmented:
        triples = augment_pose(triples, augmentation, image_size=image_size, seed=seed)
    return triples.prefetch(2)
