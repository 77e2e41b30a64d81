"""Measures what the course's way saves: against the naive recipe, one training for each setting, and plain loops.

    python tools/bench.py                                  # all parts that need nothing but the embedded data
    python tools/bench.py --parts recipe
    python tools/bench.py --parts photos --photos my_photos
    python tools/bench.py --parts                          # none: only the page and its pictures again

Each part runs in a process of its own and replaces its numbers in `docs/speed.json`; then the page `docs/speed.md` and
its pictures are made again from all numbers there are. Run it on a machine that does nothing else.

- `recipe`: ResNet-50 at 224 pixels with random weights (time does not depend on them). The naive recipe runs the whole
  network forwards and backwards in every epoch; one epoch is measured, after a warm-up, and taken 30 times. Ours
  computes the features once and trains the heads for 30 epochs: all of it measured, building of graphs included. Both
  in float32, and both again in the half precision that the full profile takes where the machine is fast at it.
- `photos`: the same two ways on a folder of photos, until they reach the mean IoU at which the naive recipe ends; and
  what somebody who knows Keras would write first: the backbone frozen, two heads on its average, `fit` on the photos.
- `sweep`: the loss weights of notebook 04 side by side, against one of them trained alone.
- `pipeline`: filter, decode, resize, augment, against plain decoding and the loop that decodes everything first.
"""

import argparse
import concurrent.futures
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import bench_pipeline
import matplotlib.pyplot as plt
import measure_sweep
import measurements
from matplotlib.ticker import LogLocator, NullFormatter

from clsloc_utils import profiles, quiet

EPOCHS = 30
HEADS = ("flatten", "spatial")
PHOTO_EPOCHS, PHOTO_COPIES = 10, 2
NAIVE_COLOUR, OUR_COLOUR = "#b35900", "#0072b2"


# --- the naive recipe against cached features -------------------------------------------------------------------------


def recipe(arguments: argparse.Namespace) -> dict:
    """Seconds until the heads have seen the data 30 times, on ResNet-50."""
    from clsloc_utils import datasets
    from clsloc_utils.backbones import load_backbone

    source = datasets.info("toy_voc")
    split = f"{source.train_split}[:{arguments.examples}]"
    backbone = load_backbone(arguments.recipe_backbone, image_size=arguments.image_size, weights=None)
    precisions = measurements.precisions()
    cached = [
        {"head": head, "precision": precision, **cached_seconds(backbone, source, split, head, precision)}
        for precision in precisions
        for head in HEADS
    ]
    images, targets = decoded(source, split, backbone.input_shape[1])
    naive = {
        precision: naive_seconds(backbone, images, targets, source.num_classes, precision) for precision in precisions
    }
    return {
        "backbone": arguments.recipe_backbone,
        "image_size": arguments.image_size,
        "epochs": EPOCHS,
        "images": len(images),
        "naive_epoch_seconds": naive,
        "cached": cached,
    }


def cached_seconds(backbone, source, split: str, head: str, precision: str) -> dict:
    """Features of a split from scratch, then 30 epochs of the heads; the seconds of both."""
    from clsloc_utils import pipelines, training
    from clsloc_utils.models import two_head_model

    started = time.perf_counter()
    training.set_seed(0)
    model = two_head_model(backbone, source.num_classes, box_head=head)
    with tempfile.TemporaryDirectory() as folder:
        batches = pipelines.batches(source.name, split, image_size=backbone.input_shape[1], batch_size=32)
        cache = training.cache_features(model, batches, {"bench": split}, precision=precision, directory=folder)
        feature_seconds = time.perf_counter() - started
        training.train_heads(model, cache, epochs=EPOCHS, description=f"{head} head, features in {precision}")
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "feature_seconds": feature_seconds, "head_seconds": seconds - feature_seconds}


def decoded(source, split: str, image_size: int) -> tuple:
    """All images and the naive recipe's targets in memory, so that reading them costs nothing."""
    import numpy as np
    from naive_recipe import naive_targets

    from clsloc_utils import pipelines

    batches = list(pipelines.batches(source.name, split, image_size=image_size, batch_size=32))
    pairs = [naive_targets(targets, source.num_classes) for _, targets in batches]
    targets = [np.concatenate(part) for part in zip(*pairs, strict=True)]
    return np.concatenate([images for images, _ in batches]), targets


