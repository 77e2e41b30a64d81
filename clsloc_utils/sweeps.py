"""Loss-weight sweeps: many settings of a two-head model trained side by side, in one graph.

How much should the box loss weigh against the class loss? The honest answer needs dozens of trainings: a grid of
weights, both single-task ends, several seeds. While the backbone is frozen, what it says about an image does not
change, so a sweep can train a small model for each setting, all of them at once:

    feature maps -> strips, reduced (fixed, computed once) -> trunk (shared by both tasks) -> class head
                                                                                           -> box head

The trunk is narrow on purpose. Two heads without anything in common would leave the weights nothing to decide: each
would learn its own task, and Adam would not even notice the factor. Eight numbers for each place, from which both
heads must read, make the tasks compete as they do in a backbone that is fine-tuned. The price is a box less exact than
that of the course's spatial head: a sweep tells which weight to take and how much it matters, not how well the full
model will do.
"""

import csv
import dataclasses
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from clsloc_utils.baselines import mean_box
from clsloc_utils.files import replacing
from clsloc_utils.losses import LearnedWeighting, get_box_loss
from clsloc_utils.metrics import BoxAccuracy, ClsLocAccuracy, MeanBoxIoU
from clsloc_utils.models import SortSides
from clsloc_utils.training import FeatureCache, ProgressBar

MEASURES = ("accuracy", "mean_iou", "box_accuracy_50", "clsloc_accuracy_50")
TRUNK_WIDTH = 8
STRIP_CHANNELS = 64
_TAPS = 5
_REDUCTION_SAMPLE = 2048
_CHUNK = 256

# Name -> (class, learning rate that suits the side-by-side heads, further arguments). All of them work element by
# element: nothing one setting does reaches another. Clipping by a norm, for one, would tie all settings together.
OPTIMIZERS: dict[str, tuple[type[keras.optimizers.Optimizer], float, dict]] = {
    "adam": (keras.optimizers.Adam, 1e-2, {}),
    "adamw": (keras.optimizers.AdamW, 1e-2, {"weight_decay": 4e-3}),
    "sgd": (keras.optimizers.SGD, 0.2, {"momentum": 0.9}),
}


# --- settings ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Setting:
    """How one model of a sweep adds up its two losses.

    Attributes:
        label_weight: Factor of the cross-entropy.
        box_weight: Factor of the box loss.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        learned: Whether both weights are learned along instead, by `clsloc_utils.losses.LearnedWeighting`; the two
            above are not used then.

    Raises:
        ValueError: A weight is negative or not finite, or both are 0.
    """

    label_weight: float = 0.5
    box_weight: float = 0.5
    box_loss: str | keras.losses.Loss = "giou+l1"
    learned: bool = False

    def __post_init__(self):
        weights = (self.label_weight, self.box_weight)
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
            raise ValueError(f"Setting: the weights are {weights}; both must be finite and 0 or more, one above 0.")
        get_box_loss(self.box_loss)

    @property
    def loss_name(self) -> str:
        """Name of the box loss."""
        return self.box_loss if isinstance(self.box_loss, str) else self.box_loss.name

    @property
    def ratio(self) -> float:
        """Box weight over class weight; infinite where the box is learned alone."""
        return self.box_weight / self.label_weight if self.label_weight else math.inf

    @property
    def name(self) -> str:
        """`"class only"`, `"box only"`, `"learned"` or the ratio; a sum of weights other than 1 is named as well."""
        if self.learned:
            return "learned"
        words = {0.0: "class only", math.inf: "box only"}.get(self.ratio, f"ratio {self.ratio:.3g}")
        total = self.label_weight + self.box_weight
        return words if math.isclose(total, 1.0) else f"{words}, times {total:.3g}"


def weight_grid(
    num_ratios: int = 9,
    low: float = 1e-2,
    high: float = 1e2,
    *,
    box_loss: str | keras.losses.Loss = "giou+l1",
    ends: bool = True,
) -> list[Setting]:
    """Settings over a logarithmic grid of the weight ratio.

    Both weights add up to 1 in each, so that only their ratio differs: plain SGD, unlike Adam, would also feel the sum.

    Args:
        num_ratios: Number of ratios, `low` and `high` included.
        low: The smallest ratio, box weight over class weight.
        high: The largest one.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        ends: Whether to put "class only" in front and "box only" at the end.

    Returns:
        The settings, from the one that minds the class most to the one that minds the box most.

    Raises:
        ValueError: There are fewer than two ratios, or they do not rise from above 0.
    """
    if num_ratios < 2 or not 0 < low < high:
        raise ValueError(
            f"weight_grid: {num_ratios} ratios from {low} to {high}; take two or more, rising from above 0."
        )
    ratios = np.geomspace(low, high, num_ratios)
    # Rounded to what is printed, so that a setting typed in by hand is the same one.
    shares = [float(f"{ratio:.6g}") / (1 + float(f"{ratio:.6g}")) for ratio in ratios]
    if ends:
        shares = [0.0, *shares, 1.0]
    return [Setting(1 - share, share, box_loss) for share in shares]


