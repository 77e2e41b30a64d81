"""The two tasks of the course, boxes and poses, and all that differs between them."""

import abc
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import scipy.special
import tensorflow as tf

from clsloc_utils import baselines, metrics
from clsloc_utils.losses import get_box_loss, get_joint_loss


class Task(abc.ABC):
    """What a model learns of an image, and how that is judged.

    Attributes:
        name: As in `SourceInfo.task`.
        targets: The names of what is learned, in targets and in outputs; the last one is what the task is about.
        arrays: The dtype of each array that a feature cache keeps of targets and sample weights, by name.
        monitor: What the best epoch is chosen by: the metric that is to grow, the one that settles ties, and the small
            factor that this is added with.
        measures: What is said of a model in the end.
        measures_of_curve: The same for a learning curve.
    """

    name: ClassVar[str]
    targets: ClassVar[tuple[str, ...]]
    arrays: ClassVar[Mapping[str, type]]
    monitor: ClassVar[tuple[str, str, float]]
    measures: ClassVar[tuple[str, ...]]
    measures_of_curve: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def compile(self, model: keras.Model, **options: Any) -> None:
        """Compiles a model with the losses and the metrics of the task."""

    @abc.abstractmethod
    def to_arrays(self, targets: Mapping[str, Any], weights: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
        """The targets and the sample weights of a batch as arrays, by the names in `arrays`."""

    @abc.abstractmethod
    def to_batch(self, arrays: Mapping[str, np.ndarray]) -> tuple[dict, ...]:
        """The other way round: what follows the features in a batch for `fit`."""

    @abc.abstractmethod
    def scores(self, batches: Iterable[tuple[Mapping, Mapping]]) -> dict[str, float]:
        """Measures of pairs of arrays and outputs, batch after batch."""

    @abc.abstractmethod
    def describe(self, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the outputs of a model say, for people."""

    @abc.abstractmethod
    def baseline(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """What one would answer without looking, as JSON can hold it."""

    @abc.abstractmethod
    def baseline_scores(self, answer: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Measures of such an answer for all examples."""


class _Boxes(Task):
    name = "boxes"
    targets = ("label", "box")
    arrays: ClassVar = {"label": np.int32, "box": np.float32}
    # On a hundred validation images cls-loc accuracy moves in steps of a percent, and many epochs share the best one.
    monitor = ("clsloc_accuracy_50", "box_mean_iou", 1e-3)
    measures = ("accuracy", "mean_iou", "box_accuracy_50", "clsloc_accuracy_50", "num_examples")
    measures_of_curve = ("accuracy", "mean_iou", "clsloc_accuracy_50")

    def compile(self, model, **options):
        compile_model(model, **options)

    def to_arrays(self, targets, weights):
        return {name: np.asarray(targets[name]) for name in self.arrays}

    def to_batch(self, arrays):
        return ({name: arrays[name] for name in self.arrays},)

    def scores(self, batches):
        return metrics.box_scores(batches)

    def describe(self, outputs):
        # Not Keras's own, which warns where there is one class only.
        probabilities = scipy.special.softmax(outputs["label"], axis=-1)
        return {
            "label": probabilities.argmax(axis=-1),
            "score": probabilities.max(axis=-1),
            "probabilities": probabilities,
            "box": outputs["box"],
        }

    def baseline(self, arrays):
        return {"label": baselines.majority_class(arrays["label"]), "box": baselines.mean_box(arrays["box"]).tolist()}

    def baseline_scores(self, answer, arrays):
        # Majority and mean of a single example are that example.
        return baselines.baseline_metrics({"label": [answer["label"]], "box": [answer["box"]]}, arrays)


class _Pose(Task):
    name = "pose"
    targets = ("joints",)
    arrays: ClassVar = {"joints": np.float32, "weight": np.float32}
    monitor = ("pck_20", "mean_error", -1e-3)
    measures = ("pck_20", "pck_10", "pcp_strict", "num_examples")
    measures_of_curve = ("pck_10", "pck_20")

    def compile(self, model, **options):
        compile_pose_model(model, **options)

    def to_arrays(self, targets, weights):
        joints = np.asarray(targets["joints"])
        weight = np.ones(joints.shape[:2]) if weights is None else np.asarray(weights["joints"])
        if weight.shape != joints.shape[:2]:
            raise ValueError(
                f"batches: joints of shape {joints.shape} need weights {joints.shape[:2]}; got {weight.shape}."
            )
        # Nothing is kept of what stood in place of an unlabelled joint.
        return {"joints": np.where(weight[..., np.newaxis] > 0, joints, 0.5), "weight": weight}

    def to_batch(self, arrays):
        return {"joints": arrays["joints"]}, {"joints": arrays["weight"]}

    def scores(self, batches):
        return metrics.pose_scores((arrays["joints"], found["joints"], arrays["weight"]) for arrays, found in batches)

    def describe(self, outputs):
        return {"joints": outputs["joints"]}

    def baseline(self, arrays):
        return {"joints": baselines.mean_pose(arrays["joints"], arrays["weight"]).tolist()}

    def baseline_scores(self, answer, arrays):
        one = {"joints": [answer["joints"]], "weight": np.ones((1, len(answer["joints"])))}
        return baselines.pose_baseline_metrics(one, arrays)


BOXES, POSE = _Boxes(), _Pose()
TASKS: Mapping[str, Task] = {task.name: task for task in (BOXES, POSE)}


def task_of(names: Iterable[str]) -> Task:
    """The task that outputs or targets of these names belong to.

    Args:
        names: Such as the output of a model, or the targets of a batch.
    """
    return POSE if "joints" in names else BOXES


def _jit_compile() -> str | bool:
    """Whether XLA compiles the steps of `fit`.

    On a CPU, TensorFlow's own kernels convolve faster than XLA's, which also takes long to compile. JAX has no others.
    """
    has_kernels = keras.backend.backend() == "tensorflow" and not tf.config.list_physical_devices("GPU")
    return False if has_kernels else "auto"


def compile_model(
    model: keras.Model,
    *,
    box_loss: str | keras.losses.Loss = "giou+l1",
    box_weight: float = 1.0,
    label_weight: float = 1.0,
    optimizer: str | keras.optimizers.Optimizer = "adamw",
    steps_per_execution: int = 1,
) -> None:
    """Compiles a model of the outputs `label` and `box`: a loss and the fitting metrics for each, by name.

    Args:
        model: A two-head model or its `"heads"`.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        box_weight: Factor of the box loss in the sum.
        label_weight: Factor of the cross-entropy; 0 trains the box alone.
        optimizer: As in `keras.Model.compile`.
        steps_per_execution: As in `keras.Model.compile`.
    """
    model.compile(
        optimizer=optimizer,
        loss={"label": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "box": get_box_loss(box_loss)},
        loss_weights={"label": label_weight, "box": box_weight},
        metrics={
            "label": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            "box": [metrics.MeanBoxIoU(), metrics.BoxAccuracy()],
        },
        steps_per_execution=steps_per_execution,
        jit_compile=_jit_compile(),
    )


def compile_pose_model(
    model: keras.Model,
    *,
    joint_loss: str | keras.losses.Loss = "l1",
    optimizer: str | keras.optimizers.Optimizer = "adamw",
    steps_per_execution: int = 1,
) -> None:
    """Compiles a model of the output `joints`. Its weights must come with the batches: they mask unlabelled joints.

    Args:
        model: A pose model or its `"heads"`.
        joint_loss: As `clsloc_utils.losses.get_joint_loss` takes it.
        optimizer: As in `keras.Model.compile`.
        steps_per_execution: As in `keras.Model.compile`.
    """
    model.compile(
        optimizer=optimizer,
        loss={"joints": get_joint_loss(joint_loss)},
        # Keras hands sample weights to these, and not to what is listed as `metrics`.
        weighted_metrics={"joints": [metrics.PCK(0.2), metrics.MeanJointError()]},
        steps_per_execution=steps_per_execution,
        jit_compile=_jit_compile(),
    )
