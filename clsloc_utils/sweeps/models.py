"""Many small models that learn side by side."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from clsloc_utils.losses import LearnedWeighting, get_box_loss
from clsloc_utils.models import SortSides
from clsloc_utils.sweeps.settings import TRUNK_WIDTH, Setting
from clsloc_utils.training import FeatureCache

STRIP_CHANNELS = 64
# Images that all models are asked about at a time.
CHUNK = 256
_TAPS = 5
_REDUCTION_SAMPLE = 2048


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
        for start in range(0, count, CHUNK):
            strips = _strips(cache, np.arange(start, min(start + CHUNK, count)), self.levels)
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


class Minibatches(keras.utils.PyDataset):
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