# --- what all settings read -------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class StripReducer:
    """Turns cached feature maps into the small fixed input of a sweep.

    Each map is pooled over its rows, which leaves what each column holds, and over its columns: by the mean, which says
    how much there is, and the maximum, which says whether there is any. Left and right of a box can be read off the
    columns, top and bottom off the rows. Channels are standardized, then reduced to the principal components of the
    training images' strips.

    Attributes:
        levels: Feature maps that are read.
        offset: Mean of each channel, `[D]`.
        matrix: Standardization and principal components in one, `[D, C]`.
        kept: Share of the variance that the components hold, 0..1.
    """

    levels: tuple[str, ...]
    offset: np.ndarray
    matrix: np.ndarray
    kept: float

    @classmethod
    def fit(cls, cache: FeatureCache, channels: int = STRIP_CHANNELS) -> "StripReducer":
        """Finds the components on the plain images of a cache.

        Args:
            cache: Features of the training images.
            channels: Number of components, at most.

        Returns:
            The reducer, the same for the same cache.
        """
        # A few hundred images hold enough places to tell the directions that matter, whatever the data set's size.
        rows = np.unique(np.linspace(0, cache.num_examples - 1, _REDUCTION_SAMPLE // 8).astype(int))
        strips = _strips(cache, rows, cache.levels)
        strips = strips.reshape(-1, strips.shape[-1])
        strips = strips[np.unique(np.linspace(0, len(strips) - 1, _REDUCTION_SAMPLE).astype(int))]
        offset, spread = strips.mean(axis=0), strips.std(axis=0)
        scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), 0)
        _, values, directions = np.linalg.svd((strips - offset) * scale, full_matrices=False)
        values, directions = values[:channels], directions[:channels]
        variances = values**2 / len(strips)
        # One factor for all components: small ones stay small, and the sum of their variances is their number.
        matrix = scale[:, np.newaxis] * directions.T / np.sqrt(variances.mean())
        kept = variances.sum() / np.count_nonzero(spread)
        return cls(cache.levels, offset.astype("float32"), matrix.astype("float32"), float(kept))

    def __call__(self, cache: FeatureCache, copies: int = 1) -> np.ndarray:
        """The reduced strips of a cache's images.

        Args:
            cache: Features, of the same levels.
            copies: How many of the copies to read.

        Returns:
            float32 `[N, C, 2, P]`: axis 2 is columns, then rows; P places along each.
        """
        count = cache.num_examples * copies
        parts = []
        for start in range(0, count, _CHUNK):
            strips = _strips(cache, np.arange(start, min(start + _CHUNK, count)), self.levels)
            parts.append(np.moveaxis((strips - self.offset) @ self.matrix, -1, 1))
        return np.concatenate(parts)


def _strips(cache: FeatureCache, rows: np.ndarray, levels: Sequence[str]) -> np.ndarray:
    """What columns and rows of the maps hold, `[N, 2, P, D]`; coarser levels repeated to the finest one's places."""
    maps = [cache.arrays[level][rows].astype("float32") for level in levels]
    places = max(max(each.shape[1:3]) for each in maps)
    parts = []
    for each in maps:
        for pool in (np.mean, np.max):
            # Over the rows (axis 1) it leaves the columns, over the columns (axis 2) the rows.
            strips = [_stretched(pool(each, axis=axis), places) for axis in (1, 2)]
            parts.append(np.stack(strips, axis=1))
    return np.concatenate(parts, axis=-1)


