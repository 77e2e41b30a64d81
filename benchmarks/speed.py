"""Measures what the course's way saves: against the naive recipe, a graph for each setting, and plain loops.

    python benchmarks/speed.py                                  # all parts that need nothing but the embedded data
    python benchmarks/speed.py --parts recipe
    python benchmarks/speed.py --parts photos --photos my_photos --naive-epochs 10
    python benchmarks/speed.py --parts                          # none: only the page and its picture again
    python benchmarks/speed.py --quick                          # tiny inputs, to try the command: writes nothing

Each part runs in a process of its own and replaces its numbers in `docs/speed.json`; then the page `docs/speed.md` and
its picture are made again from all numbers there are. Run it on a machine that does nothing else.

- `recipe`: the naive recipe in every epoch, or features computed once for the heads; ResNet-50 with random weights, in
  float32 and in the half precision that the full profile takes where the machine is fast at it.
- `photos`: the mean IoU that both reach on a folder of photos, over time, and that of plain Keras.
- `sweep`: the loss weights of notebook 04 in one program, against a single one of them.
- `pipeline`: each stage of it, against plain decoding and a loop that decodes everything first.
- `cost`: time and memory of each step with ResNet-50.
"""

import argparse
import functools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

from clsloc_utils import backbones, datasets, models, pipelines, profiles, quiet, recipes, sweeps, training

# isort: split
import cost
import iou_over_time
import measurements
import naive_recipe
import numpy as np
import pandas
import psutil
import tensorflow as tf

# How much is measured, and how much of it in a quick try. Of the 2,441 drawings 914 hold one object; of VOC 2007's
# training images 905 do. A sweep has settings and seeds.
SIZES: dict[str, tuple] = {
    "examples": (2441, 48),
    "recipe_backbone": ("resnet50", "tiny_resnet"),
    "cost_images": (96, 2),
    "epochs": (30, 1),
    "our_epochs": (10, 1),
    "sweeps": (((1, 1), (3, 1), (11, 1), (11, 3)), ((1, 1), (3, 1))),
    "sweep_epochs": (profiles.FAST.sweep_epochs, 1),
    "sweep_split": ("train", "train[:64]"),
    "pipeline_split": ("train", "train[:64]"),
    "times": (3, 2),
    "runs": (3, 1),
}


# --- the naive recipe against cached features -------------------------------------------------------------------------


def recipe(options: argparse.Namespace) -> dict:
    """Seconds until the heads have seen the data 30 times."""
    source = datasets.info("toy_voc")
    split = f"{source.train_split}[:{options.examples}]"
    backbone = backbones.load_backbone(options.recipe_backbone, image_size=options.image_size, weights=None)
    batches = pipelines.batches(source.name, split, image_size=backbone.input_shape[1], batch_size=32)
    cached, naive = [], {}
    for precision in measurements.precisions():
        for head in ("flatten", "spatial"):
            started = time.perf_counter()
            training.set_seed(0)
            model = models.two_head_model(backbone, source.num_classes, box_head=head)
            with tempfile.TemporaryDirectory() as folder:
                cache = training.cache_features(model, batches, {"of": split}, precision=precision, directory=folder)
                features = time.perf_counter() - started
                training.train_heads(model, cache, epochs=options.epochs)
            both = time.perf_counter() - started
            row = {"head": head, "precision": precision, "seconds": both, "feature_seconds": features}
            cached.append(row | {"head_seconds": both - features})
    # All images and the naive recipe's targets in memory, so that reading them costs it nothing.
    pairs = [(images, *naive_recipe.naive_targets(targets, source.num_classes)) for images, targets in batches]
    images, *targets = (np.concatenate(part) for part in zip(*pairs, strict=True))
    for precision in measurements.precisions():
        training.set_seed(0)
        with models.computing_in(backbone, precision):
            model = naive_recipe.naive_model(backbone, source.num_classes)
            fit = functools.partial(model.fit, batch_size=32, verbose=0)
            fit(images[:64], [each[:64] for each in targets])  # builds the graph
            naive[precision] = measurements.timed(fit, images, targets)["seconds"]
    asked_for = {"backbone": options.recipe_backbone, "image_size": options.image_size, "epochs": options.epochs}
    return asked_for | {"images": len(images), "naive_epoch_seconds": naive, "cached": cached}


# --- sweep ------------------------------------------------------------------------------------------------------------


def sweep(options: argparse.Namespace) -> dict:
    """Sweeps of more and more models, each sweep in a process of its own."""
    return {"rows": [measurements.in_new_process(one_sweep, options, *size) for size in options.sweeps]}


