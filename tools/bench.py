"""Measures what the course's way saves: against the naive recipe, one training for each setting, and plain loops.

    python tools/bench.py                                  # all parts that need nothing but the embedded data
    python tools/bench.py --parts recipe
    python tools/bench.py --parts photos --photos my_photos --backbone my_backbone.keras

Each part runs in a process of its own and writes its numbers to `docs/speed.json`; then the page `docs/speed.md` and
its picture are made again from all numbers there are. Run it on a machine that does nothing else.

- `recipe`: ResNet-50 at 224 pixels with random weights (time does not depend on them). The naive recipe runs the whole
  network forwards and backwards in every epoch; one epoch is measured, after a warm-up, and taken 30 times. Ours
  computes the features once and trains the heads for 30 epochs: all of it measured, building of graphs included.
- `photos`: the same two ways on a folder of photos, until they reach the mean IoU at which the naive recipe ends.
- `sweep`: the loss weights of notebook 04 side by side, against one of them trained alone.
- `pipeline`: filter, decode, resize, augment, against plain decoding and the loop that decodes everything first.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import bench_pipeline
import matplotlib.pyplot as plt
import measure_sweep

ROOT = Path(__file__).resolve().parent.parent
NUMBERS, PAGE, PICTURE = (ROOT / name for name in ("docs/speed.json", "docs/speed.md", "images/speed.svg"))
EPOCHS = 30
HEADS = ("flatten", "spatial")


# --- the naive recipe against cached features -------------------------------------------------------------------------


def recipe(arguments: argparse.Namespace) -> dict:
    """Seconds until the heads have seen the data 30 times, on ResNet-50."""
    from clsloc_utils import datasets
    from clsloc_utils.backbones import load_backbone

    source = datasets.info("toy_voc")
    split = f"{source.train_split}[:{arguments.examples}]"
    backbone = load_backbone("resnet50", image_size=224, weights=None)
    numbers = {"cached": {}}
    for head in HEADS:
        numbers["cached"][head] = cached_seconds(backbone, source, split, head)
    numbers |= naive_epoch(backbone, source, split)
    for timings in numbers["cached"].values():
        timings["times_less"] = EPOCHS * numbers["naive_epoch_seconds"] / timings["seconds"]
    return numbers


def cached_seconds(backbone, source, split: str, head: str) -> dict:
    """Features of a split from scratch, then 30 epochs of the heads; the seconds of both."""
    from clsloc_utils import pipelines, training
    from clsloc_utils.models import two_head_model

    started = time.perf_counter()
    training.set_seed(0)
    model = two_head_model(backbone, source.num_classes, box_head=head)
    with tempfile.TemporaryDirectory() as folder:
        batches = pipelines.batches(source.name, split, image_size=224, batch_size=32)
        cache = training.cache_features(model, batches, {"bench": split}, directory=folder)
        feature_seconds = time.perf_counter() - started
        training.train_heads(model, cache, epochs=EPOCHS)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "feature_seconds": feature_seconds, "head_seconds": seconds - feature_seconds}


def naive_epoch(backbone, source, split: str) -> dict:
    """Seconds of one epoch of the whole network, on images that lie decoded in memory, as the recipe has them."""
    import keras
    import numpy as np

    from clsloc_utils import pipelines, training
    from clsloc_utils.models import two_head_model

    batches = list(pipelines.batches(source.name, split, image_size=224, batch_size=32))
    images = np.concatenate([images for images, _ in batches])
    targets = {name: np.concatenate([targets[name] for _, targets in batches]) for name in ("label", "box")}
    model = two_head_model(backbone, source.num_classes, box_head="pooled", freeze_backbone=False)
    training.compile_model(model, optimizer=keras.optimizers.Adam(1e-3))
    few = {name: values[:64] for name, values in targets.items()}
    model.fit(images[:64], few, batch_size=32, verbose=0)  # builds the graph
    started = time.perf_counter()
    model.fit(images, targets, batch_size=32, verbose=0, callbacks=[training.ProgressBar("naive recipe, one epoch")])
    return {"naive_epoch_seconds": time.perf_counter() - started, "images": len(images)}


# --- on photos, to the same quality -----------------------------------------------------------------------------------


def photos(arguments: argparse.Namespace) -> dict:
    """Mean IoU on the test photos over time, for the naive recipe and for cached features with a spatial head."""
    from clsloc_utils import datasets, pipelines
    from clsloc_utils.backbones import load_backbone

    if arguments.photos is None:
        raise SystemExit("--parts photos needs --photos FOLDER, and --backbone NAME or FILE.")
    source = datasets.info(arguments.photos)

    def load():
        return load_backbone(arguments.backbone, image_size=224)

    test = pipelines.batches(source.name, source.test_split, image_size=load().input_shape[1], batch_size=64).cache()
    ours, naive = curve_of_ours(load(), source, test), curve_of_naive(load(), source, test, arguments.naive_epochs)
    goal = naive[-1]["mean_iou"]
    return {
        "photos": source.splits,
        "naive_epochs": arguments.naive_epochs,
        "naive": naive,
        "ours": ours,
        "naive_final_iou": goal,
        "naive_seconds": naive[-1]["seconds"],
        "ours_seconds_to_that": next((point["seconds"] for point in ours if point["mean_iou"] >= goal), None),
        "ours_final_iou": ours[-1]["mean_iou"],
        "ours_seconds": ours[-1]["seconds"],
    }


def curve_of_ours(backbone, source, test) -> list[dict]:
    """Features of two copies and ten epochs of the spatial head; the clock stands still while it is tested."""
    from clsloc_utils import pipelines, training
    from clsloc_utils.models import two_head_model

    clock = Clock()
    training.set_seed(0)
    model = two_head_model(backbone, source.num_classes)

    def batches(copy: int):
        options = {"image_size": backbone.input_shape[1], "batch_size": 32, "augmented": copy > 0, "seed": copy}
        return pipelines.batches(source.name, source.train_split, **options)

    with tempfile.TemporaryDirectory() as folder:
        cache = training.cache_features(model, batches, {"bench": source.fingerprint}, copies=2, directory=folder)
        heads = model.get_layer("heads")
        training.compile_model(heads, optimizer="adamw")
        curve = [clock.point(model, test)]
        for epoch in range(10):
            heads.fit(cache.batches(seed=epoch), verbose=0, shuffle=False)
            curve.append(clock.point(model, test))
    return curve


def curve_of_naive(backbone, source, test, epochs: int) -> list[dict]:
    """The recipe: pooled heads, one wrongly wired loss, all weights trained at once with Adam at 0.001."""
    import keras
    import tensorflow as tf

    from clsloc_utils import pipelines, training

    clock = Clock()
    training.set_seed(0)
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    hidden = keras.layers.Dense(256, activation="relu")(pooled)
    scores = keras.layers.Dense(source.num_classes, activation="softmax")(hidden)
    box = keras.layers.Dense(4)(keras.layers.Dense(128, activation="relu")(pooled))
    model = keras.Model(backbone.input, [scores, box])
    judged = keras.Model(backbone.input, {"label": scores, "box": keras.ops.clip(box, 0.0, 1.0)})

    def combined_loss(y_true, y_pred):
        class_loss = keras.losses.categorical_crossentropy(y_true[0], y_pred[0])
        return 0.5 * class_loss + 0.5 * keras.losses.mean_squared_error(y_true[1], y_pred[1])

    def in_pairs(image, targets):
        return image, (tf.one_hot(targets["label"], source.num_classes), targets["box"])

    backbone.trainable = True
    model.compile(loss=combined_loss, optimizer=keras.optimizers.Adam(1e-3), jit_compile=False)
    options = {"image_size": backbone.input_shape[1], "batch_size": 32, "counted": True}
    batches = pipelines.batches(source.name, source.train_split, **options).map(in_pairs).cache()
    curve = []
    for epoch in range(epochs):
        model.fit(batches, verbose=0, callbacks=[training.ProgressBar(f"naive recipe, epoch {epoch + 1}")])
        curve.append(clock.point(judged, test))
    return curve


class Clock:
    """A stopwatch that does not count the time of testing."""

    def __init__(self) -> None:
        self.started = time.perf_counter()

    def point(self, model, test) -> dict:
        """Seconds so far, and the mean IoU at this moment."""
        from clsloc_utils import training

        now = time.perf_counter()
        scores = training.evaluate(model, test)
        point = {"seconds": now - self.started, "mean_iou": scores["mean_iou"]}
        self.started += time.perf_counter() - now
        return point


# --- sweep and pipeline -----------------------------------------------------------------------------------------------


def sweep(arguments: argparse.Namespace) -> dict:
    """All 33 models of a sweep side by side, and one alone, each in a process of its own."""
    options = argparse.Namespace(
        data="toy_voc", backbone="tiny_resnet", image_size=128, copies=2, epochs=measure_sweep_epochs()
    )
    alone, together = (
        in_new_process(measure_sweep.measure, (*measure_sweep.SIZES[count], options)) for count in (1, 33)
    )
    return {
        "models": together["models"],
        "seconds_together": together["seconds"],
        "seconds_alone": alone["seconds"],
        "times_less": together["models"] * alone["seconds"] / together["seconds"],
    }


def measure_sweep_epochs() -> int:
    """The number of epochs that notebook 04 takes."""
    from clsloc_utils import profiles

    return profiles.FAST.sweep_epochs


def pipeline(arguments: argparse.Namespace) -> dict:
    """Images per second of each stage of the input pipeline."""
    options = argparse.Namespace(source="toy_voc", split="train", image_size=128, batch_size=32, data_dir=None, times=1)
    rates = {}
    for stage in bench_pipeline.STAGES:
        images, seconds, _ = bench_pipeline.measured_apart(stage, options, 1)
        rates[stage] = images / seconds
        print(f"{stage}: {rates[stage]:.0f} images/s", flush=True)
    return {"images_per_second": rates}


# --- the page ---------------------------------------------------------------------------------------------------------


def page(numbers: dict) -> str:
    """All measurements in words and tables."""
    written = [PAGE_HEAD]
    writers = {"recipe": recipe_words, "photos": photos_words, "sweep": sweep_words, "pipeline": pipeline_words}
    written += [write(numbers[part]) for part, write in writers.items() if part in numbers]
    return "\n\n".join(written) + "\n"


PAGE_HEAD = f"""# How fast, compared with what?