def _stretched(strip: np.ndarray, places: int) -> np.ndarray:
    """`[N, p, D]` to `[N, places, D]`, each place repeated."""
    return strip[:, np.arange(places) * strip.shape[1] // places]


# --- the heads, side by side ------------------------------------------------------------------------------------------


class SideBySideHeads(keras.Model):
    """K settings times R seeds of the same small two-head model, as one model with two axes more.

    One 1 x 1 convolution with ReLU makes `width` numbers of each place of the strips: the trunk. The class head is a
    dense layer on their mean. The box head slides a kernel of five places over columns and rows, which gives a score
    for each side of the box at each place, and takes the soft-argmax. Everything random depends on the seed alone: all
    settings of a seed start from the same weights.

    Args:
        settings: The K settings.
        seeds: The R seeds.
        num_classes: Number of classes.
        width: Width of the trunk.

    Call arguments:
        strips: `[B, R, C, 2, P]`: each seed has its own batch, in its own order.

    Returns:
        `{"label": logits [R, K, B, num_classes], "box": rel_xyxy [R, K, B, 4]}`, boxes valid by construction.
    """

    def __init__(self, settings: Sequence[Setting], seeds: Sequence[int], num_classes: int, width: int = TRUNK_WIDTH):
        super().__init__(name="side_by_side_heads")
        self.settings, self.seeds = tuple(settings), tuple(seeds)
        self.num_classes, self.width = num_classes, width
        learned = [setting.learned for setting in settings]
        self.label_weights = np.array([0.0 if each.learned else each.label_weight for each in settings], "float32")
        self.box_weights = np.array([0.0 if each.learned else each.box_weight for each in settings], "float32")
        self.learned_indices = np.flatnonzero(learned)
        self.loss_groups = [
            (get_box_loss(box_loss), [index for index, each in enumerate(settings) if each.box_loss == box_loss])
            for box_loss in dict.fromkeys(setting.box_loss for setting in settings)
        ]
        self.sort_sides = SortSides()
        self.weighting = None
        if any(learned):
            shape = (len(self.seeds), len(self.learned_indices))
            self.weighting = LearnedWeighting({"label": "classification", "box": "regression"}, shape)

    def build(self, input_shape: Any) -> None:
        """Draws the weights of each seed, once for all its settings."""
        channels = input_shape[2]
        generators = [np.random.default_rng(seed) for seed in self.seeds]

        def weight(name: str, shape: tuple[int, ...], fan_in: int | None = None):
            drawn = [
                # He et al. 2015 (arXiv 1502.01852); biases start at 0.
                generator.normal(0, math.sqrt(2 / fan_in), shape) if fan_in else np.zeros(shape)
                for generator in generators
            ]
            values = np.repeat(np.stack(drawn)[:, np.newaxis], len(self.settings), axis=1).astype("float32")
            variable = self.add_weight(shape=values.shape, name=name)
            variable.assign(values)
            return variable

        self.trunk_kernel = weight("trunk_kernel", (self.width, channels), channels)
        self.trunk_bias = weight("trunk_bias", (self.width, 1, 1, 1))
        self.label_kernel = weight("label_kernel", (self.num_classes, self.width), self.width)
        self.label_bias = weight("label_bias", (1, self.num_classes))
        # Axes: columns or rows, low or high side, place under the kernel, trunk. No bias: a soft-argmax would not see
        # it.
        self.side_kernel = weight("side_kernel", (2, 2, _TAPS, self.width), _TAPS * self.width)
        self.built = True

    def call(self, strips: Any) -> dict[str, Any]:
        # Letters: r seeds, k settings, b images, c channels, h trunk, a columns or rows, p places.
        trunk = ops.relu(ops.einsum("rkhc,brcap->rkhbap", self.trunk_kernel, strips) + self.trunk_bias)
        pooled = ops.mean(trunk, axis=(-2, -1))
        logits = ops.einsum("rklh,rkhb->rkbl", self.label_kernel, pooled) + self.label_bias
        return {"label": logits, "box": self._boxes(trunk)}

    def _boxes(self, trunk: Any) -> Any:
        places = trunk.shape[-1]
        # A convolution along the strip: the kernel's parts are applied everywhere, then shifted and added.
        taps = ops.einsum("rkasth,rkhbap->rkastbp", self.side_kernel, trunk)
        reach = _TAPS // 2
        taps = ops.pad(taps, [(0, 0)] * 6 + [(reach, reach)])
        scores = sum(taps[..., tap, :, tap : tap + places] for tap in range(_TAPS))
        # TensorFlow's softmax on a CPU takes five axes at most, hence the flattening. The first place stands for the
        # image's border, and so does the last one.
        shares = ops.softmax(ops.reshape(scores, (-1, places)))
        settings_shape = (len(self.seeds), len(self.settings))
        positions = ops.matmul(shares, ops.linspace(0.0, 1.0, places))
        positions = ops.reshape(positions, (*settings_shape, 2, 2, -1))  # r k a s b
        sides = ops.transpose(positions, (0, 1, 4, 3, 2))  # r k b s a: x, y of the low sides, x, y of the high ones
        return ops.reshape(self.sort_sides(ops.reshape(sides, (-1, 4))), (*settings_shape, -1, 4))

    def task_losses(self, y: Mapping[str, Any], y_pred: Mapping[str, Any]) -> dict[str, Any]:
        """The two unweighted losses of each seed and setting.

        Args:
            y: `"label"` `[B, R]` and `"box"` `[B, R, 4]`.
            y_pred: What the model returned.

        Returns:
            `"label"` and `"box"`, `[R, K]` each: means over the batch.
        """
        labels, true_boxes = ops.transpose(y["label"]), ops.transpose(y["box"], (1, 0, 2))
        labels = ops.broadcast_to(ops.expand_dims(labels, 1), ops.shape(y_pred["label"])[:3])
        label_loss = ops.sparse_categorical_crossentropy(labels, y_pred["label"], from_logits=True)
        box_losses: list = [None] * len(self.settings)
        for loss, indices in self.loss_groups:
            predicted = ops.take(y_pred["box"], indices, axis=1)
            true = ops.broadcast_to(ops.expand_dims(true_boxes, 1), ops.shape(predicted))
            columns = ops.unstack(ops.mean(loss.call(true, predicted), axis=-1), len(indices), axis=1)
            for index, column in zip(indices, columns, strict=True):
                box_losses[index] = column
        return {"label": ops.mean(label_loss, axis=-1), "box": ops.stack(box_losses, axis=1)}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of the losses of all settings: a parameter's gradient holds nothing but its own setting's."""
        losses = self.task_losses(y, y_pred)
        total = ops.sum(losses["label"] * self.label_weights + losses["box"] * self.box_weights)
        if self.weighting is not None:
            learned = {name: ops.take(each, self.learned_indices, axis=1) for name, each in losses.items()}
            total += ops.sum(self.weighting(learned))
        return total

    def final_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Class and box weight of each seed and setting, the learned ones as they ended, `[R, K]` each."""
        label_weights = np.tile([float(each.label_weight) for each in self.settings], (len(self.seeds), 1))
        box_weights = np.tile([float(each.box_weight) for each in self.settings], (len(self.seeds), 1))
        if self.weighting is not None:
            learned = {name: ops.convert_to_numpy(each) for name, each in self.weighting.task_weights().items()}
            label_weights[:, self.learned_indices] = learned["label"]
            box_weights[:, self.learned_indices] = learned["box"]
        return label_weights, box_weights


class _Minibatches(keras.utils.PyDataset):
    """Batches for `fit`, for each seed in its own order, which is the same whatever runs beside it."""

    def __init__(self, strips: np.ndarray, targets: Mapping[str, np.ndarray], batch_size: int, seeds: Sequence[int]):
        super().__init__(workers=2)  # As in `training.FeatureBatches`.
        self.strips, self.targets, self.batch_size, self.seeds = strips, targets, batch_size, seeds
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.strips) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        orders = [np.random.default_rng((seed, self.epoch)).permutation(len(self.strips))[rows] for seed in self.seeds]
        rows = np.stack(orders, axis=1)
        return self.strips[rows], {name: values[rows] for name, values in self.targets.items()}

    def on_epoch_end(self) -> None:
        self.epoch += 1


