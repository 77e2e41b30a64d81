"""Sweeps: settings, seeds, and what came out."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas
from keras import ops

from clsloc_utils.boxes import iou
from clsloc_utils.metrics import box_scores
from clsloc_utils.progress import progress
from clsloc_utils.sweeps.models import Standardizer, Trainer, joined_maps
from clsloc_utils.sweeps.settings import TRUNK_WIDTH, Setting, baseline_loss, weight_grid
from clsloc_utils.sweeps.tables import MEASURES, best_row, summarize, table
from clsloc_utils.training import FeatureCache


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
        outputs: What each model says about the validation images, by setting and seed: see `predictions`.
        trainer: Holds the small model and asks it.
        weights: Its trained weights, by setting and seed.
        standardize: What is done to the joined maps first.
    """

    rows: list[dict]
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]
    outputs: dict[tuple[Setting, int], dict[str, np.ndarray]]
    trainer: Trainer
    weights: dict[tuple[Setting, int], list[np.ndarray]]
    standardize: Standardizer

    def summary(self) -> pandas.DataFrame:
        """Mean and range over the seeds: see `summarize`."""
        return summarize(self.rows)

    def table(self) -> str:
        """Mean and range over the seeds, as text: see `table`."""
        return table(self.rows)

    def name_of(self, setting: Setting) -> str:
        """The name of a setting, with its box loss where the sweep has several."""
        several = len({each.loss_name for each in self.settings}) > 1
        return f"{setting.loss_name}, {setting.name}" if several else setting.name

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
            `label` int `[N]`, `score` `[N]`, `probabilities` `[N, num_classes]`, `box` `[N, 4]`, `true_label` `[N]`,
            `true_box` `[N, 4]`, as `clsloc_utils.training.predict` gives them.

        Raises:
            ValueError: The sweep holds no such model.
        """
        seed = self.seeds[0] if seed is None else seed
        if (setting, seed) not in self.outputs:
            names = ", ".join(each.name for each in self.settings)
            raise ValueError(f"The sweep holds no {setting} with seed {seed}; it has {names}, seeds {self.seeds}.")
        return self.outputs[setting, seed]

    def differences(
        self, reference: Setting | None = None, measure: str = "clsloc_accuracy_50", settings: Sequence[Setting] = ()
    ) -> pandas.DataFrame:
        """How far each setting is from one of them, on the same images and from the same starts.

        All settings of a seed start from the same weights, and all are asked about the same images; so what is the same
        for both cancels in their difference. It still depends on which images these are: the interval says where the
        mean difference would lie, 95 times of 100, on as many others of their kind (Student's interval of the mean of
        the images' differences, which are averages over the seeds).

        Args:
            reference: What the others are compared with; `None` for the best.
            measure: One of `MEASURES`.
            settings: Which ones to compare; all if left out.

        Returns:
            A row for each setting but the reference, in order: `setting` (with the box loss where there are several),
            `mean` of the difference (setting minus reference), `low` and `high`, the ends of its interval, `by_seed` (a
            list), and `told_apart`: whether the interval leaves out 0 and all seeds agree on the sign.

        Raises:
            ValueError: The sweep holds no such setting, or there is no such measure.
        """
        reference = self.best(measure) if reference is None else reference
        of_reference = self._by_image(reference, measure)
        rows = []
        for setting in settings or self.settings:
            if setting == reference:
                continue
            difference = self._by_image(setting, measure) - of_reference
            by_seed, by_image = difference.mean(axis=1), difference.mean(axis=0)
            mean, reach = by_image.mean(), 1.96 * by_image.std(ddof=1) / math.sqrt(len(by_image))
            row = {"setting": self.name_of(setting), "mean": mean, "low": mean - reach, "high": mean + reach}
            agree = (by_seed > 0).all() or (by_seed < 0).all()
            rows.append(row | {"by_seed": by_seed.tolist(), "told_apart": bool(agree and abs(mean) > reach)})
        return pandas.DataFrame(rows, columns=["setting", "mean", "low", "high", "by_seed", "told_apart"])

    def _by_image(self, setting: Setting, measure: str) -> np.ndarray:
        """A measure of each image, float64 `[seeds, N]`."""
        found = [self.predictions(setting, seed) for seed in self.seeds]
        right = np.array([each["label"] == each["true_label"] for each in found])
        ious = np.array([iou(each["true_box"], each["box"]) for each in found])
        values = dict(zip(MEASURES, (right, ious, ious >= 0.5, right & (ious >= 0.5)), strict=True))
        if measure not in values:
            raise ValueError(f"differences: measure is {measure!r}; take one of {', '.join(MEASURES)}.")
        return values[measure].astype("float64")

    def verdict(self, measure: str = "clsloc_accuracy_50", settings: Sequence[Setting] = ()) -> str:
        """Says which setting is best, and which of the others can be told apart from it.

        Args:
            measure: One of `MEASURES`.
            settings: Which ones to compare; all if left out.

        Returns:
            One or two sentences.
        """
        settings = tuple(settings) or self.settings
        means = {setting: self._by_image(setting, measure).mean() for setting in settings}
        best = max(means, key=means.get)
        compared = self.differences(best, measure, settings)
        words = f"{self.name_of(best)} has the highest mean {measure} ({means[best]:.3f})"
        level = list(compared["setting"][~compared["told_apart"]])
        if not level:
            return f"{words}, and these images tell it apart from all others."
        return f"{words}. These images do not tell it apart from {'; '.join(level)}."

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
        self.predictions(setting)
        maps, first = self.standardize(joined_maps(test_cache)), self.settings.index(setting) * len(self.seeds)
        tested = []
        for seed, of_validation in zip(self.seeds, self.rows[first : first + len(self.seeds)], strict=True):
            self.trainer.model.set_weights(self.weights[setting, seed])
            measures = _measures(_answers(self.trainer, maps, test_cache))
            tested.append(of_validation | {"split": "test"} | measures)
        return tested


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
    """Trains a small model for each setting and seed, one after the other, and measures it on the validation images.

    The rate falls to 0 along a cosine, the weights of the last step count: nothing is chosen on the validation images
    while training.

    Args:
        train_cache: Features of the training images, its plain copy is used.
        validation_cache: Features of other images, its plain copy is used. Not the test images.
        num_classes: Number of classes.
        settings: What to train; `None` for `weight_grid()`.
        seeds: Of starting weights and of the batches' order.
        epochs: Passes over the training features.
        batch_size: Examples in a batch.
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
    settings = tuple(weight_grid() if settings is None else settings)
    seeds = tuple(seeds)
    _check_distinct("settings", [(each.loss_name, each.name) for each in settings])
    _check_distinct("seeds", list(seeds))
    targets = train_cache.targets
    maps = joined_maps(train_cache)
    standardize = Standardizer.of(maps)
    # Tensors once, which all trainers read.
    of_training = map(ops.convert_to_tensor, (standardize(maps), targets["label"], targets["box"]))
    of_training = (*of_training, num_classes)
    how = {"optimizer": optimizer, "learning_rate": learning_rate, "epochs": epochs, "batch_size": batch_size}
    validation_maps = standardize(joined_maps(validation_cache))
    trainers: dict[tuple, Trainer] = {}
    outputs, weights, rows = {}, {}, []
    trainings = list(itertools.product(settings, seeds))
    for setting, seed in progress(trainings, description=f"{description}, models") if verbose else trainings:
        graph = (setting.box_loss, setting.learned)
        if graph not in trainers:
            trainers[graph] = Trainer(*of_training, setting, width=width, **how)
        trainer = trainers[graph]
        label_weight, box_weight = trainer.train(setting, seed)
        weights[setting, seed] = trainer.model.get_weights()
        outputs[setting, seed] = _answers(trainer, validation_maps, validation_cache)
        row = {"setting": setting.name, "box_loss": setting.loss_name, "optimizer": optimizer}
        row |= {"label_weight": label_weight, "box_weight": box_weight}
        row |= {"ratio": box_weight / label_weight if label_weight else None, "seed": seed, "split": "validation"}
        rows.append(row | _measures(outputs[setting, seed]))
    return SweepResult(rows, settings, seeds, outputs, trainer, weights, standardize)


def _check_distinct(name: str, values: list) -> None:
    if not values or len(set(values)) < len(values):
        raise ValueError(f"run_sweep: {name} must be given, each only once; got {values}.")


def _answers(trainer: Trainer, maps: np.ndarray, cache: FeatureCache) -> dict[str, np.ndarray]:
    """What a model says about the plain images of a cache, and the truth."""
    found = trainer.forward(maps)
    # A model that diverged says nothing: no class stands out, and an empty box overlaps with none.
    logits, box = (np.nan_to_num(found[name]) for name in ("label", "box"))
    probabilities = ops.convert_to_numpy(ops.softmax(logits))
    answers = {"label": probabilities.argmax(axis=-1), "score": probabilities.max(axis=-1), "box": box}
    answers["probabilities"] = probabilities
    return answers | {f"true_{name}": values for name, values in cache.targets.items()}


def _measures(answers: dict[str, np.ndarray]) -> dict[str, float]:
    """The measures of one model, by the same metrics as everywhere in the course."""
    labels, true_labels = answers["label"], answers["true_label"]
    one_hot = np.eye(max(labels.max(), true_labels.max()) + 1, dtype="float32")[labels]
    truth = {"label": true_labels, "box": answers["true_box"]}
    return box_scores([(truth, {"label": one_hot, "box": answers["box"]})])


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
        The `SweepResult`; hand its rows to `best_of_each_loss`.
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
