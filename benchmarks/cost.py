"""Measures what each step with ResNet-50 costs on this machine, projects it onto GPUs, and writes docs/cost.md.

    python benchmarks/cost.py                              # measures, and writes numbers and page
    python benchmarks/cost.py --steps                      # none: only the page again, of docs/cost.json
    python benchmarks/cost.py --quick --steps heads        # tiny inputs, to try the command: writes nothing

Each step runs in a process of its own, so that its peak of memory is its own, on about a hundred random images: neither
time nor memory depends on what is in them, nor on the weights, which are random too. The difference between several
passes over these images and one pass is the time without start-up; it is scaled to the 905 single-object images of
VOC 2007's training split. The backbone computes in float32, and then in the half precision that the full profile takes
where the machine is fast at it.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import measurements
import pandas

EPOCH_IMAGES = 905
NUM_CLASSES = 20
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


# --- Measuring. TensorFlow is imported in the process that is measured, not in the one that waits ---------------------


def measure(step: str, precision: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds for one pass over `EPOCH_IMAGES` images, and the peak of this process's memory in `gigabytes` (GiB)."""
    import resource  # Windows has none.

    with tempfile.TemporaryDirectory() as folder:
        run = prepared(step, precision, options, folder)
        seconds = seconds_per_pass(run, STEPS[step][1]) * EPOCH_IMAGES / options.images
    # Linux counts kilobytes, macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "gigabytes": peak / 2**30}


