"""Measures what each step with ResNet50 costs on this machine, and projects it onto GPUs.

    python tools/measure_cost.py                           # prints the page
    python tools/measure_cost.py --write                   # writes it to docs/cost.md, and its table into README.md

The page also shows the GPUs of docs/gpu.json, which tools/measure_gpu.py measures.

Each step runs in a process of its own, so that its peak of memory is its own, on about a hundred random images: neither
time nor memory depends on what is in them, nor on the weights, which are random too. The difference between several
passes over these images and one pass is the time without start-up; it is scaled to the 905 single-object images of
VOC 2007's training split. The backbone computes in float32, and then in the half precision that the full profile takes
where the machine is fast at it.
"""

import argparse
import contextlib
import io
import math
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import marked_blocks
import measurements

PAGE = measurements.REPOSITORY / "docs" / "cost.md"
README = measurements.REPOSITORY / "README.md"
GPU_MEASUREMENTS = measurements.REPOSITORY / "docs" / "gpu.json"
EPOCH_IMAGES = 905
NUM_CLASSES = 20
GIGABYTE = 2**30
# Step -> (its name in the tables, passes over the images in the longer of the two runs).
STEPS = {
    "features": ("features of the frozen backbone, once", 3),
    "heads": ("heads, from cached features", 31),
    "last": ("fine-tuning, last stage", 3),
    "all": ("fine-tuning, everything", 3),
}
# Images per second of a forward pass, batches of 32, without XLA: mixed precision, and float32 (A100: TF32). From
# NVIDIA's DeepLearningExamples, TensorFlow ResNet-50 v1.5, container 20.06.
PUBLISHED_FORWARD = {"T4": (972, 415), "V100": (2356, 1140), "A100": (1974, 1602)}
PUBLISHED_SOURCE = (
    "https://github.com/NVIDIA/DeepLearningExamples/tree/master/TensorFlow/Classification/ConvNets/resnet50v1.5"
)


# --- Measuring --------------------------------------------------------------------------------------------------------


def measured_apart(step: str, precision: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Runs a step in a new process.

    Args:
        step: A key of `STEPS`.
        precision: That of the backbone, as for `models.computing_in`; the heads compute in float32.
        arguments: Of the command line.

    Returns:
        `seconds` for one pass over `EPOCH_IMAGES` images, and the peak of the process's memory in `gigabytes` (GiB).
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (step, precision, arguments))


def _measured(step: str, precision: str, arguments: argparse.Namespace) -> dict[str, float]:
    passes = STEPS[step][1]
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as folder:
        seconds = seconds_per_epoch(_prepared(step, precision, arguments, Path(folder)), passes, arguments.images)
    return {"seconds": seconds, "gigabytes": measurements.peak_memory() / GIGABYTE}


def seconds_per_epoch(run: Callable[[int], object], passes: int, images: int) -> float:
    """The time of a step without its start-up.

    Args:
        run: Takes a number of passes and runs the step as often over the images.
        passes: Of the longer of the two runs that are compared.
        images: How many there are.

    Returns:
        Seconds for one pass over `EPOCH_IMAGES` images.
    """
    # Once without a clock: what is only done the first time must not be in the shorter of the two.
    run(1)
    short, long = _seconds(run, 1), _seconds(run, passes)
    return (long - short) / (passes - 1) * EPOCH_IMAGES / images


def random_examples(model, count: int) -> tuple:
    """Images of noise for a two-head model, float32 0..255 `[count, S, S, 3]`, and random targets.

    Args:
        model: A two-head model of `NUM_CLASSES` classes.
        count: How many.

    Returns:
        The images, and a dict of `"label"` `[count]` and `"box"` `[count, 4]`, rel_xyxy.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (count, *model.input_shape[1:])).astype("float32")
    corners = np.sort(rng.uniform(0, 1, (count, 2, 2)), axis=1).astype("float32")
    labels = rng.integers(0, NUM_CLASSES, count).astype("int32")
    return images, {"label": labels, "box": corners.reshape(count, 4)}


def _seconds(run: Callable[[int], object], passes: int) -> float:
    begin = time.perf_counter()
    run(passes)
    return time.perf_counter() - begin


def _prepared(step: str, precision: str, arguments: argparse.Namespace, folder: Path) -> Callable[[int], object]:
    """A function that takes a number of passes and runs the step as often over the images."""
    # Imported here: the process that only waits needs no TensorFlow, and its memory must not count.
    from clsloc_utils import quiet

    quiet.start_tensorflow()
    import tensorflow as tf

    from clsloc_utils import datasets, training

    model = two_head_model(arguments)
    images, targets = random_examples(model, arguments.images)
    batches = tf.data.Dataset.from_tensor_slices((images, targets)).batch(arguments.batch_size)
    batches = batches.with_options(datasets.options_without_tuner())

    def cached(copies: int) -> training.FeatureCache:
        key = {"random images": arguments.images, "never found again": time.perf_counter()}
        return training.cache_features(
            model, lambda _: batches, key, copies=copies, directory=folder, precision=precision
        )

    if step == "features":
        return cached
    if step == "heads":
        cache = cached(1)
        return lambda passes: training.train_heads(model, cache, epochs=passes, show_progress=False)
    return lambda passes: training.fine_tune(
        model, batches, epochs=passes, layers=step, precision=precision, show_progress=False
    )


def two_head_model(arguments: argparse.Namespace):
    """The two-head model of the full profile, with random weights."""
    from clsloc_utils import models
    from clsloc_utils.backbones import load_backbone

    backbone = load_backbone(arguments.backbone, image_size=arguments.image_size, weights=None)
    return models.two_head_model(backbone, NUM_CLASSES)


# --- Projecting -------------------------------------------------------------------------------------------------------


def work(arguments: argparse.Namespace) -> dict[str, float]:
    """Multiply-adds of all convolutions for one image, in a process of its own.

    Args:
        arguments: Of the command line.

    Returns:
        `backbone`, `last` (the part of the backbone whose maps have the size of its last one) and `heads`.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_work, (arguments,))


