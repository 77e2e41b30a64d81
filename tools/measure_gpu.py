"""Measures what each step with ResNet-50 costs on a GPU, with Keras's JAX backend and no TensorFlow.

    KERAS_BACKEND=jax python tools/measure_gpu.py                        # prints the measurements
    KERAS_BACKEND=jax python tools/measure_gpu.py --out docs/gpu.json    # adds them to those of other devices there

Model, losses and metrics are the package's own, which know nothing of TensorFlow; what feeds them is Keras's `fit` over
arrays in memory. So this is the time of the device and of the way to it: no image is read or decoded. The images and
weights are random, since time depends on neither. Each step runs in a process of its own, so that its peak of memory
on the device is its own. `tools/measure_cost.py` puts the file's rows on its page.
"""

import argparse
import contextlib
import functools
import importlib.metadata
import json
import math
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import measurements
from measure_cost import EPOCH_IMAGES, random_examples, seconds_per_epoch, two_head_model

# Step -> passes over the images in the longer of the two runs.
STEPS = {"features": 5, "heads": 41, "last": 5, "all": 5}
PRECISIONS = ("float32", "mixed_float16")


def measured_apart(step: str, precision: str, arguments: argparse.Namespace) -> dict:
    """Runs a step in a new process.

    Args:
        step: A key of `STEPS`.
        precision: One of `PRECISIONS`; that of the backbone, the heads compute in float32.
        arguments: Of the command line.

    Returns:
        `seconds` for one pass over `EPOCH_IMAGES` images; the peak of the device's memory in `gigabytes` (GiB), or None
        where the device does not tell it; and `learning`, how many numbers the step learns.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (step, precision, arguments))


def _measured(step: str, precision: str, arguments: argparse.Namespace) -> dict:
    import jax

    with _prepared(step, precision, arguments) as (run, learning):
        seconds = seconds_per_epoch(run, STEPS[step], arguments.images)
    peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return {
        "seconds": seconds,
        "gigabytes": None if peak is None else peak / 2**30,
        "learning": learning,
    }


@contextlib.contextmanager
def _prepared(
    step: str, precision: str, arguments: argparse.Namespace
) -> Iterator[tuple[Callable[[int], object], int]]:
    """A function that takes a number of passes and runs the step as often over the images; how many numbers learn."""
    from clsloc_utils import models

    model = two_head_model(arguments)
    features = model.get_layer("features")
    images, targets = random_examples(model, arguments.images)
    with (
        models.unfrozen(model, step) if step in ("last", "all") else contextlib.nullcontext(),
        models.computing_in(features, precision),
    ):
        if step == "features":
            yield lambda passes: [_maps(features, images, arguments) for _ in range(passes)], 0
        else:
            learner, inputs = model, images
            if step == "heads":
                learner = models.heads_of(model)
                maps = _maps(features, images, arguments)
                inputs = {name: maps[name].astype("float32") for name in learner.input}
            _compile(learner, scaled=precision == "mixed_float16" and step != "heads")
            learning = sum(math.prod(variable.shape) for variable in learner.trainable_variables)
            yield functools.partial(_fit, learner, inputs, targets, arguments), learning


def _maps(features, images, arguments: argparse.Namespace) -> dict:
    return features.predict(images, batch_size=arguments.batch_size, verbose=0)


def _fit(learner, inputs, targets: dict, arguments: argparse.Namespace, passes: int) -> None:
    history = learner.fit(inputs, targets, batch_size=arguments.batch_size, epochs=passes, verbose=0).history
    if not math.isfinite(history["loss"][-1]):
        raise FloatingPointError(f"The loss is {history['loss'][-1]}: what was timed is no training.")


def _compile(model, scaled: bool) -> None:
    """As `clsloc_utils.training` does, which needs TensorFlow."""
    import keras

    from clsloc_utils.losses import get_box_loss
    from clsloc_utils.metrics import BoxAccuracy, MeanBoxIoU

    optimizer = keras.optimizers.AdamW(2e-4, weight_decay=4e-3)
    model.compile(
        optimizer=keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer,
        loss={"label": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "box": get_box_loss("giou+l1")},
        metrics={
            "label": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            "box": [MeanBoxIoU(), BoxAccuracy()],
        },
    )


def device() -> tuple[str, str]:
    """Name of the device that JAX computes on, and the versions; asked in a process of its own, which lets it go."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        name = pool.apply(_device_name)
    return name, ", ".join(f"{each} {importlib.metadata.version(each)}" for each in ("jax", "keras"))


def _device_name() -> str:
    import jax

    return jax.devices()[0].device_kind


def main() -> None:
    """Measures all steps in both precisions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet50", help="a name of keras.applications (default resnet50)")
    parser.add_argument("--image-size", type=int, default=224, help="side of the images in pixels (default 224)")
    parser.add_argument(
        "--images", type=int, default=EPOCH_IMAGES, help=f"images to measure on (default {EPOCH_IMAGES})"
    )
    parser.add_argument("--batch-size", type=int, default=32, help="images in a batch (default 32)")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS), help="by default all")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="by default both")
    parser.add_argument("--out", type=Path, help="file for the measurements (default: they are printed)")
    arguments = parser.parse_args()
    if os.environ.get("KERAS_BACKEND") != "jax":
        parser.error("set KERAS_BACKEND=jax: this tool reads the device's memory through JAX.")
    if arguments.out and (set(arguments.steps) != set(STEPS) or set(arguments.precisions) != set(PRECISIONS)):
        parser.error("--out keeps a card's measurements as a whole: leave --steps and --precisions out, or --out.")
    # JAX would take three quarters of the card's memory at once, and the peak would be that.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    name, versions = device()
    what = {key: getattr(arguments, key) for key in ("backbone", "image_size", "images", "batch_size")}
    row = {"device": name, "versions": versions, **what, "measured": {}}
    for precision in arguments.precisions:
        for step in arguments.steps:
            row["measured"].setdefault(precision, {})[step] = each = measured_apart(step, precision, arguments)
            print(f"{name}, {precision}, {step}: {each}", file=sys.stderr, flush=True)
    if arguments.out:
        others = measurements.load(arguments.out)
        measurements.save(arguments.out, others | {name: row})
    else:
        print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