# --- a sweep ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class SweepResult:
    """What a sweep found.

    Attributes:
        rows: One dict for each setting and seed, as `pandas.DataFrame` takes them: `setting` (its name), `box_loss`,
            `optimizer`, `label_weight`, `box_weight`, `ratio` (box over class weight, `None` where the box is learned
            alone), `seed`, `split`, the measures (see `MEASURES`), `num_examples`. Learned weights are given as they
            ended.
        settings: The settings, in the order of the rows.
        seeds: The seeds, likewise.
        outputs: On the validation images: `label` int `[R, K, N]`, `score` `[R, K, N]`, its probability, `box`
            `[R, K, N, 4]`, and the targets `true_label` `[N]` and `true_box` `[N, 4]`.
        model: The trained heads.
        reducer: What makes their input.
        seconds: Wall-clock time of the whole sweep.
    """

    rows: list[dict]
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]
    outputs: dict[str, np.ndarray]
    model: SideBySideHeads
    reducer: StripReducer
    seconds: float

    def summary(self) -> list[dict]:
        """Mean and spread over the seeds: see `summarize`."""
        return summarize(self.rows)

    def table(self) -> str:
        """Mean and spread over the seeds, as text: see `table`."""
        return table(self.rows)

    def best(self, measure: str = "clsloc_accuracy_50") -> Setting:
        """The setting with the best mean over the seeds on the validation images; the first one where several share it.

        Args:
            measure: One of `MEASURES`.
        """
        chosen = best_row(self.summary(), measure)
        return next(
            each for each in self.settings if (each.loss_name, each.name) == (chosen["box_loss"], chosen["setting"])
        )

    def predictions(self, setting: Setting, seed: int | None = None) -> dict[str, np.ndarray]:
        """What one model of the sweep says about the validation images.

        Args:
            setting: One of the settings.
            seed: One of the seeds; `None` for the first.

        Returns:
            `label`, `score`, `box`, `true_label`, `true_box`, as `clsloc_utils.training.predict` gives them.

        Raises:
            ValueError: The sweep holds no such model.
        """
        row, column = self._place(setting, seed)
        own = {name: self.outputs[name][row, column] for name in ("label", "score", "box")}
        return own | {name: self.outputs[name] for name in ("true_label", "true_box")}

    def test(self, test_cache: FeatureCache, setting: Setting | None = None) -> list[dict]:
        """Measures one setting on images that had no part in choosing it. Once, at the end.

        Whoever looks at the test images for each setting and then chooses has trained on them.

        Args:
            test_cache: Features of the test images.
            setting: The chosen one; `None` for the best by cls-loc accuracy on the validation images.

        Returns:
            A row for each seed, as in `rows`, with `split` `"test"`.

        Raises:
            ValueError: The setting is none of the sweep's.
        """
        setting = self.best() if setting is None else setting
        _, column = self._place(setting, None)
        outputs = _outputs(self.model, self.reducer, test_cache)
        kept = ("setting", "box_loss", "optimizer", "label_weight", "box_weight", "ratio", "seed")
        tested = []
        for row, _ in enumerate(self.seeds):
            of_validation = self.rows[column * len(self.seeds) + row]
            measures = _measures(outputs, row, column)
            tested.append({name: of_validation[name] for name in kept} | {"split": "test"} | measures)
        return tested

    def to_csv(self, file: str | Path) -> Path:
        """Saves the rows as CSV; an empty cell stands for a missing ratio. See `read_rows`.

        Args:
            file: Where to.

        Returns:
            The file's path.
        """
        return write_rows(self.rows, file, "csv")

    def to_json(self, file: str | Path) -> Path:
        """Saves the rows as a JSON list of objects. See `read_rows`.

        Args:
            file: Where to.

        Returns:
            The file's path.
        """
        return write_rows(self.rows, file, "json")

    def _place(self, setting: Setting, seed: int | None) -> tuple[int, int]:
        seed = self.seeds[0] if seed is None else seed
        if setting not in self.settings or seed not in self.seeds:
            names = ", ".join(each.name for each in self.settings)
            raise ValueError(f"The sweep holds no {setting} with seed {seed}; it has {names}, seeds {self.seeds}.")
        return self.seeds.index(seed), self.settings.index(setting)


