"""Losses for the box head and for joints: Keras's own, IoU losses, weighted sums of them, and what masks joints.

All are Keras losses: they take `reduction`, `name` and `dtype` as any of these does, are called with `y_true`, `y_pred`
and maybe `sample_weight`, and come back from a saved model. A box loss compares boxes `[xmin, ymin, xmax, ymax]`, in
arrays `[..., 4]`, and yields one number per box; when the shapes differ it raises a `ValueError`. The L-losses expect
relative coordinates (0..1), the IoU losses take any units and compute in float32. A joint loss compares joints
`[B, J, 2]`, x and y relative to the side of the square image, and yields one number per joint.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from clsloc_utils import boxes

# Where smooth L1 turns from square to straight. Relative coordinates never differ by more than 1, so Keras's default of
# 1 would leave plain L2 (halved). At 0.1, a tenth of the image's side, good boxes are polished by the square and bad
# ones pull with a constant force.
SMOOTH_L1_DELTA = 0.1


@keras.saving.register_keras_serializable(package="clsloc_utils")
class SmoothL1Loss(keras.losses.Huber):
    """Keras's Huber loss, at home in relative coordinates, that keeps its `delta` when saved.

    Half the squared error up to `delta`, straight with slope `delta` from there, averaged over the coordinates. In
    Keras 3.15.1 `keras.losses.Huber` leaves `delta` out of its config: a model saved with 0.1 would train on with 1
    once reloaded.

    Args:
        delta: Error at which the square turns straight, in units of the coordinates.
    """

    def __init__(self, delta: float = SMOOTH_L1_DELTA, name: str = "smooth_l1", **kwargs):
        super().__init__(delta=delta, name=name, **kwargs)
        self.delta = float(delta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "delta": self.delta}


@keras.saving.register_keras_serializable(package="clsloc_utils")
class GIoULoss(keras.losses.Loss):
    """1 - GIoU (Rezatofighi et al. 2019, arXiv 1902.09630).

    0 for a perfect box, 1 for two boxes that share just one whole side, towards 2 for boxes far apart. `1 - IoU` has a
    zero gradient as soon as two boxes are disjoint; this one keeps pulling them together.
    """

    def __init__(self, name: str = "giou_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return 1.0 - boxes.giou(*boxes.paired_boxes(y_true, y_pred))


@keras.saving.register_keras_serializable(package="clsloc_utils")
class CIoULoss(keras.losses.Loss):
    """1 - CIoU (Zheng et al. 2020, arXiv 1911.08287).

    Beside the overlap it minds the distance of the centers and the aspect ratio. 0 for a perfect box, below 3 always.
    Predicted boxes must be valid (`xmin < xmax`, `ymin < ymax`).
    """

    def __init__(self, name: str = "ciou_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return 1.0 - boxes.ciou(*boxes.paired_boxes(y_true, y_pred))


@keras.saving.register_keras_serializable(package="clsloc_utils")
class WeightedSumLoss(keras.losses.Loss):
    """A weighted sum of losses on the same output.

    `get_box_loss("giou+l1")` is GIoU + 2 L1, L1 being the mean over the four coordinates. The two complete each other:
    GIoU is close to what we are judged by and treats a small object's error like a large one's, but it does not notice
    a box moving about inside another one; L1 pulls every side straight to its place, but takes an error of five pixels
    as equally bad for an ant and for an elephant. DETR (Carion et al. 2020, arXiv 2005.12872) adds the two as well. A
    mean L1 of relative coordinates is far smaller than the GIoU loss of the same boxes, hence the factor.

    Args:
        losses: The losses to add, Keras `Loss` objects. Their own `reduction` is not used.
        weights: One factor per loss.

    Raises:
        ValueError: No loss is given, or there are not as many weights as losses.
    """

    def __init__(
        self,
        losses: Sequence[keras.losses.Loss],
        weights: Sequence[float],
        name: str = "weighted_sum_loss",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if not losses or len(losses) != len(weights):
            raise ValueError(
                f"WeightedSumLoss needs one weight per loss; got {len(losses)} losses and {len(weights)} weights."
            )
        self.losses = list(losses)
        self.weights = [float(weight) for weight in weights]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return sum(weight * loss.call(y_true, y_pred) for weight, loss in zip(self.weights, self.losses, strict=True))

    def get_config(self) -> dict[str, Any]:
        losses = [keras.saving.serialize_keras_object(loss) for loss in self.losses]
        return {**super().get_config(), "losses": losses, "weights": self.weights}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightedSumLoss":
        losses = [keras.saving.deserialize_keras_object(loss) for loss in config["losses"]]
        return cls(**{**config, "losses": losses})


BOX_LOSSES: dict[str, Callable[[], keras.losses.Loss]] = {
    "l2": lambda: keras.losses.MeanSquaredError(name="l2"),
    "l1": lambda: keras.losses.MeanAbsoluteError(name="l1"),
    "smooth_l1": SmoothL1Loss,
    "giou": lambda: GIoULoss(name="giou"),
    "ciou": lambda: CIoULoss(name="ciou"),
    "giou+l1": lambda: WeightedSumLoss([GIoULoss(), keras.losses.MeanAbsoluteError()], [1.0, 2.0], name="giou_plus_l1"),
}


def get_box_loss(loss: str | keras.losses.Loss) -> keras.losses.Loss:
    """The box loss of a name.

    Args:
        loss: One of `BOX_LOSSES`, or a Keras loss, which comes back as it is. Note their scales: on relative
            coordinates `l2` and `smooth_l1` (slope `SMOOTH_L1_DELTA` at most) are far smaller than `l1`, and `l1` than
            `giou`.

    Raises:
        ValueError: The name is unknown, or `loss` is neither a name nor a Keras loss.
    """
    return loss if isinstance(loss, keras.losses.Loss) else _named("box", BOX_LOSSES, loss)


def _named(kind: str, choices: Mapping[str, Callable], name: str) -> keras.losses.Loss:
    if not isinstance(name, str) or name not in choices:
        raise ValueError(f"Unknown {kind} loss {name!r}; use one of {', '.join(choices)}, or a keras.losses.Loss.")
    return choices[name]()


# --- learned weighting ------------------------------------------------------------------------------------------------


# Factor of exp(-s) before a task's loss: a Gaussian's negative log-likelihood halves the squared error, a scaled
# softmax's does not halve the cross-entropy.
_TASK_FACTORS = {"classification": 1.0, "regression": 0.5}


@keras.saving.register_keras_serializable(package="clsloc_utils")
class LearnedWeighting(keras.layers.Layer):
    """Adds the losses of several tasks with weights that are learned along (Kendall, Gal and Cipolla 2018).

    arXiv 1705.07115, equations 7 and 10. Each task has one parameter s, the logarithm of a variance: how noisy the task
    is. A regression loss L enters the sum as `exp(-s) / 2 * L + s / 2`, a classification loss as
    `exp(-s) * L + s / 2`. The first term lets a noisy task count less, the second keeps every task from calling itself
    infinitely noisy. For a loss that stays the same, the best weight is `1 / (2 L)` in both cases: the method divides
    each loss by its own size, and asks nobody which task matters more.

    Args:
        tasks: Name of each loss -> `"classification"` or `"regression"`.
        shape: Shape of the losses, each element with parameters of its own; `()` for one number per task.

    Call arguments:
        losses: Name -> loss, of `shape`. Not below 0.

    Returns:
        The sum, of `shape`. Every s starts at 0.

    Raises:
        ValueError: A task is of no known kind, or the losses on call are not those of the tasks.
    """

    def __init__(self, tasks: Mapping[str, str], shape: Sequence[int] = (), **kwargs):
        super().__init__(**kwargs)
        unknown = {name: kind for name, kind in tasks.items() if kind not in _TASK_FACTORS}
        if unknown:
            raise ValueError(f"LearnedWeighting: tasks holds {unknown}; take {' or '.join(_TASK_FACTORS)}.")
        self.tasks, self.shape = dict(tasks), tuple(shape)
        self.log_variances = {
            name: self.add_weight(shape=self.shape, initializer="zeros", name=f"{name}_log_variance")
            for name in self.tasks
        }

    def build(self, input_shape: Any = None) -> None:
        """Nothing depends on the input's shape."""
        self.built = True

    def call(self, losses: Mapping[str, Any]) -> Any:
        if set(losses) != set(self.tasks):
            raise ValueError(f"LearnedWeighting weights {sorted(self.tasks)}; got the losses {sorted(losses)}.")
        weights = self.task_weights()
        return sum(weights[name] * loss + self.log_variances[name] / 2 for name, loss in losses.items())

    def task_weights(self) -> dict[str, Any]:
        """The weights as they are now: name -> tensor of `shape`, always above 0."""
        return {
            name: _TASK_FACTORS[kind] * ops.exp(-ops.convert_to_tensor(self.log_variances[name]))
            for name, kind in self.tasks.items()
        }

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tasks": self.tasks, "shape": list(self.shape)}