def one_sweep(options: argparse.Namespace, num_settings: int, num_seeds: int) -> dict:
    """Wall-clock and processor seconds of a sweep on features that are already cached, with all it does."""
    source = datasets.info(profiles.FAST.data)
    backbone = backbones.load_backbone(profiles.FAST.backbone, image_size=profiles.FAST.image_size)
    train = recipes.cache_split(backbone, source, options.sweep_split, copies=profiles.FAST.copies)
    validation = recipes.cache_split(backbone, source, source.validation_split)
    # The ratio 1 alone, or a grid with its ends.
    settings = [sweeps.Setting()] if num_settings == 1 else sweeps.weight_grid(max(2, num_settings - 2))[:num_settings]
    asked_for = {"settings": settings, "seeds": tuple(range(num_seeds)), "epochs": options.sweep_epochs}
    took = measurements.timed(sweeps.run_sweep, train, validation, source.num_classes, **asked_for)
    return {"models": num_settings * num_seeds, "settings": num_settings, "seeds": num_seeds, **took}


# --- the input pipeline: each stage yields the number of images that it has got ready, step by step -------------------


def decoded(images: tf.data.Dataset) -> Iterator[int]:
    """Decodes images and drops them."""
    images = images.map(lambda data: tf.io.decode_jpeg(data, channels=3), num_parallel_calls=tf.data.AUTOTUNE)
    return counted(images.prefetch(8).with_options(datasets.options_without_tuner()))


def counted(elements: tf.data.Dataset) -> Iterator[int]:
    """Counts within TensorFlow: handing single images to Python would take longer than some stages do."""
    yield int(elements.reduce(0, lambda count, _: count + 1))


def decode_kept(examples: tf.data.Dataset, times: int) -> Iterator[int]:
    """Decodes the images with one object, whose bytes lie in memory, and drops them."""
    kept = [example["image"] for example in pipelines.single_object(examples).as_numpy_iterator()]
    return decoded(tf.data.Dataset.from_tensor_slices(kept).repeat(times))


def whole_pipeline(examples: tf.data.Dataset, times: int, **options) -> Iterator[int]:
    """Makes batches of the images with one object."""
    kept = pipelines.single_object(examples.repeat(times))
    return (len(images) for images, _ in pipelines.to_batches(kept, image_size=128, batch_size=32, **options))


