"""Trains the weights of `tiny_resnet_people` that ship with the package: where are the joints of a drawn person?

The network goes on from the weights of `tiny_resnet`, which can name drawings. The people come from the generator of
`toy_pose` under a seed that `toy_pose` never uses. Repeat with

    python tools/pretrain_on_people.py

The weights in the package have been through three runs, each on 16,000 other people:

    python tools/pretrain_on_people.py --image-size 128
    python tools/pretrain_on_people.py --start tiny_resnet_people --seed 1 --epochs 26 --full-size-epochs 8
    python tools/pretrain_on_people.py --start tiny_resnet_people --seed 2 --epochs 17 --full-size-epochs 17
"""

import argparse
import functools
import time

from clsloc_utils import backbones, datasets, pipelines  # first: the package chooses TensorFlow's kernels

# isort: split
import keras
import numpy as np
import tensorflow as tf
from pretrain_tiny_resnet import optimizer, options_parser, saving

from clsloc_utils.datasets.toy_pose import drawn_people
from clsloc_utils.joints import NUM_JOINTS
from clsloc_utils.losses import get_joint_loss
from clsloc_utils.metrics import PCK
from clsloc_utils.models import pose_model

TRAIN_SEED, HELD_OUT_SEED = 1011, 1012
AUGMENTATION = pipelines.PoseAugmentation(rotation=15.0)


def people(
    seed: int, count: int, image_size: int, surroundings: float, first: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drawn people: images uint8 `[count, S, S, 3]`, joints float32 `[count, 14, 2]`, their weights `[count, 14]`."""
    signature = {
        "image": tf.TensorSpec((), tf.string),
        "joints": tf.TensorSpec((NUM_JOINTS, 2), tf.float32),
        "labelled": tf.TensorSpec((NUM_JOINTS,), tf.bool),
        "visible": tf.TensorSpec((NUM_JOINTS,), tf.bool),
    }
    draw = functools.partial(drawn_people, seed, range(first, first + count), "Drawing")
    parse = pipelines.parse_pose(image_size, surroundings=surroundings)
    parsed = tf.data.Dataset.from_generator(draw, output_signature=signature).map(parse)
    parts = ([], [], [])
    for image, targets, weights in parsed.with_options(datasets.options_without_tuner()):
        parts[0].append(np.rint(image).astype(np.uint8))
        parts[1].append(targets["joints"].numpy())
        parts[2].append(weights["joints"].numpy())
    return tuple(np.stack(part) for part in parts)


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """The same images at another size."""
    if images.shape[1] == side:
        return images
    smaller = np.empty((len(images), side, side, 3), np.uint8)
    for start in range(0, len(images), 256):
        smaller[start : start + 256] = np.rint(
            tf.image.resize(images[start : start + 256], (side, side), method="area")
        )
    return smaller


def batched(arrays: tuple, size: int, batch_size: int, seed: int) -> tf.data.Dataset:
    """Shuffled and augmented batches of images that are `size` pixels wide in the end."""
    images, joints, weights = arrays

    def pick(indices: tf.Tensor) -> tuple:
        picked = tf.numpy_function(
            lambda chosen: (images[chosen].astype(np.float32), joints[chosen], weights[chosen]),
            [indices],
            (tf.float32, tf.float32, tf.float32),
        )
        shapes = [(batch_size, *array.shape[1:]) for array in arrays]
        image, joint, weight = (tf.ensure_shape(each, shape) for each, shape in zip(picked, shapes, strict=True))
        return image, {"joints": joint}, {"joints": weight}

    order = tf.data.Dataset.range(len(images)).shuffle(len(images), seed=seed)
    picked = order.batch(batch_size, drop_remainder=True).map(pick, num_parallel_calls=tf.data.AUTOTUNE)
    augmented = pipelines.augment_pose(picked, AUGMENTATION, image_size=size, seed=seed)
    return augmented.prefetch(2).with_options(datasets.options_without_tuner())


def joint_finder(image_size: int, start: str = "tiny_resnet") -> keras.Model:
    """A pose model whose backbone learns."""
    return pose_model(backbones.load_backbone(start, image_size), heatmap_channels=64, freeze_backbone=False)


def train(arguments: argparse.Namespace) -> None:
    """Draws, trains on small and then on full-size images, and saves the backbone after every epoch."""
    keras.utils.set_random_seed(arguments.seed)
    started = time.perf_counter()
    first = arguments.seed * arguments.images  # Another seed sees other people.
    images, joints, weights = people(
        TRAIN_SEED, arguments.images, arguments.image_size, AUGMENTATION.surroundings, first
    )
    held_out = people(HELD_OUT_SEED, 500, arguments.image_size, 0.0)
    print(f"{time.perf_counter() - started:.0f} s for {arguments.images + 500} drawings", flush=True)

    # As in `pretrain_tiny_resnet`: the same patterns are learned on smaller images at half the price.
    stages = [
        (96, arguments.epochs - arguments.full_size_epochs, 2e-3),
        (arguments.image_size, arguments.full_size_epochs, 1e-3),
    ]
    stages = [stage for stage in stages if stage[1]]
    learned = None
    for size, epochs, learning_rate in stages:
        model = joint_finder(size, arguments.start)
        if learned is not None:
            model.set_weights(learned)
        side = size + 2 * round(AUGMENTATION.surroundings * size)
        batches = batched((resized(images, side), joints, weights), size, arguments.batch_size, arguments.seed)
        model.compile(
            optimizer=optimizer(learning_rate, epochs * (arguments.images // arguments.batch_size)),
            loss={"joints": get_joint_loss("l1")},  # The model adds that of its heatmaps.
            weighted_metrics={"joints": [PCK(0.2), PCK(0.1)]},
            jit_compile=False,
        )
        small = (resized(held_out[0], size), {"joints": held_out[1]}, {"joints": held_out[2]})
        model.fit(
            batches,
            epochs=epochs,
            shuffle=False,  # `batched` does it.
            validation_data=tf.data.Dataset.from_tensor_slices(small).batch(100),
            callbacks=[saving(model.get_layer("features"), arguments.out)],
            verbose=2,
        )
        learned = model.get_weights()
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, {time.perf_counter() - started:.0f} s in all")


def main() -> None:
    """Reads the command line and trains."""
    parser = options_parser(
        __doc__,
        images=16_000,
        epochs=21,
        full_size_epochs=6,
        batch_size=32,
        out=backbones.OWN_NETWORKS["tiny_resnet_people"].weights,
    )
    size = backbones.OWN_NETWORKS["tiny_resnet_people"].image_size
    parser.add_argument("--image-size", type=int, default=size, help="full size, in pixels (default: %(default)s)")
    parser.add_argument("--start", default="tiny_resnet", help="backbone to go on from (default: %(default)s)")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