def run_sweep(
    train_cache: FeatureCache,
    validation_cache: FeatureCache,
    num_classes: int,
    *,
    settings: Sequence[Setting] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 15,
    batch_size: int = 64,
    optimizer: str = "adam",
    learning_rate: float | None = None,
    width: int = TRUNK_WIDTH,
    description: str = "sweep",
    show_progress: bool = True,
) -> SweepResult:
    """Trains all settings with all seeds, side by side, and measures them on the validation images.

    Each of them learns exactly as it would alone: same starting weights, same batches, same steps; only the rounding of
    sums may differ. The rate falls to 0 along a cosine, the weights of the last step count: nothing is chosen on the
    validation images while training.

    Args:
        train_cache: Features of the training images, all copies are used.
        validation_cache: Features of other images, its plain copy is used. Not the test images.
        num_classes: Number of classes.
        settings: What to train; `None` for `weight_grid()`.
        seeds: Of starting weights and of the batches' order.
        epochs: Passes over the training features.
        batch_size: Examples in a batch, of each seed.
        optimizer: One of `OPTIMIZERS`: `"adam"`, `"adamw"` or `"sgd"`.
        learning_rate: The rate of the first step; `None` for the optimizer's own in `OPTIMIZERS`.
        width: Width of the trunk that the two heads share; the narrower, the more the tasks compete.
        description: Words for the progress bar.
        show_progress: Whether to show one.

    Returns:
        The `SweepResult`.

    Raises:
        ValueError: There is no setting or no seed, one comes twice, or the optimizer is unknown.
    """
    started = time.perf_counter()
    settings = tuple(weight_grid() if settings is None else settings)
    seeds = tuple(seeds)
    _check_distinct("settings", [(each.loss_name, each.name) for each in settings])
    _check_distinct("seeds", list(seeds))
    reducer = StripReducer.fit(train_cache)
    targets = {name: train_cache.arrays[name] for name in ("label", "box")}
    batches = _Minibatches(reducer(train_cache, train_cache.copies), targets, batch_size, seeds)
    model = SideBySideHeads(settings, seeds, num_classes, width)
    model.build((None, len(seeds), *batches.strips.shape[1:]))
    model.compile(optimizer=_optimizer(optimizer, learning_rate, epochs * len(batches)), jit_compile=False)
    callbacks = [ProgressBar(f"{description}, {len(settings) * len(seeds)} models")] if show_progress else []
    model.fit(batches, epochs=epochs, callbacks=callbacks, shuffle=False, verbose=0)
    outputs = _outputs(model, reducer, validation_cache)
    rows = _rows(model, outputs, optimizer)
    return SweepResult(rows, settings, seeds, outputs, model, reducer, time.perf_counter() - started)


def _check_distinct(name: str, values: list) -> None:
    if not values or len(set(values)) < len(values):
        raise ValueError(f"run_sweep: {name} must be given, each only once; got {values}.")


def _optimizer(name: str, learning_rate: float | None, steps: int) -> keras.optimizers.Optimizer:
    if name not in OPTIMIZERS:
        raise ValueError(f"run_sweep: optimizer is {name!r}; take one of {', '.join(OPTIMIZERS)}.")
    kind, usual_rate, arguments = OPTIMIZERS[name]
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate or usual_rate, max(1, steps))
    return kind(schedule, **arguments)


def _outputs(model: SideBySideHeads, reducer: StripReducer, cache: FeatureCache) -> dict[str, np.ndarray]:
    """What all models say about the plain images of a cache, and the truth."""
    strips = reducer(cache)
    collected: dict[str, list] = {"label": [], "score": [], "box": []}
    for start in range(0, len(strips), _CHUNK):
        batch = strips[start : start + _CHUNK]
        found = model(np.repeat(batch[:, np.newaxis], len(model.seeds), axis=1), training=False)
        # A model that diverged says nothing: no class stands out, and an empty box overlaps with none.
        logits, predicted = (np.nan_to_num(ops.convert_to_numpy(found[name])) for name in ("label", "box"))
        probabilities = ops.convert_to_numpy(ops.softmax(logits))
        collected["label"].append(probabilities.argmax(axis=-1))
        collected["score"].append(probabilities.max(axis=-1))
        collected["box"].append(predicted)
    outputs = {name: np.concatenate(parts, axis=2) for name, parts in collected.items()}
    count = cache.num_examples
    return outputs | {"true_label": cache.arrays["label"][:count], "true_box": cache.arrays["box"][:count]}


def _rows(model: SideBySideHeads, outputs: dict[str, np.ndarray], optimizer: str) -> list[dict]:
    label_weights, box_weights = model.final_weights()
    rows = []
    for column, setting in enumerate(model.settings):
        for row, seed in enumerate(model.seeds):
            label_weight, box_weight = float(label_weights[row, column]), float(box_weights[row, column])
            description = {
                "setting": setting.name,
                "box_loss": setting.loss_name,
                "optimizer": optimizer,
                "label_weight": label_weight,
                "box_weight": box_weight,
                "ratio": box_weight / label_weight if label_weight else None,
                "seed": seed,
                "split": "validation",
            }
            rows.append(description | _measures(outputs, row, column))
    return rows