def naive_seconds(backbone, images, targets: list, num_classes: int, precision: str) -> float:
    """Seconds of one epoch of the whole network."""
    from naive_recipe import naive_model

    from clsloc_utils import models, training

    training.set_seed(0)
    with models.computing_in(backbone, precision):
        model = naive_model(backbone, num_classes)
        model.fit(images[:64], [values[:64] for values in targets], batch_size=32, verbose=0)  # builds the graph
        bar = training.ProgressBar(f"naive recipe in {precision}, one epoch")
        started = time.perf_counter()
        model.fit(images, targets, batch_size=32, verbose=0, callbacks=[bar])
        return time.perf_counter() - started


# --- on photos, to the same quality -----------------------------------------------------------------------------------


def photos(arguments: argparse.Namespace) -> dict:
    """Mean IoU on the test photos over time, for the naive recipe and for cached features with a spatial head."""
    from clsloc_utils import datasets, pipelines
    from clsloc_utils.backbones import load_backbone

    source = datasets.info(arguments.photos)

    def backbone():  # anew for each of the two: the naive recipe changes it
        return load_backbone(arguments.backbone, image_size=arguments.image_size)

    reading = {"image_size": backbone().input_shape[1], "batch_size": 32}
    test = pipelines.batches(source.name, source.test_split, **reading).cache()
    train = pipelines.batches(source.name, source.train_split, counted=True, **reading)
    ours = curve_of_ours(backbone(), source, test)
    naive = curve_of_naive(backbone(), source.num_classes, train, test, arguments.naive_epochs)
    plain = curve_of_plain_keras(backbone(), source.num_classes, train, test, arguments.plain_epochs)
    return {
        "train_photos": sum(len(targets["label"]) for _, targets in train),
        "test_photos": sum(len(targets["label"]) for _, targets in test),
        "ours": ours,
        "naive": naive,
        "plain": plain,
        **compared(ours, naive),
        **best_of_plain(ours, plain),
    }


def best_of_plain(ours: Sequence[dict], plain: Sequence[dict]) -> dict:
    """How long either way takes to the best mean IoU of the plain one.

    Args:
        ours: Points of `"seconds"` and `"mean_iou"`, in the order of time.
        plain: Likewise.

    Returns:
        `"plain_best"`, the best point of the plain one; `"ours_seconds_to_plain_best"`, `None` if it is never reached.
    """
    best = max(plain, key=lambda point: point["mean_iou"])
    return {"plain_best": best, "ours_seconds_to_plain_best": seconds_to(ours, best["mean_iou"])}


def seconds_to(curve: Sequence[dict], goal: float) -> float | None:
    """When a curve first reaches a mean IoU; `None` if it never does."""
    return next((point["seconds"] for point in curve if point["mean_iou"] >= goal), None)


def compared(ours: Sequence[dict], naive: Sequence[dict]) -> dict:
    """When each of two curves first reaches the mean IoU at which the other one ends.

    Args:
        ours: Points of `"seconds"` and `"mean_iou"`, in the order of time.
        naive: Likewise.

    Returns:
        `"ours_seconds_to_naive"` and `"naive_seconds_to_ours"`, `None` where that never happens.
    """
    return {
        "ours_seconds_to_naive": seconds_to(ours, naive[-1]["mean_iou"]),
        "naive_seconds_to_ours": seconds_to(naive, ours[-1]["mean_iou"]),
    }