def _work(arguments: argparse.Namespace) -> dict[str, float]:
    model = two_head_model(arguments)
    features = model.get_layer("features")
    side = features.output["coarse"].shape[1]
    last = [layer for layer in features.layers if hasattr(layer, "kernel") and layer.output.shape[1] == side]
    return {
        "backbone": _multiply_adds(features.layers),
        "last": _multiply_adds(last),
        "heads": _multiply_adds(model.get_layer("heads").layers),
    }


def _multiply_adds(layers: list) -> float:
    convolutions = [layer for layer in layers if len(getattr(getattr(layer, "kernel", None), "shape", ())) == 4]
    return sum(math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:3]) for layer in convolutions)


def projected_seconds(amounts: dict[str, float], forward: float, forward_float32: float) -> dict[str, float]:
    """Seconds for one pass over `EPOCH_IMAGES` images on a GPU.

    Args:
        amounts: As `work` returns them.
        forward: Images per second of the backbone's forward pass in mixed precision.
        forward_float32: The same in float32, which the heads compute in.

    Returns:
        Seconds of each step of `STEPS`.
    """
    # Where a layer learns, its gradient costs twice what its forward pass costs: once for its input, once for its
    # weights. Where nothing below it learns, there is only the forward pass.
    last, heads = amounts["last"] / amounts["backbone"], amounts["heads"] / amounts["backbone"]
    on_heads = 3 * heads * EPOCH_IMAGES / forward_float32
    return {
        "features": EPOCH_IMAGES / forward,
        "heads": on_heads,
        "last": (1 + 2 * last) * EPOCH_IMAGES / forward + on_heads,
        "all": 3 * EPOCH_IMAGES / forward + on_heads,
    }


# --- The page ---------------------------------------------------------------------------------------------------------


def page(
    measured: dict[str, dict[str, dict]],
    amounts: dict[str, float],
    gpus: dict[str, dict],
    machine: str,
    arguments: argparse.Namespace,
) -> str:
    """The page in Markdown.

    Args:
        measured: Of each precision and step what `measured_apart` returns.
        amounts: As `work` returns them.
        gpus: As `tools/measure_gpu.py` saves them.
        machine: What `measured` was measured on, in words.
        arguments: Of the command line.

    Returns:
        Its text.
    """
    command = f"python tools/measure_cost.py --images {arguments.images} --batch-size {arguments.batch_size}"
    billions = {part: f"{amount / 1e9:.2f}" for part, amount in amounts.items()}
    projections = {gpu: projected_seconds(amounts, *speed) for gpu, speed in PUBLISHED_FORWARD.items()}
    projected = [
        f"| {name} | " + " | ".join(_time(seconds[step]) for seconds in projections.values()) + " |"
        for step, (name, _) in STEPS.items()
    ]
    return f"""\
# What ResNet-50 costs

How long does an epoch take, and how much memory? An epoch is one pass over the {EPOCH_IMAGES} single-object images of
VOC 2007's training split here, with `{arguments.backbone}`, images of {arguments.image_size} pixels and the spatial
box head. This page is written by `{command} --write`.

## Measured

On {machine}; batches of {arguments.batch_size}.

{_steps_table(measured, "process")}

Measured on {arguments.images} random images, start-up subtracted, and scaled to {EPOCH_IMAGES}: neither the weights,
random too, nor what is in the images changes the time. Features are computed once for each augmented copy of an image;
the heads then pass over them in every epoch. The memory, the largest of all precisions, includes TensorFlow itself.

{"".join(_measured_on(gpu) for gpu in gpus.values())}## Projected onto other GPUs, not measured

| step | {" | ".join(PUBLISHED_FORWARD)} |
| --- |{" --- |" * len(PUBLISHED_FORWARD)}
{chr(10).join(projected)}

Nobody has run this course on these cards yet. The times follow from counting, with these assumptions:

- the backbone's forward pass runs as fast as NVIDIA publishes for ResNet-50 in TensorFlow, batches of 32, mixed
  precision, without XLA: {", ".join(f"{gpu} {fast} images/s" for gpu, (fast, _) in PUBLISHED_FORWARD.items())}
  ([table]({PUBLISHED_SOURCE}));
- a layer that learns costs three forward passes, a frozen one below it costs one. Of {billions["backbone"]} billion
  multiply-adds for an image, {billions["last"]} are in the last stage; the heads add {billions["heads"]}, in float32;
- reading and decoding the images keeps up, and starting the steps costs nothing. Both make the true time longer, most
  of all for the heads, where the row is no more than a lower bound.
"""


