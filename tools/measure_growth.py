"""Measures how time and memory grow with the number of images, and draws it.

    python tools/measure_growth.py
    python tools/measure_growth.py --images 16000 --stages features heads --scratch growing

Three stages, each in a process of its own for every number of images: preparing drawings of `toy_voc`, caching the
features of those that hold one object, training the heads on them. Time is that of the stage alone; memory is the most
that the process ever held (`resource.getrusage`, so not on Windows), TensorFlow itself included.

Every measurement replaces the one of the same stage and size in docs/growth.json; docs/growth.md and
images/growth.svg are made of that file. A long measurement can so be cut in pieces: with `--scratch`, a piece finds the
drawings and features of the one before. Nothing of the course's own data is touched.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import measurements

MEGABYTE = 2**20
STAGES = ("prepare", "features", "heads")
TITLES = {"prepare": "preparing", "features": "caching features", "heads": "training heads"}
MARKERS = {"prepare": "o", "features": "s", "heads": "^"}
IMAGES = (1000, 4000, 16000)
HEAD_EPOCHS = 3


def measure(stage: str, images: int, scratch: Path) -> dict:
    """Runs one stage in this process, which should be a fresh one.

    Args:
        stage: One of `STAGES`; the one before must have been run.
        images: Number of drawings.
        scratch: Folder for drawings and features of all sizes.

    Returns:
        A dict: `stage`, `images`, `examples` (how many were drawn, or hold one object), `seconds`, `megabytes`.
    """
    os.environ["CLSLOC_DATA_DIR"] = str(scratch / str(images))
    examples, seconds = {"prepare": prepare, "features": cache_features, "heads": train_heads}[stage](images)
    megabytes = measurements.peak_memory() / MEGABYTE
    return {"stage": stage, "images": images, "examples": examples, "seconds": seconds, "megabytes": megabytes}


def measure_apart(stage: str, images: int, scratch: Path) -> dict:
    """What `measure` returns, of a fresh process.

    This one stays small: on Linux, the peak of a child begins with what its parent held.
    """
    command = [
        sys.executable,
        __file__,
        "--here",
        "--stages",
        stage,
        "--images",
        str(images),
        "--scratch",
        str(scratch),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def prepare(images: int) -> tuple[int, float]:
    """Draws the pictures; returns their number and the seconds."""
    from clsloc_utils import datasets
    from clsloc_utils.datasets import toy_voc

    with mock.patch.dict(toy_voc.SPLITS, {"train": images}, clear=True):
        started = time.perf_counter()
        source = datasets.info("toy_voc")
        return source.splits["train"], time.perf_counter() - started


def cache_features(images: int) -> tuple[int, float]:
    """Runs the backbone of the fast profile; returns the number of single-object images and the seconds."""
    started = time.perf_counter()
    cache = _cache()
    return cache.num_examples, time.perf_counter() - started


def train_heads(images: int) -> tuple[int, float]:
    """Trains the heads for `HEAD_EPOCHS`; returns the number of single-object images and the seconds."""
    from clsloc_utils import models, training

    cache = _cache()
    training.set_seed(0)
    model = models.two_head_model(_backbone(), 20)
    started = time.perf_counter()
    training.train_heads(model, cache, epochs=HEAD_EPOCHS)
    return cache.num_examples, time.perf_counter() - started


def _backbone():
    from clsloc_utils import backbones, profiles

    return backbones.load_backbone(profiles.FAST.backbone, image_size=profiles.FAST.image_size)


def _cache():
    from clsloc_utils import datasets, recipes

    return recipes.cache_split(_backbone(), datasets.info("toy_voc"), "train")


# --- report -----------------------------------------------------------------------------------------------------------


def merged(rows: list[dict], new: list[dict]) -> list[dict]:
    """Measurements, of which later ones replace earlier ones of the same stage and size, in order."""
    by_place = {(row["stage"], row["images"]): row for row in [*rows, *new]}
    return [by_place[place] for place in sorted(by_place, key=lambda place: (STAGES.index(place[0]), place[1]))]


def growth(rows: list[dict]) -> dict[str, float]:
    """How one stage grows from its smallest to its largest size.

    Args:
        rows: Measurements of one stage, of at least two sizes, in order.

    Returns:
        `times_images`, `times_seconds` and `times_megabytes`: the largest size over the smallest; `exponent`: of the
        power of the number of images that the time follows between the two largest sizes, where what a process pays
        once counts least. 1 is linear.
    """
    import math

    first, before, last = rows[0], rows[-2], rows[-1]
    exponent = math.log(last["seconds"] / before["seconds"]) / math.log(last["images"] / before["images"])
    times = {f"times_{name}": last[name] / first[name] for name in ("images", "seconds", "megabytes")}
    return {**times, "exponent": exponent}


def report(rows: list[dict]) -> str:
    """The page docs/growth.md."""
    lines = [
        "# How time and memory grow",
        "",
        "Do a thousand images more cost the same at the start and at the end, and does the memory of the machine set a "
        "limit?",
        "Each line is a process of its own.",
        "",
        "![Time and peak memory of the three stages against the number of images](../images/growth.svg)",
        "",
        "| stage | images drawn | images used | seconds | seconds per 1,000 drawn | peak memory, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        lines.append(
            f"| {TITLES[row['stage']]} | {row['images']:,} | {row['examples']:,} | {row['seconds']:.1f} | "
            f"{1000 * row['seconds'] / row['images']:.2f} | {row['megabytes']:.0f} |"
        )
    measured = {(row["stage"], row["images"]) for row in rows}
    for stage in STAGES:
        for images in IMAGES:
            if (stage, images) not in measured:
                lines.append(f"| {TITLES[stage]} | {images:,} | not measured yet | | | |")
    lines.append("")
    for stage in STAGES:
        of_stage = [row for row in rows if row["stage"] == stage]
        if len(of_stage) > 1:
            found = growth(of_stage)
            lines.append(
                f"- {TITLES[stage]}: {found['times_images']:.0f} times the images take {found['times_seconds']:.1f} "
                f"times the seconds and {found['times_megabytes']:.2f} times the memory; between the two largest "
                f"sizes, time grows as images to the power of {found['exponent']:.2f}."
            )
    lines += [
        "",
        f"Head training is {HEAD_EPOCHS} epochs on the cached features of the images with exactly one object.",
        "Memory is the peak of the main process, TensorFlow included, without the processes that draw.",
        "While preparing, TFDS keeps up to 1 GB of encoded examples to shuffle them, and the rest on the disk: there,",
        "memory grows with the images until that bound.",
        f"Measured on {os.cpu_count()} processor cores by `python tools/measure_growth.py`.",
        "",
    ]
    return "\n".join(lines)


def draw(rows: list[dict], file: Path) -> None:
    """Time and memory against the number of images, both axes of time logarithmic: linear growth is a straight line."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    from clsloc_utils.plotting import BLUE, GREEN, VERMILLION

    # The same file on every run, and text that a reader can search.
    with plt.rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):
        figure, (time_axes, memory_axes) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        for stage, colour in zip(STAGES, (BLUE, VERMILLION, GREEN), strict=True):
            of_stage = [row for row in rows if row["stage"] == stage]
            images = [row["images"] for row in of_stage]
            style = {"color": colour, "marker": MARKERS[stage]}
            time_axes.plot(images, [row["seconds"] for row in of_stage], label=TITLES[stage], **style)
            memory_axes.plot(images, [row["megabytes"] for row in of_stage], label=TITLES[stage], **style)
        sizes = sorted({row["images"] for row in rows})
        slope = max(row["seconds"] / row["images"] for row in rows if row["images"] == sizes[-1])
        time_axes.plot(sizes, [1.6 * slope * size for size in sizes], ":", color="grey", label="slope of linear growth")
        time_axes.set(xscale="log", yscale="log", xlabel="images drawn", ylabel="seconds")
        memory_axes.set(xscale="log", ylim=(0, None), xlabel="images drawn", ylabel="peak memory, MB")
        for axes in (time_axes, memory_axes):
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axes.minorticks_off()
            axes.grid(alpha=0.3)
        time_axes.legend(frameon=False, fontsize="small")
        figure.savefig(file, format="svg", metadata={"Date": None})
        plt.close(figure)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=list(IMAGES), help="sizes (default: %(default)s)")
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=list(STAGES), help="none: only the page")
    parser.add_argument("--scratch", type=Path, help="folder for drawings and features that a later piece uses again")
    parser.add_argument("--here", action="store_true", help="print one measurement, of this process, and write nothing")
    parser.add_argument(
        "--out", type=Path, default=measurements.REPOSITORY, help="folder in which docs/ and images/ lie"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measures, and writes numbers, page and picture."""
    options = parse_arguments(arguments)
    if options.here:
        (stage,), (images,) = options.stages, options.images
        print("\n" + json.dumps(measure(stage, images, options.scratch)))
        return
    numbers = options.out / "docs" / "growth.json"
    rows = measurements.load(numbers) or []
    for folder in ("docs", "images"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = (options.scratch or Path(temporary)).resolve()
        for images in options.images:
            for stage in options.stages:
                row = measure_apart(stage, images, scratch)
                print(f"{row}", flush=True)
                rows = merged(rows, [row])
                measurements.save(numbers, rows)
    if rows:
        draw(rows, options.out / "images" / "growth.svg")
    measurements.write(options.out / "docs" / "growth.md", report(rows))


if __name__ == "__main__":
    main()