def curve_of_ours(backbone, source, test) -> list[dict]:
    """Features of two copies of each photo, then ten epochs of the spatial head."""
    import keras

    from clsloc_utils import pipelines, training
    from clsloc_utils.models import two_head_model

    curve = Curve(test)
    training.set_seed(0)
    model = two_head_model(backbone, source.num_classes)

    def batches(copy: int):
        options = {"image_size": backbone.input_shape[1], "batch_size": 32, "augmented": copy > 0, "seed": copy}
        return pipelines.batches(source.name, source.train_split, **options)

    with tempfile.TemporaryDirectory() as folder:
        cache = training.cache_features(
            model, batches, {"bench": source.fingerprint}, copies=PHOTO_COPIES, directory=folder
        ).batches(32, seed=0)
        heads = model.get_layer("heads")
        # As `training.train_heads` does it, which leaves no room for a look at the test photos after each epoch.
        schedule = keras.optimizers.schedules.CosineDecay(2e-3, PHOTO_EPOCHS * len(cache))
        training.compile_model(heads, optimizer=keras.optimizers.AdamW(schedule, weight_decay=4e-3))
        heads.fit(cache, epochs=PHOTO_EPOCHS, shuffle=False, verbose=0, callbacks=curve.callbacks(model, "ours"))
    return curve.points


def curve_of_naive(backbone, num_classes: int, train, test, epochs: int) -> list[dict]:
    """The recipe: pooled heads, one wrongly wired loss, all weights trained at once with Adam at 0.001."""
    from naive_recipe import as_two_head_model, naive_model, naive_targets

    from clsloc_utils import training

    curve = Curve(test)
    training.set_seed(0)
    model = naive_model(backbone, num_classes)
    pairs = train.map(lambda images, targets: (images, naive_targets(targets, num_classes))).cache()
    callbacks = curve.callbacks(as_two_head_model(model), "naive recipe")
    model.fit(pairs, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)
    return curve.points


def curve_of_plain_keras(backbone, num_classes: int, train, test, epochs: int) -> list[dict]:
    """Frozen backbone, average pooling, two Dense heads, cross-entropy and MSE, `fit` over the photos in each epoch."""
    import keras

    from clsloc_utils import training
    from clsloc_utils.models import TwoHeadModel

    curve = Curve(test)
    training.set_seed(0)
    backbone.trainable = False
    pooled = keras.layers.GlobalAveragePooling2D()(backbone(backbone.input, training=False))
    outputs = {
        "label": keras.layers.Dense(num_classes, name="label")(pooled),
        "box": keras.layers.Dense(4, activation="sigmoid", name="box")(pooled),
    }
    model = TwoHeadModel(backbone.input, outputs)
    model.compile(
        optimizer="adam",
        loss={"label": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "box": "mse"},
        jit_compile=False,
    )
    model.fit(train, epochs=epochs, verbose=0, callbacks=curve.callbacks(model, "plain Keras"))
    return curve.points


class Curve:
    """Mean IoU over time, by a stopwatch that stands still while it is measured.

    Attributes:
        points: A dict of `"seconds"` and `"mean_iou"` for each epoch.
    """

    def __init__(self, test) -> None:
        self.points: list[dict] = []
        self._test = test
        self._started = time.perf_counter()

    def callbacks(self, model, description: str) -> list:
        """What adds a point after every epoch, and a progress bar.

        Args:
            model: A model of the outputs `"label"` and `"box"`, whose weights are learning.
            description: Words for the bar.
        """
        import keras

        from clsloc_utils import training

        def add_point(epoch: int, logs: dict) -> None:
            now = time.perf_counter()
            mean_iou = training.evaluate(model, self._test)["mean_iou"]
            self.points.append({"seconds": now - self._started, "mean_iou": mean_iou})
            self._started += time.perf_counter() - now

        return [keras.callbacks.LambdaCallback(on_epoch_end=add_point), training.ProgressBar(description)]


# --- sweep and pipeline -----------------------------------------------------------------------------------------------


def sweep(arguments: argparse.Namespace) -> dict:
    """Sweeps of more and more models side by side, the last one that of the course, each in a process of its own."""
    fast = profiles.FAST
    options = argparse.Namespace(
        data=fast.data,
        backbone=fast.backbone,
        image_size=fast.image_size,
        copies=fast.augmented_copies,
        epochs=fast.sweep_epochs,
    )
    rows = [
        in_new_process(measure_sweep.measure, (*measure_sweep.SIZES[count], options)) for count in measure_sweep.SIZES
    ]
    kept = ("models", "settings", "seeds", "seconds", "cpu_seconds")
    return {"rows": [{name: row[name] for name in kept} for row in rows]}