def table(measured: dict[str, dict[str, dict]], amounts: dict[str, float], gpus: dict[str, dict]) -> str:
    """The short table of the README; arguments as for `page`.

    Returns:
        Markdown: a row for each step, columns for this machine, the measured GPUs, and the projected ones.
    """
    projections = {gpu: projected_seconds(amounts, *speed) for gpu, speed in PUBLISHED_FORWARD.items()}
    titles = ["step", f"{os.cpu_count()} CPU cores", "its memory, GiB", *(f"{gpu}, measured" for gpu in gpus)]
    titles += [f"{gpu}, projected" for gpu in projections]
    rows = [titles, ["---"] * len(titles)]
    for step, (name, _) in STEPS.items():
        ours, *of_gpus = (
            min((precision[step] for precision in each.values()), key=lambda one: one["seconds"])
            for each in (measured, *(gpu["measured"] for gpu in gpus.values()))
        )
        seconds = [one["seconds"] for one in of_gpus] + [projection[step] for projection in projections.values()]
        rows.append([name, _time(ours["seconds"]), f"{ours['gigabytes']:.1f}", *map(_time, seconds)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _steps_table(by_precision: dict[str, dict[str, dict]], whose: str) -> str:
    """A row for each step, a column for each precision, and the memory."""
    rows = [
        f"| step | {' | '.join(f'time for an epoch, {precision}' for precision in by_precision)} | "
        f"peak memory of the {whose}, GiB |",
        f"| --- |{' --- |' * len(by_precision)} --- |",
    ]
    for step, (name, _) in STEPS.items():
        each = [measured[step] for measured in by_precision.values()]
        seconds = " | ".join(_time(one["seconds"]) for one in each)
        peaks = [one["gigabytes"] for one in each if one["gigabytes"] is not None]  # Not every device tells.
        rows.append(f"| {name} | {seconds} | {f'{max(peaks):.1f}' if peaks else '-'} |")
    return "\n".join(rows)


def _measured_on(gpu: dict) -> str:
    """The section about one GPU."""
    by_precision = gpu["measured"]
    steps = math.ceil(EPOCH_IMAGES / gpu["batch_size"])
    heads = max(measured["heads"]["seconds"] for measured in by_precision.values())
    return f"""\
## Measured on a GPU: {gpu["device"]}

The same model, losses and metrics on Keras's JAX backend; {gpu["versions"]}; `{gpu["backbone"]}` at
{gpu["image_size"]} pixels, batches of {gpu["batch_size"]}. The images are random and lie in memory already: none is
read, decoded or augmented.

{_steps_table(by_precision, "card")}

By `KERAS_BACKEND=jax python tools/measure_gpu.py --out docs/gpu.json`. The heads have next to nothing to compute: their
{_time(heads)} for {steps} steps are what it takes to begin a step, and a fast card mostly waits for that.

"""


def _time(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet50", help="a name of keras.applications (default resnet50)")
    parser.add_argument("--image-size", type=int, default=224, help="side of the images in pixels (default 224)")
    parser.add_argument("--images", type=int, default=96, help="images to measure on (default 96)")
    parser.add_argument("--batch-size", type=int, default=32, help="images in a batch (default 32)")
    parser.add_argument("--write", action="store_true", help="write docs/cost.md and the table of README.md")
    arguments = parser.parse_args()
    measured: dict[str, dict[str, dict]] = {}
    for precision in measurements.precisions():
        for step, (name, _) in STEPS.items():
            measured.setdefault(precision, {})[step] = one = measured_apart(step, precision, arguments)
            took = f"{_time(one['seconds'])} an epoch, {one['gigabytes']:.1f} GiB"
            print(f"{name}, {precision}: {took}", file=sys.stderr, flush=True)
    amounts, gpus = work(arguments), measurements.load(GPU_MEASUREMENTS)
    text = page(measured, amounts, gpus, measurements.machine(), arguments)
    if arguments.write:
        readme = marked_blocks.replaced(
            README.read_text(encoding="utf-8"), "cost", f"{table(measured, amounts, gpus)}\n"
        )
        measurements.write(PAGE, text)
        measurements.write(README, readme)
    else:
        print(text)


if __name__ == "__main__":
    main()
