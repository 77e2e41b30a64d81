"""Trains the weights of `tiny_resnet` that ship with the package: which of 20 classes is drawn? No box is used.

The drawings come from the generator of `toy_voc` under seeds that `toy_voc` never uses. Repeat with

    python pretraining/tiny_resnet.py
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from clsloc_utils import backbones, datasets  # first: the package chooses TensorFlow's kernels, before it is imported

# isort: split
import joblib
import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from clsloc_utils.datasets import VOC_CLASS_NAMES
from clsloc_utils.datasets.drawing.scenes import draw_scene
from clsloc_utils.progress import progress

IMAGE_SIZE = 128
TRAIN_SEED, HELD_OUT_SEED = 1001, 1002


def draw_labelled(seed: int, index: int) -> tuple[np.ndarray, int]:
    """One drawing with a single object, the classes in turn: uint8 [IMAGE_SIZE, IMAGE_SIZE, 3] and its label."""
    label = index % len(VOC_CLASS_NAMES)
    rng = np.random.default_rng([seed, index])
    scene = draw_scene(rng, num_objects=1, class_name=VOC_CLASS_NAMES[label], even_sizes=True)
    return np.asarray(scene.image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BILINEAR, reducing_gap=2)), label


def draw_many(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [count, IMAGE_SIZE, IMAGE_SIZE, 3] and labels int32 [count]."""
    workers = joblib.Parallel(n_jobs=-1, batch_size=64, return_as="generator")
    drawings = workers(joblib.delayed(draw_labelled)(seed, index) for index in range(count))
    images, labels = np.empty((count, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8), np.empty(count, np.int32)
    for index, drawing in enumerate(progress(drawings, total=count, description="Drawing")):
        images[index], labels[index] = drawing
    return images, labels


def augmented(image: tf.Tensor, label: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """A mirrored, shifted, zoomed and re-lit version at `size` pixels; pixel values stay in 0..255."""
    image = tf.image.random_flip_left_right(tf.cast(image, tf.float32))
    begin, extent, _ = tf.image.sample_distorted_bounding_box(
        (IMAGE_SIZE, IMAGE_SIZE, 3),
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        min_object_covered=0.6,
        aspect_ratio_range=(0.8, 1.25),
        area_range=(0.6, 1.0),
    )
    image = tf.image.resize(tf.slice(image, begin, extent), (size, size))
    image = tf.image.random_contrast(tf.image.random_brightness(image, 30), 0.8, 1.2)
    return tf.clip_by_value(image, 0, 255), label


def classifier(size: int, steps: int) -> keras.Model:
    """`tiny_resnet` with average pooling and one dense layer, logits of the 20 classes, compiled."""
    backbone = backbones.tiny_resnet(size)
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    logits = keras.layers.Dense(len(VOC_CLASS_NAMES))(keras.layers.Dropout(0.2)(pooled))
    model = keras.Model(backbone.input, logits)
    model.compile(
        optimizer=optimizer(3e-3, steps),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,  # On a CPU, TensorFlow's own kernels convolve faster than XLA.
    )
    return model


def optimizer(learning_rate: float, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with a warm-up and a cosine decay of the learning rate."""
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, steps, warmup_target=learning_rate, warmup_steps=steps // 20, alpha=0.02
    )
    return keras.optimizers.AdamW(schedule, weight_decay=0.02)


def saving(model: keras.Model, file: Path) -> keras.callbacks.Callback:
    """Writes the weights of the backbone in a model: who stops early has those of the last whole epoch."""
    backbone = backbones.tiny_resnet(IMAGE_SIZE)

    def save(*_) -> None:
        for layer in backbone.layers:
            layer.set_weights(model.get_layer(layer.name).get_weights())
        backbones.save_weights(backbone, file)

    return keras.callbacks.LambdaCallback(on_epoch_end=save)


def go_on_from(previous: keras.Model, model: keras.Model) -> None:
    """Gives a model, just compiled, the weights of one for another image size, and the state of its optimizer."""
    model.set_weights(previous.get_weights())
    model.optimizer.build(model.trainable_variables)
    for ours, theirs in zip(model.optimizer.variables, previous.optimizer.variables, strict=True):
        ours.assign(theirs)


def options_parser(description: str, **defaults: object) -> argparse.ArgumentParser:
    """A parser with the options that the commands have which pretrain a network; the defaults are their own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, help="drawings to train on (default: %(default)s)")
    parser.add_argument("--epochs", type=int, help="passes over them (default: %(default)s)")
    parser.add_argument("--full-size-epochs", type=int, help="of these at full size (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, help="drawings in a batch (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file for the weights; by default the one of the package")
    parser.set_defaults(**defaults)
    return parser


def train(arguments: argparse.Namespace) -> None:
    """Draws, trains on small and then on full-size images, and saves the backbone after every epoch."""
    keras.utils.set_random_seed(arguments.seed)
    started = time.perf_counter()
    images, labels = draw_many(TRAIN_SEED, arguments.images)
    held_out = tf.data.Dataset.from_tensor_slices(draw_many(HELD_OUT_SEED, min(1000, arguments.images)))
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(arguments.images, seed=arguments.seed)

    # Most passes look at smaller images: a convolution learns the same patterns there at a third to half of the price.
    smaller = arguments.epochs - arguments.full_size_epochs
    smallest = 3 * smaller // 4
    stages = [(80, smallest), (96, smaller - smallest), (IMAGE_SIZE, arguments.full_size_epochs)]
    steps = arguments.epochs * (arguments.images // arguments.batch_size)
    previous, epochs_done = None, 0
    for size, epochs in (stage for stage in stages if stage[1]):
        model = classifier(size, steps)
        if previous is not None:
            go_on_from(previous, model)
        batches = dataset.map(lambda image, label, size=size: augmented(image, label, size), tf.data.AUTOTUNE)
        batches = batches.batch(arguments.batch_size, drop_remainder=True).prefetch(2)
        small = held_out.map(lambda image, label, size=size: (tf.image.resize(image, (size, size)), label))
        model.fit(
            batches.with_options(datasets.options_without_tuner()),
            initial_epoch=epochs_done,
            epochs=epochs_done + epochs,
            validation_data=small.batch(100),
            callbacks=[saving(model, arguments.out)],
            verbose=2,
        )
        previous, epochs_done = model, epochs_done + epochs
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, {time.perf_counter() - started:.0f} s in all")


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and trains."""
    file = backbones.OWN_NETWORKS["tiny_resnet"].weights
    parser = options_parser(__doc__, images=20_000, epochs=22, full_size_epochs=6, batch_size=64, out=file)
    train(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