def pipeline(arguments: argparse.Namespace) -> dict:
    """Seconds, images per second and memory of each stage of the input pipeline."""
    options = pipeline_options()
    return {"times": options.times, "stages": list(bench_pipeline.measure(options))}


def pipeline_options() -> argparse.Namespace:
    """What the part `pipeline` measures."""
    return bench_pipeline.parse_arguments(["toy_voc", "train"])


# --- the page ---------------------------------------------------------------------------------------------------------


def page(numbers: dict) -> str:
    """All measurements in words and tables.

    Args:
        numbers: What the parts returned, by their names, each with its `"machine"`.

    Returns:
        The page `docs/speed.md`; a part that is missing is "not measured yet".
    """
    written = [PAGE_HEAD]
    for part, (title, write, command) in WRITERS.items():
        written.append(f"## {title}")
        if part in numbers:
            written += [write(numbers[part]), f"Measured on {numbers[part]['machine']}, by `{command}`."]
        else:
            written.append(f"Not measured yet: `{command}`.")
    return "\n\n".join(written) + "\n"


PAGE_HEAD = """# How fast, compared with what?

What does it save to compute features once, to train many settings side by side, to look at annotations before images?
`make bench` measures it and writes this page; all numbers are in `docs/speed.json`."""


def recipe_words(numbers: dict) -> str:
    """The part `recipe`."""
    epochs = numbers["epochs"]
    naive = {precision: epochs * seconds for precision, seconds in numbers["naive_epoch_seconds"].items()}
    as_written = naive["float32"]
    bound = as_written / min(timings["feature_seconds"] for timings in numbers["cached"])
    rows = [
        f"| training | backbone in | features, once | heads, {epochs} epochs | in all | times less |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for precision, seconds in naive.items():
        times = as_written / seconds
        rows.append(
            f"| naive recipe | {precision} | in every epoch | in every epoch | {seconds:,.0f} s | {times:.3g} |"
        )
    for timings in numbers["cached"]:
        seconds = [f"{timings[name]:,.1f} s" for name in ("feature_seconds", "head_seconds", "seconds")]
        rows.append(
            f"| cached features, {timings['head']} head | {timings['precision']} | {' | '.join(seconds)} | "
            f"{as_written / timings['seconds']:.3g} |"
        )
    epoch_seconds = " and ".join(
        f"{seconds:.0f} s in {precision}" for precision, seconds in numbers["naive_epoch_seconds"].items()
    )
    return "\n\n".join(
        [
            f"![Seconds of the naive recipe and of cached features with each head](../images/{PICTURES['recipe']})",
            f"`{numbers['backbone']}` at {numbers['image_size']} pixels with random weights, {numbers['images']} drawn "
            "images with one object. One epoch of the naive recipe, forwards and backwards through the whole network, "
            f"was measured ({epoch_seconds}), on images that lay decoded in memory and after the graph was built; it "
            f"is taken {epochs} times. The rest was measured as a whole, from JPEGs to trained heads, building of "
            "graphs included.",
            "\n".join(rows),
            "Times less than the naive recipe as it is written, in float32. Heads that cost nothing would make it "
            f"{bound:.0f} times less; the features take the rest. Half precision is the full profile's choice on a GPU "
            "and on processors with instructions for it; heads learn in float32 in any case.",
        ]
    )


def photos_words(numbers: dict) -> str:
    """The part `photos`."""
    ours, naive = numbers["ours"], numbers["naive"]
    rows = ["| training | epochs | seconds in all | mean IoU at the end |", "| --- | ---: | ---: | ---: |"]
    plain, best = numbers["plain"], numbers["plain_best"]
    for name, curve in (
        ("naive recipe", naive),
        ("frozen backbone, pooled heads, plain Keras", plain),
        ("cached features, spatial head", ours),
    ):
        rows.append(f"| {name} | {len(curve)} | {curve[-1]['seconds']:,.0f} | {curve[-1]['mean_iou']:.3f} |")
    to_naive, to_ours = numbers["ours_seconds_to_naive"], numbers["naive_seconds_to_ours"]
    reached = "never gets there" if to_naive is None else f"is at or past that point after {to_naive:,.0f} s"
    to_best = numbers["ours_seconds_to_plain_best"]
    times = (
        "never gets there"
        if to_best is None
        else f"is there after {to_best:,.0f} s, {to_best / best['seconds']:.2f} of that time"
    )
    back = "never reaches ours" if to_ours is None else f"reaches ours after {to_ours:,.0f} s"
    return "\n\n".join(
        [
            f"![Mean IoU over time of the naive recipe and of cached features](../images/{PICTURES['photos']})",
            f"{numbers['train_photos']} photos with one object to learn from, {numbers['test_photos']} others to test "
            "on. Both start from the same pretrained network with its own preprocessing, which is more than the naive "
            "recipe asks for. The clock stands still during the test after each epoch.",
            "\n".join(rows),
            f"The naive recipe ends at a mean IoU of {naive[-1]['mean_iou']:.3f}, after {naive[-1]['seconds']:,.0f} s "
            f"(`--naive-epochs {len(naive)}`). "
            f"The spatial head {reached}, its features and its first epoch included. The naive recipe {back}.",
            "What somebody who knows Keras would write first freezes the backbone, puts two dense heads on its "
            f"average, and runs the photos through it in each epoch. Its best mean IoU is {best['mean_iou']:.3f}, "
            f"after {best['seconds']:,.0f} s (`--plain-epochs {len(plain)}`); the spatial head {times}.",
        ]
    )


def sweep_words(numbers: dict) -> str:
    """The part `sweep`."""
    rows = numbers["rows"]
    alone, together = rows[0], rows[-1]
    more = (together["seconds"] - alone["seconds"]) / (together["models"] - alone["models"])
    times = together["models"] * alone["seconds"] / together["seconds"]
    lines = [
        "| models side by side | settings | seeds | seconds | processor seconds | seconds a model |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {row['models']} | {row['settings']} | {row['seeds']} | {row['seconds']:.1f} | {row['cpu_seconds']:.1f} "
            f"| {row['seconds'] / row['models']:.2f} |"
            for row in rows
        ),
    ]
    shared = alone["seconds"] - more
    return (
        "\n".join(lines)
        + "\n\nThe last row is the grid of the course: nine ratios, both ends, three seeds. The first model "
        f"costs {alone['seconds']:.1f} s, {shared:.1f} s of which for what all share; each further one {more:.2f} s. "
        f"{together['models']} trainings one after the other would take {times:.1f} times as long."
    )


