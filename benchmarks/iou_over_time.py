"""The part `photos` of `benchmarks/speed.py`: the mean IoU on photos over time, by three ways to train."""

import argparse
import functools
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from clsloc_utils import backbones, datasets, models, pipelines, training  # first: it chooses TensorFlow's kernels

# isort: split
import keras
import matplotlib
import measurements
import naive_recipe
import pandas
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

LINES = {
    "naive": ("naive recipe", "#b35900", "s"),
    "plain": ("frozen backbone, pooled heads", "#606060", "^"),
    "ours": ("cached features, spatial head", "#0072b2", "o"),
}


def photos(options: argparse.Namespace) -> dict:
    """Mean IoU on the test photos over time: cached features and a spatial head, the naive recipe, plain Keras."""
    source = datasets.info(options.photos)
    load = functools.partial(backbones.load_backbone, options.backbone, image_size=options.image_size)
    reading = {"image_size": load().input_shape[1], "batch_size": 32}
    test = pipelines.batches(source.name, source.test_split, **reading).cache()
    train = pipelines.batches(source.name, source.train_split, counted=True, **reading)
    ways = {
        "ours": (our_way, options.our_epochs),
        "naive": (naive_way, options.naive_epochs),
        "plain": (plain_keras, options.plain_epochs),
    }
    return {
        "train_photos": sum(len(images) for images, _ in train),
        "test_photos": sum(len(images) for images, _ in test),
        # A backbone for each: the naive recipe changes it.
        **{name: curve(test, way, load(), source, train, epochs) for name, (way, epochs) in ways.items()},
    }


def curve(test: tf.data.Dataset, way: Callable, *arguments) -> list[dict]:
    """Trains in some way; a dict of `"seconds"` and `"mean_iou"` for each epoch.

    The stopwatch stands still while a test is measured. The first argument of `way` makes the callbacks for a model.
    """
    points, started = [], time.perf_counter()

    def watching(model: keras.Model) -> list[keras.callbacks.Callback]:
        def add_point(epoch: int, logs: dict) -> None:
            nonlocal started
            now = time.perf_counter()
            mean_iou = training.evaluate(model, test)["mean_iou"]
            points.append({"seconds": now - started, "mean_iou": mean_iou})
            started += time.perf_counter() - now

        return [keras.callbacks.LambdaCallback(on_epoch_end=add_point)]

    training.set_seed(0)
    way(watching, *arguments)
    return points


def our_way(watching: Callable, backbone: keras.Model, source: datasets.SourceInfo, _, epochs: int) -> None:
    """Features of two copies of each photo, then the spatial head."""
    model = models.two_head_model(backbone, source.num_classes)

    def batches(copy: int) -> tf.data.Dataset:
        options = {"image_size": backbone.input_shape[1], "batch_size": 32, "augmented": copy > 0, "seed": copy}
        return pipelines.batches(source.name, source.train_split, **options)

    with tempfile.TemporaryDirectory() as folder:
        key = {"of": source.fingerprint}
        cache = training.cache_features(model, batches, key, copies=2, directory=folder).batches(32, seed=0)
        heads = model.get_layer("heads")
        # As `training.train_heads` does it, which leaves no room for a look at the test photos after each epoch.
        schedule = keras.optimizers.schedules.CosineDecay(2e-3, epochs * len(cache))
        training.compile_model(heads, optimizer=keras.optimizers.AdamW(schedule, weight_decay=4e-3))
        heads.fit(cache, epochs=epochs, shuffle=False, verbose=2, callbacks=watching(model))


def naive_way(watching: Callable, backbone: keras.Model, source: datasets.SourceInfo, train, epochs: int) -> None:
    """The recipe: pooled heads, one wrongly wired loss, all weights trained at once with Adam at 0.001."""
    model = naive_recipe.naive_model(backbone, source.num_classes)
    pairs = train.map(lambda images, targets: (images, naive_recipe.naive_targets(targets, source.num_classes))).cache()
    callbacks = watching(naive_recipe.as_two_head_model(model))
    model.fit(pairs, epochs=epochs, shuffle=False, verbose=2, callbacks=callbacks)


