"""The part `cost` of `benchmarks/speed.py`: time and memory of an epoch of each step with ResNet-50.

Each step runs in a process of its own, so that its peak of memory is its own, on random images: neither time nor memory
depends on what is in them, nor on the weights, which are random too.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable

import measurements
import numpy as np
import pandas
import tensorflow as tf

from clsloc_utils import backbones, datasets, models, training

EPOCH_IMAGES = 905  # those with one object in VOC 2007's training split
NUM_CLASSES = 20
BATCH_SIZE = 32
# Step -> (its name in the table, passes over the images in the longer of the two runs).
STEPS = {
    "features": ("features of the frozen backbone, once", 3),
    "heads": ("heads, from cached features", 31),
    "last": ("fine-tuning, last stage", 3),
    "all": ("fine-tuning, everything", 3),
}


def cost(options: argparse.Namespace) -> dict:
    """Of each precision and step what `measure` returns."""
    measured = {
        precision: {step: measurements.in_new_process(measure, step, precision, options) for step in STEPS}
        for precision in measurements.precisions()
    }
    settings = {"backbone": options.recipe_backbone, "image_size": options.image_size, "images": options.cost_images}
    return settings | {"batch_size": BATCH_SIZE, "measured": measured}


def measure(step: str, precision: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds for one pass over `EPOCH_IMAGES` images, and the peak of this process's memory in `gigabytes` (GiB)."""
    import resource  # Windows has none.

    with tempfile.TemporaryDirectory() as folder:
        run = prepared(step, precision, options, folder)
        seconds = seconds_per_pass(run, STEPS[step][1]) * EPOCH_IMAGES / options.cost_images
    # Linux counts kilobytes, macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "gigabytes": peak / 2**30}


def seconds_per_pass(run: Callable[[int], object], passes: int) -> float:
    """The time of one pass without start-up: of a run of several passes beyond that of a run of one."""
    run(1)  # What is only done the first time must not be in the shorter of the two.
    started = time.perf_counter()
    run(1)
    between = time.perf_counter()
    run(passes)
    return ((time.perf_counter() - between) - (between - started)) / (passes - 1)


def prepared(step: str, precision: str, options: argparse.Namespace, folder: str) -> Callable[[int], object]:
    """A function that takes a number of passes and runs the step as often, over images of noise and random targets."""
    backbone = backbones.load_backbone(options.recipe_backbone, image_size=options.image_size, weights=None)
    rng, count, model = np.random.default_rng(0), options.cost_images, models.two_head_model(backbone, NUM_CLASSES)
    images = rng.uniform(0, 255, (count, *model.input_shape[1:])).astype("float32")
    corners = np.sort(rng.uniform(0, 1, (count, 2, 2)), axis=1).astype("float32")
    targets = {"label": rng.integers(0, NUM_CLASSES, count), "box": corners.reshape(count, 4)}
    batches = tf.data.Dataset.from_tensor_slices((images, targets)).batch(BATCH_SIZE)
    batches = batches.with_options(datasets.options_without_tuner())

    def cached(copies: int) -> training.FeatureCache:
        options = {"copies": copies, "directory": folder, "precision": precision}
        return training.cache_features(model, lambda _: batches, {"never found again": time.perf_counter()}, **options)

    if step == "features":
        return cached
    if step == "heads":
        cache = cached(1)
        return lambda passes: training.train_heads(model, cache, epochs=passes, verbose=False)
    learning = {"layers": step, "precision": precision, "verbose": False}
    return lambda passes: training.fine_tune(model, batches, epochs=passes, **learning)


def cost_words(numbers: dict) -> str:
    """The section of the page."""
    return f"""How long does an epoch take, and how much memory? An epoch is one pass over the
{EPOCH_IMAGES} single-object images of VOC 2007's training split here, with `{numbers["backbone"]}`, images of
{numbers["image_size"]} pixels, batches of {numbers["batch_size"]} and the spatial box head.

{cost_table(numbers["measured"])}

Measured on {numbers["images"]} random images, start-up subtracted, and scaled to {EPOCH_IMAGES}: neither the weights,
random too, nor what is in the images changes the time. Features are computed once for each augmented copy of an image;
the heads then pass over them in every epoch. The memory, the largest of all precisions, includes TensorFlow itself."""


def cost_table(measured: dict[str, dict[str, dict]]) -> str:
    """A row for each step, a column for each precision, and the memory."""
    rows = []
    for step, (name, _) in STEPS.items():
        times = {
            f"time for an epoch, {precision}": in_words(steps[step]["seconds"]) for precision, steps in measured.items()
        }
        peak = max(steps[step]["gigabytes"] for steps in measured.values())
        rows.append({"step": name, **times, "peak memory of the process, GiB": peak})
    return measurements.markdown(pandas.DataFrame(rows), {"peak memory of the process, GiB": "{:.1f}"})


def in_words(seconds: float) -> str:
    """Seconds or minutes, with about two digits."""
    return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