def _measures(outputs: dict[str, np.ndarray], row: int, column: int) -> dict[str, float]:
    """The measures of one model, by the same metrics as everywhere in the course."""
    labels, predicted = outputs["label"][row, column], outputs["box"][row, column]
    true_labels, true_boxes = outputs["true_label"], outputs["true_box"]
    both = ClsLocAccuracy()
    one_hot = np.eye(max(labels.max(), true_labels.max()) + 1, dtype="float32")[labels]
    both.update_state({"label": true_labels, "box": true_boxes}, {"label": one_hot, "box": predicted})
    box_metrics = [MeanBoxIoU(), BoxAccuracy()]
    for metric in box_metrics:
        metric.update_state(true_boxes, predicted)
    found = {"accuracy": float(np.mean(labels == true_labels))}
    found |= {metric.name: float(metric.result()) for metric in (*box_metrics, both)}
    return found | {"num_examples": len(true_labels)}


# --- reading a sweep --------------------------------------------------------------------------------------------------


def summarize(rows: Iterable[Mapping]) -> list[dict]:
    """Mean and spread over the seeds of each setting.

    Args:
        rows: As in `SweepResult.rows`.

    Returns:
        A dict for each setting, in order: `setting`, `box_loss`, `optimizer`, the means of `label_weight` and
        `box_weight`, their `ratio` (`None` where the class weight is 0), `num_seeds`, and for each measure its mean
        over the seeds under the measure's name, the worst seed under `..._low` and the best under `..._high`.
    """
    groups: dict[tuple, list[Mapping]] = {}
    for row in rows:
        groups.setdefault((row["optimizer"], row["box_loss"], row["setting"]), []).append(row)
    summary = []
    for (optimizer, box_loss, setting), group in groups.items():
        label_weight, box_weight = (float(np.mean([row[name] for row in group])) for name in _WEIGHTS)
        found = {"setting": setting, "box_loss": box_loss, "optimizer": optimizer}
        found |= {"label_weight": label_weight, "box_weight": box_weight}
        found |= {"ratio": box_weight / label_weight if label_weight else None, "num_seeds": len(group)}
        for measure in MEASURES:
            values = [row[measure] for row in group]
            found |= {measure: float(np.mean(values)), f"{measure}_low": min(values), f"{measure}_high": max(values)}
        summary.append(found)
    return summary


_WEIGHTS = ("label_weight", "box_weight")


def best_row(summary: Sequence[Mapping], measure: str = "clsloc_accuracy_50") -> Mapping:
    """The row with the highest mean; the first one where several share it.

    Args:
        summary: As `summarize` returns it.
        measure: One of `MEASURES`.

    Raises:
        ValueError: There is no row, or no such measure.
    """
    if measure not in MEASURES or not summary:
        raise ValueError(f"best: {len(summary)} rows, measure {measure!r}; take one of {', '.join(MEASURES)}.")
    return max(summary, key=lambda row: row[measure])


def contenders(summary: Sequence[Mapping], measure: str = "clsloc_accuracy_50") -> list[Mapping]:
    """All rows whose spread over the seeds overlaps with that of the best: none of them may be called worse.

    Args:
        summary: As `summarize` returns it.
        measure: One of `MEASURES`.

    Returns:
        The rows, the best one first, the others by falling mean.
    """
    best = best_row(summary, measure)
    overlapping = [row for row in summary if row[f"{measure}_high"] >= best[f"{measure}_low"]]
    return sorted(overlapping, key=lambda row: (row is not best, -row[measure]))


def best_of_each_loss(rows: Iterable[Mapping], measure: str = "clsloc_accuracy_50") -> list[dict]:
    """Each box loss at the weight that suits it best.

    Args:
        rows: As in `SweepResult.rows`.
        measure: One of `MEASURES`, by which the weight of each loss is chosen.

    Returns:
        The chosen rows of `summarize`, one for each box loss, in order.
    """
    summary = summarize(rows)
    names = dict.fromkeys(row["box_loss"] for row in summary)
    return [best_row([row for row in summary if row["box_loss"] == name], measure) for name in names]


def verdict(summary: Sequence[Mapping], measure: str = "clsloc_accuracy_50", by: str = "box_loss") -> str:
    """Says who is ahead, if anyone is.

    The spread is that of the seeds alone. Other validation images would shift all means together and some against each
    other: a winner is a winner on these images.

    Args:
        summary: Rows to compare, as `summarize` or `best_of_each_loss` return them.
        measure: One of `MEASURES`. After `best_of_each_loss` take the one that it chose the weights by: a loss whose
            weight was chosen for another measure may look better or worse than it is.
        by: Column with the names of what is compared: `"box_loss"` or `"setting"`.

    Returns:
        A sentence. A winner is named only when its worst seed is better than everybody else's best seed.
    """
    level = contenders(summary, measure)
    best = level[0]
    words = f"{best[by]} has the highest mean {measure} ({best[measure]:.3f})"
    if best["num_seeds"] < 2:
        return f"{words}, of a single seed: no winner."
    if len(level) == 1:
        return f"{words}; its worst seed is above everyone else's best: a winner on these images."
    others = ", ".join(str(row[by]) for row in level[1:])
    return f"{words}, but its spread overlaps with that of {others}: no winner."


