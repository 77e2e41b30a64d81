"""Metrics of localization: mean IoU, box accuracy, class and box right at once."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
from keras import ops

from clsloc_utils import boxes

# A box whose IoU equals the threshold counts, and so does a joint whose error does. Coordinates rounded to float32 may
# put them a hair on the wrong side.
THRESHOLD_TOLERANCE = 1e-5


@keras.saving.register_keras_serializable(package="clsloc_utils")
class MeanBoxIoU(keras.metrics.Mean):
    """Mean over the examples of the IoU between true and predicted box."""

    def __init__(self, name: str = "mean_iou", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: boxes `[B, 4]`, weights `[B]`; raises a `ValueError` when the shapes do not fit."""
        super().update_state(boxes.iou(*boxes.paired_boxes(y_true, y_pred)), sample_weight)


class _Accuracy(keras.metrics.Mean):
    """Share of the examples that are right, where a box is right from some IoU on."""

    def __init__(self, threshold: float, name: str, dtype: Any):
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"The IoU threshold must lie in 0..1; got {threshold!r}.")
        super().__init__(name=name, dtype=dtype)
        self.threshold = float(threshold)

    def is_box_right(self, y_true: Any, y_pred: Any) -> Any:
        return boxes.iou(*boxes.paired_boxes(y_true, y_pred)) >= self.threshold - THRESHOLD_TOLERANCE

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


@keras.saving.register_keras_serializable(package="clsloc_utils")
class BoxAccuracy(_Accuracy):
    """Share of the examples whose predicted box reaches an IoU with the true one.

    Args:
        threshold: IoU from which on a box is right, 0..1; a box exactly at it is right.

    Raises:
        ValueError: The threshold is outside 0..1.
    """

    def __init__(self, threshold: float = 0.5, name: str = "box_accuracy_50", dtype: Any = None):
        super().__init__(threshold, name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: boxes `[B, 4]`, weights `[B]`; raises a `ValueError` when the shapes do not fit."""
        super().update_state(self.is_box_right(y_true, y_pred), sample_weight)


@keras.saving.register_keras_serializable(package="clsloc_utils")
class ClsLocAccuracy(_Accuracy):
    """Share of the examples with both right: the class, and the box at an IoU threshold.

    The ImageNet localization challenge's measure, for one guess (Russakovsky et al. 2015, arXiv 1409.0575). It
    is no function of the two heads' separate scores: with both at 0.9 it may lie anywhere from 0.8 to 0.9.

    Args:
        threshold: IoU from which on a box is right, 0..1; a box exactly at it is right.

    Raises:
        ValueError: The threshold is outside 0..1.
    """

    def __init__(self, threshold: float = 0.5, name: str = "clsloc_accuracy_50", dtype: Any = None):
        super().__init__(threshold, name, dtype)

    def update_state(self, y_true: Mapping[str, Any], y_pred: Mapping[str, Any], sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: `"label"`: class indices, shape `[B]` or `[B, 1]`; `"box"`: true boxes, shape `[B, 4]`.
            y_pred: `"label"`: logits or probabilities, shape `[B, C]`; `"box"`: predicted boxes, shape `[B, 4]`.
            sample_weight: Optional weights, shape `[B]`: one per example, for both heads together.

        Raises:
            ValueError: A key is missing, or a shape is wrong.
            TypeError: `sample_weight` is a dict.
        """
        if isinstance(sample_weight, Mapping):
            raise TypeError(
                f"{self.name} needs one weight per example, sample_weight of shape [B]; got a dict with keys "
                f"{sorted(sample_weight)}. Pass one array: both heads are judged together."
            )
        _check_keys("y_true", y_true)
        _check_keys("y_pred", y_pred)
        class_is_right = _class_is_right(y_true["label"], y_pred["label"])
        box_is_right = self.is_box_right(y_true["box"], y_pred["box"])
        super().update_state(ops.logical_and(class_is_right, box_is_right), sample_weight)


def _check_keys(name: str, value: Any) -> None:
    keys = sorted(value) if isinstance(value, Mapping) else type(value).__name__
    if not isinstance(value, Mapping) or not {"label", "box"} <= set(value):
        raise ValueError(f"{name} must be a dict with the keys 'label' and 'box'; got {keys}.")


def _class_is_right(label: Any, logits: Any) -> Any:
    label, logits = ops.convert_to_tensor(label), ops.convert_to_tensor(logits)
    is_index = len(label.shape) == 1 or (len(label.shape) == 2 and label.shape[-1] == 1)
    if not is_index or len(logits.shape) != 2:
        raise ValueError(
            "Labels must be class indices of shape [B] or [B, 1] and logits of shape [B, C]; got labels "
            f"{tuple(label.shape)} and logits {tuple(logits.shape)}. Turn one-hot labels into indices with argmax."
        )
    return ops.equal(ops.cast(ops.reshape(label, (-1,)), "int32"), ops.cast(ops.argmax(logits, axis=-1), "int32"))


def box_scores(batches: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, float | int]:
    """What the course says of a two-head model, measured batch after batch.

    Args:
        batches: `(y_true, y_pred)`, each with `"label"` and `"box"`: class indices `[B]` and boxes `[B, 4]`, and logits
            `[B, num_classes]` and boxes `[B, 4]`, all rel_xyxy.

    Returns:
        `accuracy` of the class, `mean_iou` of the boxes, `box_accuracy_50` (share of boxes of IoU 0.5 or more) and
        `clsloc_accuracy_50` (share of images with both right), all 0..1; `num_examples`.

    Raises:
        ValueError: There are no examples, or the shapes do not fit each other.
    """
    of_label, of_box = [keras.metrics.SparseCategoricalAccuracy(name="accuracy")], [MeanBoxIoU(), BoxAccuracy()]
    both = ClsLocAccuracy()
    num_examples = 0
    for y_true, y_pred in batches:
        for name, each in (("label", of_label), ("box", of_box)):
            for metric in each:
                metric.update_state(y_true[name], y_pred[name])
        both.update_state(dict(y_true), dict(y_pred))
        num_examples += len(y_true["box"])
    if num_examples == 0:
        raise ValueError("There are no examples to measure.")
    return {each.name: float(each.result()) for each in (*of_label, *of_box, both)} | {"num_examples": num_examples}
