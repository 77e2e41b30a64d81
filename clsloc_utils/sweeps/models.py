"""The small model of a sweep, and how it is trained again and again."""

import dataclasses
import functools

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from clsloc_utils.losses import LearnedWeighting, get_box_loss
from clsloc_utils.models import SoftArgmaxSides, SortSides
from clsloc_utils.sweeps.settings import OPTIMIZERS, TRUNK_WIDTH, Setting
from clsloc_utils.training import FeatureCache
from clsloc_utils.training.features import forward_of


def joined_maps(cache: FeatureCache) -> np.ndarray:
    """The features of a cache's plain images as one map: the fine one averaged down to the coarse one's places.

    Args:
        cache: Features of the images.

    Returns:
        float16 `[N, h, w, C]`, in the order of the cache: the channels of the coarse map, then those of the fine one.
    """
    rows = cache.rows(1)
    coarse = cache.arrays["coarse"][rows]
    if "fine" not in cache.levels:
        return coarse
    height, width = coarse.shape[1:3]
    fine = cache.arrays["fine"][rows]
    cells = fine.reshape(len(rows), height, fine.shape[1] // height, width, fine.shape[2] // width, -1)
    return np.concatenate([coarse, cells.mean(axis=(2, 4), dtype="float32").astype("float16")], axis=-1)


@dataclasses.dataclass(frozen=True, eq=False)
class Standardizer:
    """Gives each channel of joined maps mean 0 and standard deviation 1: those of the training images.

    Attributes:
        mean: `[C]`.
        deviation: `[C]`; 1 for a channel that never changes.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, maps: np.ndarray) -> "Standardizer":
        """Measures maps `[N, h, w, C]`."""
        mean, deviation = (measure(maps, axis=(0, 1, 2), dtype="float32") for measure in (np.mean, np.std))
        return cls(mean, np.where(deviation > 0, deviation, 1))

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """The same maps, float16."""
        return ((maps - self.mean) / self.deviation).astype("float16")


def small_model(map_shape: tuple[int, int, int], num_classes: int, width: int = TRUNK_WIDTH, seed: int = 0):
    """Two heads on one narrow trunk.

    Args:
        map_shape: Shape of an image's features, `(h, w, C)`.
        num_classes: Number of classes.
        width: Width of the trunk: so many numbers at each place are all that both heads read.
        seed: Of the starting weights.

    Returns:
        A `keras.Model` from maps `[B, h, w, C]` to `{"label": logits [B, num_classes], "box": rel_xyxy [B, 4]}`.
    """
    generator = np.random.default_rng(seed)

    def random(kind):
        return kind(seed=int(generator.integers(2**31)))

    maps = keras.Input(map_shape, name="maps")
    trunk = layers.Conv2D(
        width, 1, activation="relu", kernel_initializer=random(keras.initializers.HeNormal), name="trunk"
    )(maps)
    pooled = layers.GlobalAveragePooling2D(name="label_pool")(trunk)
    logits = layers.Dense(num_classes, kernel_initializer=random(keras.initializers.GlorotUniform), name="label")(
        pooled
    )
    heatmaps = layers.Conv2D(
        4,
        5,
        padding="same",
        use_bias=False,
        kernel_initializer=random(keras.initializers.GlorotUniform),
        name="box_heatmaps",
    )(trunk)
    box = SortSides(name="box")(SoftArgmaxSides(name="box_sides")(heatmaps))
    return keras.Model(maps, {"label": logits, "box": box}, name="small_model")


class Trainer:
    """Trains a small model anew for each setting and seed, in one graph: to build it takes longer than to train once.

    What differs between trainings is held in variables: the starting weights, the optimizer's state, the weights of the
    losses. Only another box loss, or weights that are learned, needs another graph, and so another trainer.

    Args:
        maps: Of the training images, as `joined_maps` returns them.
        labels: int `[N]`.
        boxes: rel_xyxy `[N, 4]`.
        num_classes: Number of classes.
        setting: Its box loss, and whether its weights are learned, are those of all trainings.
        optimizer: A name out of `OPTIMIZERS`.
        learning_rate: The rate of the first step; `None` for the optimizer's own.
        epochs: Passes over the images.
        batch_size: Images in a batch; those that fill no batch are left out, others in each epoch.
        width: Width of the trunk.

    Raises:
        ValueError: The optimizer is unknown.
    """

    def __init__(
        self,
        maps: tf.Tensor,
        labels: tf.Tensor,
        boxes: tf.Tensor,
        num_classes: int,
        setting: Setting,
        *,
        optimizer: str,
        learning_rate: float | None,
        epochs: int,
        batch_size: int,
        width: int,
    ):
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"run_sweep: optimizer is {optimizer!r}; take one of {', '.join(OPTIMIZERS)}.")
        self.epochs, self.batch_size = epochs, min(batch_size, len(maps))
        self.maps, self.labels, self.boxes = maps, labels, boxes
        self.new_model = functools.partial(small_model, tuple(maps.shape[1:]), num_classes, width)
        self.model = self.new_model()
        self.forward = forward_of(self.model)
        self.starts: dict[int, list[np.ndarray]] = {}
        self.box_loss = get_box_loss(setting.box_loss)
        self.weighting = None
        variables = list(self.model.trainable_variables)
        if setting.learned:
            self.weighting = LearnedWeighting({"label": "classification", "box": "regression"})
            self.weighting.build()
            variables += self.weighting.trainable_variables
        self.variables = variables
        kind, usual_rate, arguments = OPTIMIZERS[optimizer]
        steps = max(1, epochs * (len(maps) // self.batch_size))
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate or usual_rate, steps)
        self.optimizer = kind(schedule, **arguments)
        self.optimizer.build(variables)
        self._run = tf.function(self._steps)

    def train(self, setting: Setting, seed: int) -> tuple[float, float]:
        """Trains `model` from the start that a seed gives, in the order that it gives.

        Args:
            setting: The weights of the two losses.
            seed: Of the starting weights and of the order.

        Returns:
            Class and box weight at the end: those of the setting, or what was learned.
        """
        if seed not in self.starts:
            self.starts[seed] = self.new_model(seed).get_weights()
        self.model.set_weights(self.starts[seed])
        for variable in (*self.optimizer.variables, *(self.weighting.variables if self.weighting else ())):
            variable.assign(ops.zeros_like(variable))
        orders = [np.random.default_rng((seed, epoch)).permutation(len(self.labels)) for epoch in range(self.epochs)]
        used = len(self.labels) // self.batch_size * self.batch_size
        rows = np.reshape([order[:used] for order in orders], (-1, self.batch_size)).astype("int32")
        self._run(tf.constant(rows), tf.constant([setting.label_weight, setting.box_weight], keras.config.floatx()))
        if self.weighting is None:
            return float(setting.label_weight), float(setting.box_weight)
        learned = self.weighting.task_weights()
        return float(learned["label"]), float(learned["box"])

    def _steps(self, rows: tf.Tensor, weights: tf.Tensor) -> None:
        for step in tf.range(tf.shape(rows)[0]):
            images = rows[step]
            labels, boxes = tf.gather(self.labels, images), tf.gather(self.boxes, images)
            with tf.GradientTape() as tape:
                outputs = self.model(tf.gather(self.maps, images), training=True)
                class_loss = ops.sparse_categorical_crossentropy(labels, outputs["label"], from_logits=True)
                losses = {"label": ops.mean(class_loss), "box": self.box_loss(boxes, outputs["box"])}
                if self.weighting is None:
                    loss = weights[0] * losses["label"] + weights[1] * losses["box"]
                else:
                    loss = self.weighting(losses)
            self.optimizer.apply(tape.gradient(loss, self.variables, unconnected_gradients="zero"), self.variables)