def seconds_per_pass(
    run: Callable[[int], object], passes: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """The time of one pass without start-up: of a run of several passes beyond that of a run of one."""
    run(1)  # What is only done the first time must not be in the shorter of the two.
    started = clock()
    run(1)
    between = clock()
    run(passes)
    return ((clock() - between) - (between - started)) / (passes - 1)


def two_head_model(options: argparse.Namespace):
    """The two-head model of the full profile, with random weights."""
    from clsloc_utils import backbones, models

    backbone = backbones.load_backbone(options.backbone, image_size=options.image_size, weights=None)
    return models.two_head_model(backbone, NUM_CLASSES)


def prepared(step: str, precision: str, options: argparse.Namespace, folder: str) -> Callable[[int], object]:
    """A function that takes a number of passes and runs the step as often, over images of noise and random targets."""
    from clsloc_utils import datasets, quiet, training

    quiet.start_tensorflow()
    import numpy as np
    import tensorflow as tf

    rng, count, model = np.random.default_rng(0), options.images, two_head_model(options)
    images = rng.uniform(0, 255, (count, *model.input_shape[1:])).astype("float32")
    corners = np.sort(rng.uniform(0, 1, (count, 2, 2)), axis=1).astype("float32")
    targets = {"label": rng.integers(0, NUM_CLASSES, count), "box": corners.reshape(count, 4)}
    batches = tf.data.Dataset.from_tensor_slices((images, targets)).batch(options.batch_size)
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


# --- Projecting -------------------------------------------------------------------------------------------------------


def work(options: argparse.Namespace) -> dict[str, float]:
    """Multiply-adds of all convolutions for one image.

    Returns:
        `backbone`, `last` (the part of the backbone whose maps have the size of its last one) and `heads`.
    """
    model = two_head_model(options)
    features = model.get_layer("features")
    side = features.output["coarse"].shape[1]
    layers = {
        "backbone": features.layers,
        "last": [layer for layer in features.layers if hasattr(layer, "kernel") and layer.output.shape[1] == side],
        "heads": model.get_layer("heads").layers,
    }
    return {name: sum(map(multiply_adds, each)) for name, each in layers.items()}


def multiply_adds(layer) -> int:
    """Those of a convolution for one image; of another layer 0."""
    shape = getattr(getattr(layer, "kernel", None), "shape", ())
    return math.prod(shape) * math.prod(layer.output.shape[1:3]) if len(shape) == 4 else 0


def projected_seconds(amounts: dict[str, float], forward: float, forward_float32: float) -> dict[str, float]:
    """Seconds of each step of `STEPS`, for one pass over `EPOCH_IMAGES` images on a GPU.

    Args:
        amounts: As `work` returns them.
        forward: Images per second of the backbone's forward pass in mixed precision.
        forward_float32: The same in float32, which the heads compute in.
    """
    # Where a layer learns, its gradient costs twice what its forward pass costs: once for its input, once for its
    # weights. Where nothing below it learns, there is only the forward pass.
    last, heads = amounts["last"] / amounts["backbone"], amounts["heads"] / amounts["backbone"]
    on_heads, once = 3 * heads * EPOCH_IMAGES / forward_float32, EPOCH_IMAGES / forward
    return {"features": once, "heads": on_heads, "last": (1 + 2 * last) * once + on_heads, "all": 3 * once + on_heads}


# --- The page ---------------------------------------------------------------------------------------------------------


def page(numbers: dict) -> str:
    """The page in Markdown.

    Args:
        numbers: `"machine"`, `"backbone"`, `"image_size"`, `"images"` and `"batch_size"`; `"measured"`: what `measure`
            returns, of each precision and step; `"amounts"`: what `work` returns.
    """
    billions = {part: f"{amount / 1e9:.2f}" for part, amount in numbers["amounts"].items()}
    forward = ", ".join(f"{gpu} {fast} images/s" for gpu, (fast, _) in PUBLISHED_FORWARD.items())
    return f"""\
# What ResNet-50 costs

How long does an epoch take, and how much memory? An epoch is one pass over the {EPOCH_IMAGES} single-object images of
VOC 2007's training split here, with `{numbers["backbone"]}`, images of {numbers["image_size"]} pixels and the spatial
box head. `python benchmarks/cost.py` measures it and writes this page; all numbers are in `docs/cost.json`.

## Measured

On {numbers["machine"]}; batches of {numbers["batch_size"]}.

{measured_table(numbers["measured"])}

Measured on {numbers["images"]} random images, start-up subtracted, and scaled to {EPOCH_IMAGES}: neither the weights,
random too, nor what is in the images changes the time. Features are computed once for each augmented copy of an image;
the heads then pass over them in every epoch. The memory, the largest of all precisions, includes TensorFlow itself.

## Projected onto GPUs, not measured

{projected_table(numbers["amounts"])}

Nobody has run this course on these cards yet. The times follow from counting, with these assumptions:

- the backbone's forward pass runs as fast as NVIDIA publishes for ResNet-50 in TensorFlow, batches of 32, mixed
  precision, without XLA: {forward}
  ([table]({PUBLISHED_SOURCE}));
- a layer that learns costs three forward passes, a frozen one below it costs one. Of {billions["backbone"]} billion
  multiply-adds for an image, {billions["last"]} are in the last stage; the heads add {billions["heads"]}, in float32;
- reading and decoding the images keeps up, and starting the steps costs nothing. Both make the true time longer, most
  of all for the heads, where the row is no more than a lower bound.
"""


def measured_table(measured: dict[str, dict[str, dict]]) -> str:
    """A row for each step, a column for each precision, and the memory."""
    rows = []
    for step in next(iter(measured.values())):
        times = {f"time for an epoch, {name}": in_words(steps[step]["seconds"]) for name, steps in measured.items()}
        peak = max(steps[step]["gigabytes"] for steps in measured.values())
        rows.append({"step": STEPS[step][0], **times, "peak memory of the process, GiB": peak})
    return measurements.markdown(pandas.DataFrame(rows), {"peak memory of the process, GiB": "{:.1f}"})


def projected_table(amounts: dict[str, float]) -> str:
    """A row for each step, a column for each GPU."""
    seconds = {gpu: projected_seconds(amounts, *speed) for gpu, speed in PUBLISHED_FORWARD.items()}
    table = pandas.DataFrame(seconds).map(in_words).rename({step: name for step, (name, _) in STEPS.items()})
    return measurements.markdown(table.rename_axis("step").reset_index(), {})


def in_words(seconds: float) -> str:
    """Seconds or minutes, with about two digits."""
    return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what was asked for, and makes the page again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", nargs="*", choices=list(STEPS), default=list(STEPS), help="default: all")
    parser.add_argument("--quick", action="store_true", help="tiny inputs; print the page, write nothing")
    parser.add_argument("--out", type=Path, default=measurements.REPOSITORY / "docs", help="folder of the page")
    options = parser.parse_args(arguments)
    sizes = ("tiny_resnet", 64, 2, 2) if options.quick else ("resnet50", 224, 96, 32)
    settings = dict(zip(("backbone", "image_size", "images", "batch_size"), sizes, strict=True))
    vars(options).update(settings)
    file, here = options.out / "cost.json", measurements.in_new_process
    numbers = measurements.load(file)
    if options.steps:
        measured = {
            precision: {step: here(measure, step, precision, options) for step in options.steps}
            for precision in here(measurements.precisions)
        }
        machine, amounts = here(measurements.machine), here(work, options)
        numbers = {"machine": machine, **settings, "measured": measured, "amounts": amounts}
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        measurements.save(file, numbers)
        file.with_suffix(".md").write_text(page(numbers), encoding="utf-8")
    print(page(numbers))


if __name__ == "__main__":
    main()