def table(rows: Iterable[Mapping]) -> str:
    """The summary as text for print, in columns.

    Args:
        rows: As in `SweepResult.rows`.

    Returns:
        A line for each setting: its weights, and for each measure the mean and, in brackets, worst and best seed.
    """
    summary = summarize(rows)
    header = ["setting", "box loss", "class w.", "box w.", *MEASURES]
    lines = [header]
    for row in summary:
        cells = [row["setting"], row["box_loss"], *(f"{row[name]:.3g}" for name in _WEIGHTS)]
        cells += [f"{row[each]:.3f} [{row[f'{each}_low']:.3f} {row[f'{each}_high']:.3f}]" for each in MEASURES]
        lines.append(cells)
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def write_rows(rows: Sequence[Mapping], file: str | Path, kind: str | None = None) -> Path:
    """Saves rows as CSV or JSON; the file is complete or not there.

    Args:
        rows: As in `SweepResult.rows`; all have the same keys.
        file: Where to; folders are made.
        kind: `"csv"` or `"json"`; `None` to go by the file's ending.

    Returns:
        The file's path.

    Raises:
        ValueError: There are no rows, or the kind is unknown.
    """
    file = Path(file)
    kind = kind or file.suffix.removeprefix(".")
    if not rows or kind not in ("csv", "json"):
        raise ValueError(f"{file}: {len(rows)} rows as {kind!r}; at least one row, and .csv or .json, are needed.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as unfinished, open(unfinished, "w", encoding="utf-8", newline="") as stream:
        if kind == "json":
            json.dump(list(rows), stream, indent=1, allow_nan=False)
        else:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return file


_TEXT_COLUMNS = ("setting", "box_loss", "optimizer", "split")
_WHOLE_COLUMNS = ("seed", "num_examples")


def read_rows(file: str | Path) -> list[dict]:
    """Reads back what `SweepResult.to_csv` or `to_json` saved, exactly.

    Args:
        file: A `.csv` or `.json` file.

    Returns:
        The rows.

    Raises:
        ValueError: A line of the file does not hold what a row needs.
    """
    file = Path(file)
    with open(file, encoding="utf-8", newline="") as stream:
        if file.suffix == ".json":
            return json.load(stream)
        rows = list(csv.DictReader(stream))
    return [_typed(row, f"{file}, line {number}") for number, row in enumerate(rows, start=2)]


def _typed(row: Mapping[str, str], where: str) -> dict:
    """The strings of a CSV line as what they were."""
    typed: dict[str, Any] = {}
    for name, text in row.items():
        try:
            if name in _TEXT_COLUMNS:
                typed[name] = text
            elif name in _WHOLE_COLUMNS:
                typed[name] = int(text)
            else:
                typed[name] = float(text) if text else None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {name} is {text!r}; a number is needed.") from error
    return typed


# --- box losses side by side ------------------------------------------------------------------------------------------


def baseline_loss(box_loss: str | keras.losses.Loss, true_boxes: Any) -> float:
    """What a box loss is before anything is learned: its mean when the mean box is predicted for every image.

    Dividing a loss by it takes its units and its scale away, so that one grid of weights fits all losses.

    Args:
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        true_boxes: rel_xyxy, `[N, 4]`.
    """
    true_boxes = np.asarray(true_boxes, "float32")
    predicted = np.broadcast_to(mean_box(true_boxes), true_boxes.shape)
    return float(np.mean(ops.convert_to_numpy(get_box_loss(box_loss).call(true_boxes, predicted))))


def compare_losses(
    train_cache: FeatureCache,
    validation_cache: FeatureCache,
    num_classes: int,
    *,
    box_losses: Sequence[str] = ("l2", "l1", "smooth_l1", "giou", "ciou"),
    num_ratios: int = 5,
    low: float = 0.1,
    high: float = 10.0,
    **keywords,
) -> SweepResult:
    """A sweep over box losses, each with a grid of weights of its own.

    Args:
        train_cache: As for `run_sweep`.
        validation_cache: As for `run_sweep`.
        num_classes: As for `run_sweep`.
        box_losses: Names of the losses.
        num_ratios: Weights for each loss.
        low: The smallest weight, with the loss in units of its `baseline_loss` on the training images.
        high: The largest one.
        **keywords: As for `run_sweep`.

    Returns:
        The `SweepResult`; hand its rows to `best_of_each_loss` and `verdict`.
    """
    true_boxes = train_cache.targets["box"]
    settings = []
    for name in box_losses:
        unit = 1 / baseline_loss(name, true_boxes)
        settings += weight_grid(num_ratios, low * unit, high * unit, box_loss=name, ends=False)
    keywords = {"description": "box losses"} | keywords
    return run_sweep(train_cache, validation_cache, num_classes, settings=settings, **keywords)


# --- units ------------------------------------------------------------------------------------------------------------


LOSS_POWERS = {"l2": 2, "l1": 1, "giou": 0, "ciou": 0}
"""Box loss -> by which power of the image's side it grows when boxes are counted in pixels instead of 0..1."""


def loss_in_units(box_loss: str, true_boxes: Any, predicted_boxes: Any, image_size: int = 224) -> dict[str, float]:
    """The same boxes, the same loss, two units.

    Args:
        box_loss: A name out of `clsloc_utils.losses.BOX_LOSSES`.
        true_boxes: rel_xyxy, `[N, 4]`.
        predicted_boxes: rel_xyxy, `[N, 4]`.
        image_size: Side of the square image in pixels.

    Returns:
        `relative` and `pixels`, the mean loss in either unit, and their quotient `factor`.
    """
    loss = get_box_loss(box_loss)
    true_boxes, predicted_boxes = np.asarray(true_boxes, "float32"), np.asarray(predicted_boxes, "float32")
    relative, pixels = (
        float(np.mean(ops.convert_to_numpy(loss.call(true_boxes * side, predicted_boxes * side))))
        for side in (1, image_size)
    )
    return {"relative": relative, "pixels": pixels, "factor": pixels / relative}


def relative_weight(weight: float, box_loss: str, image_size: float) -> float:
    """The weight on relative coordinates that does what another one does on pixels.

    Args:
        weight: Factor of a box loss in pixels.
        box_loss: `"l2"`, `"l1"`, `"giou"` or `"ciou"`: losses that change with the units by a plain factor.
        image_size: Side of the image in pixels.

    Returns:
        `weight * image_size ** LOSS_POWERS[box_loss]`.

    Raises:
        ValueError: The loss has no such factor: where smooth L1 turns straight, for one, depends on the units.
    """
    if box_loss not in LOSS_POWERS:
        raise ValueError(
            f"relative_weight: {box_loss!r} does not change by one factor; take one of {', '.join(LOSS_POWERS)}."
        )
    return weight * image_size ** LOSS_POWERS[box_loss]


@dataclasses.dataclass(frozen=True)
class PublishedWeight:
    """A box weight that somebody published, as read in their code.

    Attributes:
        source: Where.
        box_loss: `"l2"` or `"l1"`.
        written: The weights as they stand there.
        box_weight: Factor of the box loss as it stands there, with a class weight of 1, averaged over the four
            coordinates.
        image_size: Side of the image in pixels, where the boxes are in pixels; 1 where they are relative.
    """

    source: str
    box_loss: str
    written: str
    box_weight: float
    image_size: float

    @property
    def relative(self) -> float:
        """The same weight for boxes in 0..1."""
        return relative_weight(self.box_weight, self.box_loss, self.image_size)


PUBLISHED_WEIGHTS = (
    PublishedWeight("m2dsupsdlclass/lectures-labs, lab 5, first model", "l2", "loss_weights=[1., 0.01]", 0.01, 224),
    PublishedWeight(
        "m2dsupsdlclass/lectures-labs, lab 5, solution", "l2", "loss_weights=[1., 1 / (224 * 224)]", 224.0**-2, 224
    ),
    PublishedWeight("fast.ai 2018, part 2, pascal notebook", "l1", "l1_loss + cross_entropy * 20", 1 / 20, 224),
    # The sum over four coordinates is four means; the images are 447 x 300 pixels, 366 is the side of such a square.
    PublishedWeight("road signs in PyTorch, a tutorial", "l1", "loss_class + loss_bb / 1000", 4 / 1000, 366),
    PublishedWeight("DETR, its L1 part (arXiv 2005.12872)", "l1", "bbox_loss_coef=5, summed", 4 * 5.0, 1),
)
"""Weights from public code, read there or in copies of it; see `PublishedWeight.relative`."""


def compare_scales(
    train_cache: FeatureCache,
    validation_cache: FeatureCache,
    num_classes: int,
    *,
    scales: Sequence[float] = (0.01, 0.1, 1.0, 10.0, 100.0),
    optimizers: Sequence[str] = ("adam", "sgd"),
    box_loss: str = "giou+l1",
    **keywords,
) -> list[dict]:
    """Multiplies both weights by the same number and trains with each optimizer.

    The minimum of the sum does not move. SGD's steps grow with the factor, as if the learning rate had been multiplied;
    Adam divides each step by the gradients' size, and the factor cancels.

    Args:
        train_cache: As for `run_sweep`.
        validation_cache: As for `run_sweep`.
        num_classes: As for `run_sweep`.
        scales: Sums of the two equal weights.
        optimizers: Out of `OPTIMIZERS`.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        **keywords: As for `run_sweep`.

    Returns:
        Rows as in `SweepResult.rows`, of all optimizers, each with one column more: `scale`.
    """
    settings = [Setting(scale / 2, scale / 2, box_loss) for scale in scales]
    rows = []
    for name in optimizers:
        arguments = {"description": f"scales, {name}"} | keywords
        result = run_sweep(train_cache, validation_cache, num_classes, settings=settings, optimizer=name, **arguments)
        rows += [row | {"scale": row["label_weight"] + row["box_weight"]} for row in result.rows]
    return rows