def pipeline_words(numbers: dict) -> str:
    """The part `pipeline`."""
    options = pipeline_options()
    options.times = numbers["times"]
    return bench_pipeline.words(numbers["stages"], options)


WRITERS: dict[str, tuple[str, Callable[[dict], str], str]] = {
    "recipe": ("Until the heads have seen the data 30 times", recipe_words, "python tools/bench.py --parts recipe"),
    "photos": (
        "On photos, to the same mean IoU",
        photos_words,
        "python tools/bench.py --parts photos --photos FOLDER",
    ),
    "sweep": ("A sweep of loss weights", sweep_words, "python tools/bench.py --parts sweep"),
    "pipeline": ("The input pipeline", pipeline_words, "python tools/bench.py --parts pipeline"),
}


# --- the pictures -----------------------------------------------------------------------------------------------------


def draw_recipe(numbers: dict):
    """Bars of seconds, on a logarithmic axis."""
    naive, cached = numbers["naive_epoch_seconds"], numbers["cached"]
    names = [f"naive recipe\nin {precision}" for precision in naive]
    names += [f"cached features, {each['head']} head\nin {each['precision']}" for each in cached]
    seconds = [numbers["epochs"] * each for each in naive.values()] + [each["seconds"] for each in cached]
    figure, axes = plt.subplots(figsize=(7, 0.6 + 0.5 * len(names)), layout="constrained")
    bars = axes.barh(names, seconds, color=[NAIVE_COLOUR] * len(naive) + [OUR_COLOUR] * len(cached))
    axes.bar_label(bars, [f"{each:,.0f} s" for each in seconds], padding=4)
    axes.set(xscale="log", xlim=(1, 6 * max(seconds)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(f"seconds for {numbers['epochs']} epochs of {numbers['images']} images, {numbers['backbone']}")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_photos(numbers: dict):
    """Mean IoU over seconds, on a logarithmic axis."""
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for name, label, colour, marker in (
        ("naive", "naive recipe", NAIVE_COLOUR, "s"),
        ("plain", "frozen backbone, pooled heads", "#606060", "^"),
        ("ours", "cached features, spatial head", OUR_COLOUR, "o"),
    ):
        seconds, mean_iou = ([point[key] for point in numbers[name]] for key in ("seconds", "mean_iou"))
        axes.plot(seconds, mean_iou, color=colour, marker=marker, label=label)
    axes.set(xscale="log", ylim=(0, 1), xlabel="seconds", ylabel="mean IoU on the test photos")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, loc="center right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


PICTURES = {"recipe": "speed.svg", "photos": "speed_photos.svg"}
DRAWERS = {"recipe": draw_recipe, "photos": draw_photos}


def write_page(numbers: dict, folder: Path) -> None:
    """Makes the page and its pictures.

    Args:
        numbers: As for `page`.
        folder: In which `docs` and `images` lie.
    """
    # The same file on every run, and text that a reader can search.
    with plt.rc_context({"svg.hashsalt": "speed", "svg.fonttype": "none"}):
        for part, draw in DRAWERS.items():
            if part in numbers:
                figure = draw(numbers[part])
                figure.savefig(folder / "images" / PICTURES[part], metadata={"Date": None})
                plt.close(figure)
    measurements.write(folder / "docs" / "speed.md", page(numbers))


# --- the command ------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[argparse.Namespace], dict]] = {
    "recipe": recipe,
    "photos": photos,
    "sweep": sweep,
    "pipeline": pipeline,
}
# These start processes of their own.
NESTED = ("sweep", "pipeline")


def in_new_process(function: Callable, argument) -> dict:
    """Calls a function in a process of its own, which starts without graphs and caches of others."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context, initializer=quiet.start_tensorflow) as process:
        return process.submit(function, argument).result()


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="default: all, photos where they are given")
    # Of these 914 hold one object; of VOC 2007's training images 905 do.
    parser.add_argument("--examples", type=int, default=2441, help="of toy_voc's training split, in the part recipe")
    parser.add_argument("--recipe-backbone", default="resnet50", help="name, in the part recipe (default: resnet50)")
    parser.add_argument("--image-size", type=int, default=224, help="pixels, unless the backbone says (default: 224)")
    parser.add_argument("--photos", help="a folder in VOC layout, for the part photos")
    parser.add_argument("--backbone", default="efficientnet_lite0", help="name or file, for the part photos")
    parser.add_argument("--naive-epochs", type=int, default=EPOCHS, help="of the naive recipe, in the part photos")
    parser.add_argument("--plain-epochs", type=int, default=EPOCHS, help="of plain Keras, in the part photos")
    parser.add_argument("--out", type=Path, default=measurements.REPOSITORY, help="folder of docs/ and images/")
    options = parser.parse_args(arguments)
    if options.parts is None:
        options.parts = [part for part in PARTS if part != "photos" or options.photos]
    if "photos" in options.parts and options.photos is None:
        parser.error("--parts photos needs --photos FOLDER")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the parts, one after the other, and makes the page again."""
    options = parse_arguments(arguments)
    quiet.start_tensorflow()
    for folder in ("docs", "images"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    file = options.out / "docs" / "speed.json"
    for part in options.parts:
        print(f"{part} ...", flush=True)
        measured = PARTS[part](options) if part in NESTED else in_new_process(PARTS[part], options)
        # Read now: another part may have been measured meanwhile.
        numbers = {**measurements.load(file), part: {**measured, "machine": measurements.machine()}}
        measurements.save(file, numbers)
    write_page(measurements.load(file), options.out)
    print((options.out / "docs" / "speed.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