def plain_keras(watching: Callable, backbone: keras.Model, source: datasets.SourceInfo, train, epochs: int) -> None:
    """Frozen backbone, average pooling, two Dense heads, cross-entropy and MSE, `fit` over the photos in each epoch."""
    backbone.trainable = False
    pooled = keras.layers.GlobalAveragePooling2D()(backbone(backbone.input, training=False))
    label = keras.layers.Dense(source.num_classes, name="label")(pooled)
    box = keras.layers.Dense(4, activation="sigmoid", name="box")(pooled)
    model = models.TwoHeadModel(backbone.input, {"label": label, "box": box})
    losses = {"label": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "box": "mse"}
    model.compile(optimizer="adam", loss=losses, jit_compile=False)
    model.fit(train, epochs=epochs, verbose=2, callbacks=watching(model))


def seconds_to(points: Sequence[dict], goal: float) -> float | None:
    """When a curve, whose points are in the order of time, first reaches a mean IoU; `None` if it never does."""
    return next((point["seconds"] for point in points if point["mean_iou"] >= goal), None)


def photos_words(numbers: dict) -> str:
    """The part `photos`."""
    ours, naive, plain = numbers["ours"], numbers["naive"], numbers["plain"]
    names = ["naive recipe", "frozen backbone, pooled heads, plain Keras", "cached features, spatial head"]
    table = pandas.DataFrame([{"epochs": len(points)} | points[-1] for points in (naive, plain, ours)])
    table.insert(0, "training", names)
    table.columns = ["training", "epochs", "seconds in all", "mean IoU at the end"]
    end, best = naive[-1], max(plain, key=lambda point: point["mean_iou"])
    to_naive, to_best, to_ours = (
        seconds_to(points, goal["mean_iou"]) for points, goal in ((ours, end), (ours, best), (naive, ours[-1]))
    )
    reached = "never gets there" if to_naive is None else f"is at or past that point after {to_naive:,.0f} s"
    back = "never reaches ours" if to_ours is None else f"reaches ours after {to_ours:,.0f} s"
    of_that = to_best and f"is there after {to_best:,.0f} s, {to_best / best['seconds']:.2f} of that time"
    return f"""![Mean IoU over time of the naive recipe and of cached features](../images/speed_photos.svg)

{numbers["train_photos"]} photos with one object to learn from, {numbers["test_photos"]} others to test on. All start
from the same pretrained network with its own preprocessing, which is more than the naive recipe asks for. The clock
stands still during the test after each epoch.

{measurements.markdown(table, {"seconds in all": "{:,.0f}", "mean IoU at the end": "{:.3f}"})}

The naive recipe ends at a mean IoU of {end["mean_iou"]:.3f}, after {end["seconds"]:,.0f} s
(`--naive-epochs {len(naive)}`). The spatial head {reached}, its features and its first epoch included. The naive
recipe {back}.

What somebody who knows Keras would write first freezes the backbone, puts two dense heads on its average, and runs the
photos through it in each epoch. Its best mean IoU is {best["mean_iou"]:.3f}, after {best["seconds"]:,.0f} s
(`--plain-epochs {len(plain)}`); the spatial head {of_that or "never gets there"}."""


def draw_photos(numbers: dict, file: Path) -> None:
    """Mean IoU over seconds, on a logarithmic axis."""
    # The same file on every run, and text that a reader can search.
    with matplotlib.rc_context({"svg.hashsalt": "speed", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots()
        for name, (label, colour, marker) in LINES.items():
            points = pandas.DataFrame(numbers[name])
            points.plot("seconds", "mean_iou", ax=axes, label=label, color=colour, marker=marker)
        axes.set(xscale="log", ylim=(0, 1), xlabel="seconds", ylabel="mean IoU on the test photos")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(frameon=False, loc="center right")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(file, metadata={"Date": None})