![Seconds of the naive recipe and of cached features with a flatten and a spatial head](../images/{PICTURE.name})

Made by `make bench`; the numbers are in [speed.json](speed.json), with the machine they were measured on."""


def recipe_words(numbers: dict) -> str:
    """The part `recipe`."""
    naive = EPOCHS * numbers["naive_epoch_seconds"]
    lines = [
        "## Until the heads have seen the data 30 times",
        f"ResNet-50 at 224 pixels, {numbers['images']} drawn images, {numbers['cores']} processor cores. One epoch of "
        f"the naive recipe was measured ({numbers['naive_epoch_seconds']:.0f} s) and taken {EPOCHS} times; the rest "
        "was measured as a whole, from JPEGs to trained heads.",
        "| | features, once | heads, 30 epochs | in all | times less |\n| --- | --- | --- | --- | --- |\n"
        f"| naive recipe | in every epoch | in every epoch | {naive:.0f} s | 1 |",
    ]
    for head, timings in numbers["cached"].items():
        seconds = [f"{timings[name]:.1f} s" for name in ("feature_seconds", "head_seconds", "seconds")]
        lines[-1] += f"\n| cached features, {head} head | {' | '.join(seconds)} | {timings['times_less']:.0f} |"
    return "\n\n".join(lines)


def photos_words(numbers: dict) -> str:
    """The part `photos`."""
    reached = numbers["ours_seconds_to_that"]
    words = "never reaches that" if reached is None else f"is past that after {reached:.0f} s"
    return (
        "## On photos, to the same mean IoU\n\n"
        f"{sum(numbers['photos'].values())} photos. After {numbers['naive_epochs']} epochs and "
        f"{numbers['naive_seconds']:.0f} s the naive recipe, whose network starts from the same pretrained weights, "
        f"stands at a mean IoU of {numbers['naive_final_iou']:.3f} on the test photos. The spatial head on cached "
        f"features {words}, features included, and ends at {numbers['ours_final_iou']:.3f} after "
        f"{numbers['ours_seconds']:.0f} s."
    )


def sweep_words(numbers: dict) -> str:
    """The part `sweep`."""
    return (
        "## A sweep of loss weights\n\n"
        f"{numbers['models']} models side by side: {numbers['seconds_together']:.0f} s. One of them alone: "
        f"{numbers['seconds_alone']:.1f} s. So {numbers['models']} trainings one after the other take "
        f"{numbers['times_less']:.0f} times as long."
    )


def pipeline_words(numbers: dict) -> str:
    """The part `pipeline`."""
    rows = "\n".join(f"| {stage} | {rate:.0f} |" for stage, rate in numbers["images_per_second"].items())
    return f"## The input pipeline\n\n| single-object images of `toy_voc` | images/s |\n| --- | --- |\n{rows}"


def picture(numbers: dict) -> None:
    """Bars of the part `recipe`, on a logarithmic axis."""
    names = ["naive recipe", *(f"cached features,\n{head} head" for head in numbers["cached"])]
    seconds = [EPOCHS * numbers["naive_epoch_seconds"], *(each["seconds"] for each in numbers["cached"].values())]
    figure, axes = plt.subplots(figsize=(7, 2.4), layout="constrained")
    bars = axes.barh(names, seconds, color=["#b35900", "#0072b2", "#0072b2"])
    axes.bar_label(bars, [f"{each:,.0f} s" for each in seconds], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(1, 6 * max(seconds))
    axes.set_xlabel(f"seconds for {EPOCHS} epochs of {numbers['images']} images, ResNet-50")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, metadata={"Date": None})


# --- the command ------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[argparse.Namespace], dict]] = {
    "recipe": recipe,
    "sweep": sweep,
    "pipeline": pipeline,
    "photos": photos,
}


def in_new_process(function: Callable, argument) -> dict:
    """Calls a function in a process of its own, which starts without graphs and caches of others."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, [argument])


def parse_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=["recipe", "sweep", "pipeline"])
    parser.add_argument("--examples", type=int, default=700, help="of toy_voc's training split, in the part recipe")
    parser.add_argument("--photos", help="a folder in VOC layout, for the part photos")
    parser.add_argument("--backbone", default="resnet50", help="name or file, for the part photos")
    parser.add_argument("--naive-epochs", type=int, default=EPOCHS, help="of the naive recipe, in the part photos")
    return parser.parse_args()


def main() -> None:
    """Measures the parts, one after the other, and makes the page again."""
    arguments = parse_arguments()
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.exists() else {}
    for part in arguments.parts:
        print(f"{part} ...", flush=True)
        # The parts sweep and pipeline start processes of their own.
        nested = part in ("sweep", "pipeline")
        measured = PARTS[part](arguments) if nested else in_new_process(PARTS[part], arguments)
        numbers[part] = {**measured, "cores": os.cpu_count()}
        NUMBERS.parent.mkdir(exist_ok=True)
        NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    if "recipe" in numbers:
        picture(numbers["recipe"])
    PAGE.write_text(page(numbers), encoding="utf-8")
    print(page(numbers))


if __name__ == "__main__":
    main()