# --- joints -----------------------------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="clsloc_utils")
class JointLoss(keras.losses.Loss):
    """A Keras loss that counts labelled joints only, each by its weight.

    It differs from the loss inside in two things. What stands in place of an unlabelled joint, be it far off or NaN,
    is taken out before anything is computed of it: zero times NaN is NaN, so a weight of zero alone would not keep it
    out. And the mean is over the weights, not over all joints, so that a batch with few labels is worth as much as one
    with many.

    Args:
        loss: The loss of one joint, a Keras `Loss` that takes the mean over the last axis, here x and y. Its own
            `reduction` is not used.
        reduction: By default the sum over that of the weights; a batch without any label has the loss 0.

    Call arguments:
        y_true: True joints `[B, J, 2]`.
        y_pred: Predicted joints, same shape and units.
        sample_weight: One weight per joint, `[B, J]`, 0 for a joint without a label; or one per person, `[B]` or
            `[B, 1]`. `None` counts all joints.

    Raises:
        ValueError: On call, when the shapes do not fit each other.
    """

    def __init__(
        self,
        loss: keras.losses.Loss,
        reduction: str | None = "mean_with_sample_weight",
        name: str = "joint_loss",
        **kwargs,
    ):
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.loss = loss

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        weight = joint_weights(y_true, y_pred, sample_weight, self.dtype)
        y_true = labelled_only(y_true, weight)
        return super().__call__(y_true, y_pred, weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.loss.call(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "JointLoss":
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


@keras.saving.register_keras_serializable(package="clsloc_utils")
class HeatmapLoss(keras.losses.Loss):
    """How far the shares of a heatmap are from a Gaussian around the joint: tells every cell whether it is right.

    The loss of a joint is the Kullback-Leibler divergence of the softmax over all cells from that Gaussian, 0 when they
    are equal: the cross-entropy of "where is it?" with a slightly blurred answer. As in `JointLoss`, joints without a
    label do not enter, and the mean is over the weights.

    Args:
        outside: Number of rows and columns of the heatmaps that lie outside the image, at each border.
        spread: Standard deviation of the Gaussian, in cells.

    Call arguments:
        y_true: True joints `[B, J, 2]`.
        y_pred: Logits of the heatmaps, `[B, H, W, J]`.
        sample_weight: As for `JointLoss`.

    Raises:
        ValueError: `spread` is not above 0; on call, when the shapes do not fit each other.
    """

    def __init__(
        self,
        outside: int = 0,
        spread: float = 0.8,
        reduction: str | None = "mean_with_sample_weight",
        name: str = "heatmap_loss",
        **kwargs,
    ):
        if spread <= 0:
            raise ValueError(f"spread is {spread}; it must be above 0 cells.")
        super().__init__(reduction=reduction, name=name, **kwargs)
        self.outside, self.spread = outside, spread

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        if len(y_pred.shape) != 4 or y_pred.shape[-1] != y_true.shape[1]:
            raise ValueError(
                f"joints {tuple(y_true.shape)} need heatmaps [B, H, W, {y_true.shape[1]}], not {tuple(y_pred.shape)}."
            )
        weight = joint_weights(y_true, y_true, sample_weight, self.dtype)
        y_true = labelled_only(y_true, weight)
        return super().__call__(y_true, y_pred, weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        height, width, count = y_pred.shape[1:]
        columns, rows = (self._log_shares(y_true[..., axis], cells) for axis, cells in enumerate((width, height)))
        wanted = ops.reshape(rows[..., :, None] + columns[..., None, :], (-1, count, height * width))
        found = ops.log_softmax(ops.reshape(y_pred, (-1, height * width, count)), axis=1)
        return ops.sum(ops.exp(wanted) * (wanted - ops.transpose(found, (0, 2, 1))), axis=-1)

    def _log_shares(self, places: Any, cells: int) -> Any:
        """Logarithm of what falls into each cell of one axis, `[B, J, cells]`, of Gaussians at places `[B, J]`."""
        centres = ops.arange(cells, dtype=self.dtype) - self.outside + 0.5
        distances = centres - places[..., None] * (cells - 2 * self.outside)
        return ops.log_softmax(-(distances**2) / (2 * self.spread**2), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "outside": self.outside, "spread": self.spread}


JOINT_LOSSES: dict[str, Callable[[], JointLoss]] = {
    "l2": lambda: JointLoss(keras.losses.MeanSquaredError(), name="l2"),
    "l1": lambda: JointLoss(keras.losses.MeanAbsoluteError(), name="l1"),
    "smooth_l1": lambda: JointLoss(SmoothL1Loss(), name="smooth_l1"),
}


def get_joint_loss(loss: str | keras.losses.Loss) -> JointLoss:
    """The joint loss of a name.

    Args:
        loss: One of `JOINT_LOSSES`; or a Keras loss that takes the mean over the last axis, which is put into a
            `JointLoss` so that it, too, counts labelled joints only.

    Raises:
        ValueError: The name is unknown, or `loss` is neither a name nor a Keras loss.
    """
    if not isinstance(loss, keras.losses.Loss):
        return _named("joint", JOINT_LOSSES, loss)
    return loss if isinstance(loss, JointLoss) else JointLoss(loss, name=loss.name)


def joint_weights(y_true: Any, y_pred: Any, sample_weight: Any = None, dtype: str = "float32") -> Any:
    """One weight for each joint, after checking that joints and weights fit each other.

    Args:
        y_true: True joints, tensor `[B, J, 2]`.
        y_pred: Predicted joints, tensor `[B, J, 2]`.
        sample_weight: `[B, J]`, one weight per joint; `[B]` or `[B, 1]`, one per person; or `None` for all ones.
        dtype: Of the result.

    Returns:
        Tensor `[B, J]`.

    Raises:
        ValueError: The shapes do not fit each other.
    """
    shape, predicted_shape = tuple(y_true.shape), tuple(y_pred.shape)
    # While a graph is traced, the number of examples is not known.
    same_batch = None in (shape[0], predicted_shape[0]) or shape[0] == predicted_shape[0]
    if len(shape) != 3 or shape[-1] != 2 or predicted_shape[1:] != shape[1:] or not same_batch:
        raise ValueError(
            f"Joints must have the shape [B, J, 2]; got {shape} as true and {predicted_shape} as predicted."
        )
    if sample_weight is None:
        return ops.ones_like(y_true[..., 0], dtype=dtype)
    weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
    if len(weight.shape) == 1:
        weight = weight[:, None]
    if len(weight.shape) != 2 or weight.shape[1] not in (1, shape[1]):
        raise ValueError(
            f"The weights of {shape[1]} joints must have the shape [B, {shape[1]}], or [B] for one per person; "
            f"got {tuple(weight.shape)}."
        )
    return weight * ops.ones_like(y_true[..., 0], dtype=dtype)


def labelled_only(joints: Any, weight: Any) -> Any:
    """Joints `[B, J, 2]` with zeros in place of those of weight 0, which may be NaN; weights `[B, J]`."""
    return ops.where(weight[..., None] > 0, joints, ops.zeros_like(joints))
