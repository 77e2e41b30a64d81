"""How many photos are enough? Heads trained on ever larger parts of the training images, several draws of each.

One score says nothing about whether more photos would raise it. The curve of the score over their number does: where it
still climbs from one half to all of them, more will help; where it is flat, something else is missing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np
import pandas
from keras import ops

from clsloc_utils import training
from clsloc_utils.models import PoseModel, TwoHeadModel
from clsloc_utils.progress import progress

PARTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""The parts of the training images, each twice as large as the one before."""
MIN_STEPS = 100
"""Steps that a training takes at least: a few photos make a few batches, and a head must have time to learn them."""


def learning_curve(
    heads: TwoHeadModel | PoseModel,
    train_cache: training.FeatureCache,
    test_cache: training.FeatureCache,
    *,
    parts: Sequence[float] = PARTS,
    draws: int = 3,
    epochs: int = 6,
    batch_size: int = 16,
    seed: int = 0,
) -> list[dict[str, float | int]]:
    """Trains heads anew on parts of the training images, and measures them on images that no part has.

    Args:
        heads: The `"heads"` of a two-head or pose model; only their architecture counts, they are left as they are.
        train_cache: Features of the training images.
        test_cache: Features of other images.
        parts: Shares of the training images. A part that would be less than one image has one.
        draws: How often each part is drawn. All of the images are the same in every draw; the start of the heads and
            the order of the batches are not.
        epochs: Passes over the part, and as many more as it takes to make `MIN_STEPS` steps.
        batch_size: Examples in a batch.
        seed: Of all chance.

    Returns:
        A dict for each training: `num_images`, `draw`, and the measures of `training.evaluate`.
    """
    count = train_cache.num_examples
    starts = [_fresh_copy(heads, seed + draw).get_weights() for draw in range(draws)]
    # One model for all trainings: its graph is built once, which takes longer than to train it on a few photos.
    model, schedule = _fresh_copy(heads, seed), _Cosine(training.HEAD_LEARNING_RATE)
    compile_heads = training.compile_pose_model if isinstance(heads, PoseModel) else training.compile_model
    compile_heads(model, optimizer=keras.optimizers.AdamW(schedule, weight_decay=training.HEAD_WEIGHT_DECAY))
    model.optimizer.build(model.trainable_variables)
    trainings = [(max(1, round(part * count)), draw) for part in parts for draw in range(draws)]
    rows = []
    for num_images, draw in progress(trainings, description="Parts of the photos"):
        images = np.random.default_rng((seed, draw)).permutation(count)[:num_images]
        batches = train_cache.of_images(np.sort(images)).batches(batch_size, levels=heads.input, seed=seed + draw)
        passes = max(epochs, math.ceil(MIN_STEPS / len(batches)))
        model.set_weights(starts[draw])
        for variable in model.optimizer.variables:
            variable.assign(ops.zeros_like(variable))
        schedule.steps.assign(passes * len(batches))
        model.fit(batches, epochs=passes, shuffle=False, verbose=0)
        rows.append({"num_images": num_images, "draw": draw, **training.evaluate(model, test_cache)})
    return rows


def _fresh_copy(heads: TwoHeadModel | PoseModel, seed: int) -> TwoHeadModel | PoseModel:
    training.set_seed(seed)
    return type(heads).from_config(heads.get_config())


@keras.saving.register_keras_serializable(package="clsloc_utils")
class _Cosine(keras.optimizers.schedules.LearningRateSchedule):
    """Falls to 0 along a cosine, over a number of steps that can change without a new graph."""

    def __init__(self, learning_rate: float):
        self.learning_rate = learning_rate
        self.steps = keras.Variable(1.0, trainable=False, name="steps")

    def __call__(self, step):
        done = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        return self.learning_rate * 0.5 * (1.0 + ops.cos(math.pi * done))

    def get_config(self) -> dict:
        return {"learning_rate": self.learning_rate}


def summarize(rows: Iterable[Mapping[str, float]], measures: Sequence[str]) -> list[dict[str, float]]:
    """The median of each measure over the draws, its lowest and its highest.

    Args:
        rows: As `learning_curve` returns them.
        measures: Names of the measures.

    Returns:
        A dict for each number of images, the smallest first: `num_images`, `draws` (how many), and for each measure its
        name, and its name with `_low` and `_high` behind it.
    """
    by_size = pandas.DataFrame(rows).groupby("num_images")
    summary = pandas.DataFrame({"draws": by_size.size()})
    for name in measures:
        for ending, statistic in (("", "median"), ("_low", "min"), ("_high", "max")):
            summary[f"{name}{ending}"] = by_size[name].agg(statistic)
    return summary.reset_index().to_dict("records")


def verdict(summary: Sequence[Mapping[str, float]], measure: str) -> str:
    """What the curve says on more photos.

    Args:
        summary: As `summarize` returns it.
        measure: The measure that counts.

    Returns:
        A sentence or two: what the last doubling brought, beside how much draws of one size differ.
    """
    if len(summary) < 2:
        return "One size makes no curve."
    half, whole = summary[-2:]
    gain = whole[measure] - half[measure]
    spread = half[f"{measure}_high"] - half[f"{measure}_low"]
    brought = (
        f"From {half['num_images']} to {whole['num_images']} images the median of {measure} went from "
        f"{half[measure]:.3f} to {whole[measure]:.3f}"
    )
    if whole[measure] == 1:
        return f"{brought}. Nothing is wrong that more photos could mend; more test images may show something."
    if half["draws"] == 1:
        return f"{brought}. One draw of each size does not tell a gain from chance: take more of them (--draws)."
    brought += f"; draws of {half['num_images']} differ by {spread:.3f}."
    if gain > spread:
        return f"{brought} It still climbs: more photos will help."
    if gain > 0:
        return f"{brought} The gain is no larger than chance: more photos may help a little."
    return f"{brought} It climbs no more: better labels or a better model will help, more such photos will not."
