"""Sweeps: settings, seeds, and what came out."""

import dataclasses
import time
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from clsloc_utils.metrics import box_scores
from clsloc_utils.sweeps.models import CHUNK, Minibatches, SideBySideHeads, StripReducer
from clsloc_utils.sweeps.settings import OPTIMIZERS, TRUNK_WIDTH, Setting, baseline_loss, weight_grid
from clsloc_utils.sweeps.tables import best_row, summarize, table
from clsloc_utils.training import FeatureCache, ProgressBar


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
    verbose: bool = True,
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
        verbose: Whether to show one.

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
    batches = Minibatches(reducer(train_cache, train_cache.copies), targets, batch_size, seeds)
    model = SideBySideHeads(settings, seeds, num_classes, width)
    model.build((None, len(seeds), *batches.strips.shape[1:]))
    model.compile(optimizer=optimizer_of(optimizer, learning_rate, epochs * len(batches)), jit_compile=False)
    callbacks = [ProgressBar(f"{description}, {len(settings) * len(seeds)} models")] if verbose else []
    model.fit(batches, epochs=epochs, callbacks=callbacks, shuffle=False, verbose=0)
    outputs = _outputs(model, reducer, validation_cache)
    rows = _rows(model, outputs, optimizer)
    return SweepResult(rows, settings, seeds, outputs, model, reducer, time.perf_counter() - started)


def _check_distinct(name: str, values: list) -> None:
    if not values or len(set(values)) < len(values):
        raise ValueError(f"run_sweep: {name} must be given, each only once; got {values}.")


def optimizer_of(name: str, learning_rate: float | None, steps: int) -> keras.optimizers.Optimizer:
    if name not in OPTIMIZERS:
        raise ValueError(f"run_sweep: optimizer is {name!r}; take one of {', '.join(OPTIMIZERS)}.")
    kind, usual_rate, arguments = OPTIMIZERS[name]
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate or usual_rate, max(1, steps))
    return kind(schedule, **arguments)


def _outputs(model: SideBySideHeads, reducer: StripReducer, cache: FeatureCache) -> dict[str, np.ndarray]:
    """What all models say about the plain images of a cache, and the truth."""
    strips = reducer(cache)
    collected: dict[str, list] = {"label": [], "score": [], "box": []}
    for start in range(0, len(strips), CHUNK):
        batch = strips[start : start + CHUNK]
        found = model(np.repeat(batch[:, np.newaxis], len(model.seeds), axis=1), training=False)
        # A model that diverged says nothing: no class stands out, and an empty box overlaps with none.
        logits, predicted = (np.nan_to_num(ops.convert_to_numpy(found[name])) for name in ("label", "box"))
        probabilities = ops.convert_to_numpy(ops.softmax(logits))
        collected["label"].append(probabilities.argmax(axis=-1))
        collected["score"].append(probabilities.max(axis=-1))
        collected["box"].append(predicted)
    outputs = {name: np.concatenate(parts, axis=2) for name, parts in collected.items()}
    return outputs | {f"true_{name}": values for name, values in cache.targets.items()}


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
    one_hot = np.eye(max(labels.max(), true_labels.max()) + 1, dtype="float32")[labels]
    return box_scores([({"label": true_labels, "box": true_boxes}, {"label": one_hot, "box": predicted})])


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
