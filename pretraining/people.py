"""Trains the weights of `tiny_resnet_people` that ship with the package: where are the joints of a drawn person?

The network goes on from the weights of `tiny_resnet`, which can name drawings. The people come from the generator of
`toy_pose` under a seed that `toy_pose` never uses. Repeat with

    python pretraining/people.py

The weights in the package have been through three runs, each on 16,000 other people:

    python pretraining/people.py --image-size 128
    python pretraining/people.py --start tiny_resnet_people --seed 1 --epochs 26 --full-size-epochs 8
    python pretraining/people.py --start tiny_resnet_people --seed 2 --epochs 17 --full-size-epochs 17
"""

import argparse
import functools
import time
from collections.abc import Sequence

from clsloc_utils import backbones, datasets, pipelines  # first: the package chooses TensorFlow's kernels

# isort: split
import keras
import numpy as np
import tensorflow as tf
from tiny_resnet import optimizer, options_parser, saving

from clsloc_utils.datasets.toy_pose import drawn_people
from clsloc_utils.joints import NUM_JOINTS
from clsloc_utils.losses import get_joint_loss
from clsloc_utils.metrics import PCK
from clsloc_utils.models import pose_model

TRAIN_SEED, HELD_OUT_SEED = 1011, 1012
AUGMENTATION = pipelines.PoseAugmentation(rotation=15.0)


def people(seed: int, indices: range, image_size: int, surroundings: float) -> tuple[np.ndarray, ...]:
    """N drawn people: images uint8 `[N, S, S, 3]`, joints float32 `[N, 14, 2]`, their weights `[N, 14]`."""
    signature = {
        "image": tf.TensorSpec((), tf.string),
        "joints": tf.TensorSpec((NUM_JOINTS, 2), tf.float32),
        "labelled": tf.TensorSpec((NUM_JOINTS,), tf.bool),
        "visible": tf.TensorSpec((NUM_JOINTS,), tf.bool),
    }
    draw = functools.partial(drawn_people, seed, indices, "Drawing")
    parse = pipelines.parse_pose(image_size, surroundings=surroundings)
    parsed = tf.data.Dataset.from_generator(draw, output_signature=signature).map(parse)
    rows = [
        (np.rint(image).astype(np.uint8), targets["joints"].numpy(), weights["joints"].numpy())
        for image, targets, weights in parsed.with_options(datasets.options_without_tuner())
    ]
    return tuple(np.stack(part) for part in zip(*rows, strict=True))


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """The same images at another size."""
    if images.shape[1] == side:
        return images
    parts = np.split(images, range(256, len(images), 256))
    return np.concatenate([np.rint(tf.image.resize(part, (side, side), "area")).astype(np.uint8) for part in parts])


def batched(arrays: tuple, size: int, batch_size: int, seed: int) -> tf.data.Dataset:
    """Shuffled and augmented batches of images that are `size` pixels wide in the end."""
    images, joints, weights = arrays

    def pick(indices: tf.Tensor) -> tuple:
        # From NumPy's memory: a data set of these arrays would copy them.
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


def joint_finder(image_size: int, start: str, optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """A compiled pose model whose backbone learns."""
    backbone = backbones.load_backbone(start, image_size)
    model = pose_model(backbone, heatmap_channels=64, freeze_backbone=False)
    model.compile(
        optimizer=optimizer,
        loss={"joints": get_joint_loss("l1")},  # The model adds that of its heatmaps.
        weighted_metrics={"joints": [PCK(0.2), PCK(0.1)]},
        jit_compile=False,
    )
    return model


def train(arguments: argparse.Namespace) -> None:
    """Draws, trains on small and then on full-size images, and saves the backbone after every epoch."""
    keras.utils.set_random_seed(arguments.seed)
    started = time.perf_counter()
    count, full_size = arguments.images, arguments.image_size
    indices = range(arguments.seed * count, (arguments.seed + 1) * count)  # Another seed sees other people.
    images, *labels = people(TRAIN_SEED, indices, full_size, AUGMENTATION.surroundings)
    held_out = people(HELD_OUT_SEED, range(min(500, count)), full_size, 0.0)

    # As in `tiny_resnet`: the same patterns are learned on smaller images at half the price.
    stages = [
        (96, arguments.epochs - arguments.full_size_epochs, 2e-3),
        (full_size, arguments.full_size_epochs, 1e-3),
    ]
    learned = None
    for size, epochs, learning_rate in (stage for stage in stages if stage[1]):
        steps = epochs * (count // arguments.batch_size)
        model = joint_finder(size, arguments.start, optimizer(learning_rate, steps))
        if learned is not None:
            model.set_weights(learned)
        side = size + 2 * round(AUGMENTATION.surroundings * size)
        small = (resized(held_out[0], size), {"joints": held_out[1]}, {"joints": held_out[2]})
        model.fit(
            batched((resized(images, side), *labels), size, arguments.batch_size, arguments.seed),
            epochs=epochs,
            shuffle=False,  # `batched` does it.
            validation_data=tf.data.Dataset.from_tensor_slices(small).batch(100),
            callbacks=[saving(model.get_layer("features"), arguments.out)],
            verbose=2,
        )
        learned = model.get_weights()
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, {time.perf_counter() - started:.0f} s in all")


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and trains."""
    network = backbones.OWN_NETWORKS["tiny_resnet_people"]
    parser = options_parser(__doc__, images=16_000, epochs=21, full_size_epochs=6, batch_size=32, out=network.weights)
    parser.add_argument("--image-size", type=int, default=network.image_size, help="in pixels (default: %(default)s)")
    parser.add_argument("--start", default="tiny_resnet", help="backbone to go on from (default: %(default)s)")
    train(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