def without_antialiasing(examples: tf.data.Dataset, times: int) -> Iterator[int]:
    """Makes batches of the images with one object, resized as the naive loop does."""
    images = pipelines.single_object(examples.repeat(times)).map(
        lambda example: tf.image.resize(tf.io.decode_jpeg(example["image"], channels=3), (128, 128)),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return (len(batch) for batch in images.batch(32).prefetch(2))


def naive_loop(examples: tf.data.Dataset, times: int) -> Iterator[int]:
    """Decodes all images into memory, and then resizes those with one object."""
    examples = examples.repeat(times)
    everything = [(tf.io.decode_jpeg(each["image"], channels=3), each["objects"]) for each in examples]
    for image, objects in everything:
        if len(objects["label"]) == 1:
            tf.image.resize(image, (128, 128))
            yield 1


# In the order of the table; the words of the page know them by their places.
STAGES: dict[str, Callable[[tf.data.Dataset, int], Iterator[int]]] = {
    "plain decoding of the whole split": lambda examples, times: decoded(
        examples.repeat(times).map(lambda example: example["image"])
    ),
    "plain decoding of the kept images, from memory": decode_kept,
    "filter alone": lambda examples, times: counted(pipelines.single_object(examples.repeat(times))),
    "pipeline: filter, decode, resize, batch": whole_pipeline,
    "the same, resized without antialiasing": without_antialiasing,
    "pipeline with augmentation": functools.partial(whole_pipeline, augmented=True),
    "naive loop: decode all, then filter and resize": naive_loop,
}


def pipeline(options: argparse.Namespace) -> dict:
    """Seconds, images per second and memory of each stage, each run in a process of its own."""
    datasets.load("toy_voc", options.pipeline_split)  # prepares the data here, so that no stage has to
    rows = []
    for stage in STAGES:
        apart = functools.partial(measurements.in_new_process, run_stage, stage, options.pipeline_split)
        seconds = statistics.median(apart(options.times)["seconds"] for _ in range(options.runs)) / options.times
        # Linux's allocator keeps freed memory for each thread apart, up to hundreds of megabytes over time; with one
        # pool for all threads the memory is the pipeline's own, and the threads wait for each other.
        with mock.patch.dict(os.environ, MALLOC_ARENA_MAX="1"):
            once, often = apart(1), apart(options.times)
        memory = {"memory_once": once["megabytes"], "memory_often": often["megabytes"]}
        rows.append({"stage": stage, "images": once["images"], "seconds": seconds} | memory)
    return {"times": options.times, "stages": rows}


def run_stage(stage: str, split: str, times: int) -> dict:
    """Goes through the data; the megabytes are those that this process added at its peak."""
    run = STAGES[stage](datasets.load("toy_voc", split), times)
    process, done, held = psutil.Process(), threading.Event(), []

    def watch() -> None:
        while not done.wait(0.01 if held else 0):
            held.append(process.memory_info().rss / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    images = sum(run)
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    return {"images": images, "seconds": seconds, "megabytes": max(held) - held[0]}


# --- the page ---------------------------------------------------------------------------------------------------------

HEAD = """# How fast, compared with what?

What does it save to compute features once, to train many settings in one graph, to look at annotations before images?
`make bench` measures it and writes this page; all numbers are in `docs/speed.json`."""

GROWTH = """## With 16 times the images

Measured once, on 1,000, 4,000 and 16,000 drawings of `toy_voc`, on 2 processor cores, each stage in a process of its
own. Preparing 16 times the drawings took 15.1 times the seconds (5.9 and 89.8) and 1.51 times the memory (627 and
944 MB): TFDS keeps up to 1 GB of encoded examples to shuffle them, and there memory stops to grow. Caching the features
of those with one object (407 and 5,898) took 4.0 times the seconds (4.0 and 16.0) and 1.07 times the memory (796 and
851 MB); three epochs of the heads on them took 5.8 times the seconds (4.3 and 25.2) and 1.05 times the memory (793 and
830 MB). No stage grew faster than its images."""


def page(numbers: dict) -> str:
    """The page, of what the parts returned, by their names, each with its `"machine"`."""
    written = [HEAD]
    for part, (_, write, title) in PARTS.items():
        command = f"`python benchmarks/speed.py --parts {part}{' --photos FOLDER' if part == 'photos' else ''}`"
        written.append(f"## {title}")
        if part in numbers:
            written += [write(numbers[part]), f"Measured on {numbers[part]['machine']}, by {command}."]
        else:
            written.append(f"Not measured yet: {command}.")
    return "\n\n".join([*written, GROWTH]) + "\n"


def recipe_words(numbers: dict) -> str:
    """The part `recipe`."""
    epochs, cached = numbers["epochs"], numbers["cached"]
    naive = {precision: epochs * seconds for precision, seconds in numbers["naive_epoch_seconds"].items()}
    always = "in every epoch"
    rows = [("naive recipe", name, always, always, f"{took:,.0f} s", took) for name, took in naive.items()]
    for each in cached:
        name, took = f"cached features, {each['head']} head", each["seconds"]
        words = (f"{seconds:,.1f} s" for seconds in (each["feature_seconds"], each["head_seconds"], took))
        rows.append((name, each["precision"], *words, took))
    names = ["training", "backbone in", "features, once", f"heads, {epochs} epochs", "in all", "times less"]
    table = pandas.DataFrame(rows, columns=names)
    table["times less"] = naive["float32"] / table["times less"]
    bound = naive["float32"] / min(each["feature_seconds"] for each in cached)
    an_epoch = " and ".join(f"{took / epochs:.0f} s in {precision}" for precision, took in naive.items())
    drawn = f"{numbers['images']} drawn images with one object"
    return f"""`{numbers["backbone"]}` at {numbers["image_size"]} pixels with random weights, {drawn}. One epoch of the
naive recipe, forwards and backwards through the whole network, was measured ({an_epoch}), on images that lay decoded in
memory and after the graph was built; it is taken {epochs} times. The rest was measured as a whole, from JPEGs to
trained heads, building of graphs included.

{measurements.markdown(table, {"times less": "{:.3g}"}, words=2)}

Times less than the naive recipe as it is written, in float32. Heads that cost nothing would make it {bound:.0f} times
less; the features take the rest. Half precision is the full profile's choice on a GPU and on processors with
instructions for it; heads learn in float32 in any case."""


def sweep_words(numbers: dict) -> str:
    """The part `sweep`."""
    names = {"cpu_seconds": "processor seconds"}
    table = pandas.DataFrame(numbers["rows"]).rename(columns=names)
    table["seconds a model"] = table["seconds"] / table["models"]
    layouts = {"seconds": "{:.1f}", "processor seconds": "{:.1f}", "seconds a model": "{:.2f}"}
    alone, together = numbers["rows"][0], numbers["rows"][-1]
    count, first = together["models"], alone["seconds"]
    more = (together["seconds"] - first) / (count - alone["models"])
    return f"""{measurements.markdown(table, layouts, words=0)}

The last row is a grid of nine ratios, both ends, three seeds. The first model costs {first:.1f} s, {first - more:.1f} s
of which for what all share, above all the graph; each further one {more:.2f} s. {count} models with a graph each would
take {count * first / together["seconds"]:.1f} times as long."""


def pipeline_words(numbers: dict) -> str:
    """The part `pipeline`."""
    table = pandas.DataFrame(numbers["stages"])
    table.insert(3, "rate", table["images"] / table["seconds"])
    split, kept, _, ours, plain, _, naive = table.itertuples()
    layouts = {"images got ready": "{:,}", "seconds a pass": "{:.2f}", "images/s": "{:,.0f}"}
    layouts |= {"memory, once": "{:.0f} MB", f"{numbers['times']} times": "{:.0f} MB"}
    table.columns = ["stage", *layouts]
    return f"""What it takes to go through the split `train` of `toy_voc` once: {split.images:,} images as TFDS keeps
them on disk, {ours.images:,} of them with one object. The pipeline makes batches of 32 of these, 128 pixels square.

- Against plain decoding of the whole split, which reads and decodes all {split.images:,} images and does nothing else:
  the pipeline needs {ours.seconds:.2f} s where that needs {split.seconds:.2f} s, so it runs at
  {split.seconds / ours.seconds:.0%} of its speed. It reads the same files, decodes fewer images, and resizes them
  besides.
- Against plain decoding of the {kept.images:,} kept images alone, whose bytes lie in memory before the clock starts:
  {ours.rate:,.0f} images/s where that has {kept.rate:,.0f}, {ours.rate / kept.rate:.0%} of its speed.
- Against the naive loop, which decodes all images into memory, one by one, before it looks at the annotations:
  {naive.seconds / ours.seconds:.1f} times faster. Where it resizes as that loop does, skipping pixels, it is
  {naive.seconds / plain.seconds:.1f} times faster: antialiasing takes the rest.

{measurements.markdown(table, layouts)}

Seconds are the mean of {numbers["times"]} passes in a row, the median of several runs. Memory is what the process added
at its peak, in one pass and in all of these: what streams takes about the same for both."""


# Name -> what measures it, what words it, its title.
PARTS: dict[str, tuple[Callable[[argparse.Namespace], dict], Callable[[dict], str], str]] = {
    "recipe": (recipe, recipe_words, "Until the heads have seen the data 30 times"),
    "photos": (iou_over_time.photos, iou_over_time.photos_words, "On photos, to the same mean IoU"),
    "sweep": (sweep, sweep_words, "A sweep of loss weights"),
    "pipeline": (pipeline, pipeline_words, "The input pipeline"),
    "cost": (cost.cost, cost.cost_words, "What ResNet-50 costs"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the parts, one after the other, and makes the page again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="default: all, photos where they are given")
    parser.add_argument("--image-size", type=int, default=224, help="pixels, unless the backbone says (default: 224)")
    parser.add_argument("--photos", help="a folder in VOC layout, for the part photos")
    parser.add_argument("--backbone", default="efficientnet_lite0", help="name or file, for the part photos")
    parser.add_argument("--naive-epochs", type=int, default=30, help="of the naive recipe, in the part photos")
    parser.add_argument("--plain-epochs", type=int, default=30, help="of plain Keras, in the part photos")
    parser.add_argument("--quick", action="store_true", help="tiny inputs; print the page, write nothing")
    parser.add_argument("--out", type=Path, default=measurements.REPOSITORY, help="folder of docs/ and images/")
    options = parser.parse_args(arguments)
    vars(options).update({name: sizes[options.quick] for name, sizes in SIZES.items()})
    if options.parts is None:
        options.parts = [part for part in PARTS if part != "photos" or options.photos]
    if "photos" in options.parts and options.photos is None:
        parser.error("--parts photos needs --photos FOLDER")
    quiet.start_tensorflow()
    file, numbers = options.out / "docs" / "speed.json", {}
    for folder in () if options.quick else ("docs", "images"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    for part in options.parts:
        print(f"{part} ...", flush=True)
        numbers[part] = measurements.in_new_process(PARTS[part][0], options) | {"machine": measurements.machine()}
        if not options.quick:  # Read now: another part may have been measured meanwhile.
            measurements.save(file, measurements.load(file) | {part: numbers[part]})
    if not options.quick:
        numbers = measurements.load(file)
        if "photos" in numbers:
            iou_over_time.draw_photos(numbers["photos"], options.out / "images" / "speed_photos.svg")
        file.with_suffix(".md").write_text(page(numbers), encoding="utf-8")
    print(page(numbers))


if __name__ == "__main__":
    main()
