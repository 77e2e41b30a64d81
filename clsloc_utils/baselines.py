"""The baselines that any model must beat: the commonest class, the mean box, and the mean pose.

None of them looks at an image. They say how much of a score comes from the data set's habits: one class is frequent,
objects stand in the middle, people stand upright.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from clsloc_utils.metrics import box_scores, pose_scores

_COLLECT_BATCH = 1024


def majority_class(labels: Any) -> int:
    """The commonest class.

    Args:
        labels: Class indices from 0 on, integers, shape `[N]`.

    Returns:
        Its index; of several equally common ones, the smallest.

    Raises:
        ValueError: There are no labels, or they are not a list of non-negative integers.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not labels.size or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(
            "majority_class needs at least one label, as non-negative integers of shape [N]; "
            f"got shape {labels.shape}, dtype {labels.dtype}."
        )
    return int(np.bincount(labels).argmax())


def mean_box(boxes: Any) -> np.ndarray:
    """The box whose every side lies at the mean of that side, cut off at the border of the image.

    Args:
        boxes: `[xmin, ymin, xmax, ymax]`, relative (0..1), shape `[N, 4]`.

    Returns:
        float32 array of shape `[4]`, `[xmin, ymin, xmax, ymax]`, relative. Valid when every box is.

    Raises:
        ValueError: There are no boxes, or their shape is not `[N, 4]`.
    """
    boxes = np.asarray(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
        raise ValueError(f"mean_box needs at least one box, as an array of shape [N, 4]; got shape {boxes.shape}.")
    # float64: a float32 sum over a large data set would lose the last digits.
    return np.clip(boxes.mean(axis=0, dtype=np.float64), 0.0, 1.0).astype("float32")


def baseline_metrics(train_targets: Mapping[str, Any], test_targets: Mapping[str, Any]) -> dict[str, float | int]:
    """Scores of a "model" that answers every image with the training set's majority class and mean box.

    Args:
        train_targets: `"label"`: class indices, shape `[N]`; `"box"`: relative `[xmin, ymin, xmax, ymax]`, shape `[N,
            4]`. What the baselines are computed from.
        test_targets: Likewise, shapes `[M]` and `[M, 4]`. What they are judged on.

    Returns:
        The keys of `clsloc_utils.training.evaluate`: `accuracy`, `mean_iou`, `box_accuracy_50`, `clsloc_accuracy_50` as
        floats 0..1, and `num_examples`, the number M.

    Raises:
        ValueError: Either is empty, a key is missing, or labels and boxes differ in number.
    """
    train_labels, train_boxes = _labels_and_boxes("train_targets", train_targets)
    labels, true_boxes = _labels_and_boxes("test_targets", test_targets)
    majority, box = majority_class(train_labels), mean_box(train_boxes)

    num_classes = max(labels.max(), majority) + 1
    logits = np.tile(np.eye(num_classes, dtype="float32")[majority], (len(labels), 1))
    predicted_boxes = np.tile(box, (len(labels), 1))
    return box_scores([({"label": labels, "box": true_boxes}, {"label": logits, "box": predicted_boxes})])


def mean_pose(joints: Any, weights: Any = None) -> np.ndarray:
    """The pose whose every joint lies at the mean of that joint over the people who have it labelled.

    Args:
        joints: x and y relative to the side of the square image, shape `[N, J, 2]`.
        weights: Weight of each joint, shape `[N, J]`, 0 for one without a label, which then may hold anything; `None`
            counts all.

    Returns:
        float32 array of shape `[J, 2]`. A joint that nobody has labelled lies at the mean of all labelled joints.

    Raises:
        ValueError: No joint is labelled, or the shapes do not fit each other.
    """
    joints = np.asarray(joints, dtype="float64")
    weights = np.ones(joints.shape[:2]) if weights is None else np.asarray(weights, dtype="float64")
    if joints.ndim != 3 or joints.shape[2] != 2 or weights.shape != joints.shape[:2] or not (weights > 0).any():
        raise ValueError(
            "mean_pose needs joints of shape [N, J, 2] and weights of shape [N, J], one above 0 at least; "
            f"got {joints.shape} and {weights.shape}, {np.count_nonzero(weights > 0)} above 0."
        )
    weights = weights[..., np.newaxis]
    sums = np.where(weights > 0, weights * joints, 0.0).sum(axis=0)
    totals = weights.sum(axis=0)
    everywhere = np.broadcast_to(sums.sum(axis=0) / totals.sum(), sums.shape)
    return np.divide(sums, totals, where=totals > 0, out=everywhere.copy()).astype("float32")


def pose_baseline_metrics(train_targets: Mapping[str, Any], test_targets: Mapping[str, Any]) -> dict[str, float | int]:
    """Scores of a "model" that answers every image with the training set's mean pose.

    Args:
        train_targets: `"joints"`: x and y relative to the side of the square image, shape `[N, 14, 2]`; `"weight"`: of
            each joint, shape `[N, 14]`, 0 for one without a label. What the mean is computed from. The arrays of a
            feature cache of poses do.
        test_targets: Likewise, shapes `[M, 14, 2]` and `[M, 14]`. What the mean is judged on.

    Returns:
        What `clsloc_utils.training.evaluate` returns for a pose model.

    Raises:
        ValueError: A key is missing, no joint is labelled, or the shapes do not fit each other.
    """
    for name, targets in (("train_targets", train_targets), ("test_targets", test_targets)):
        missing = {"joints", "weight"} - set(targets)
        if missing:
            raise ValueError(f"{name} needs the keys 'joints' and 'weight'; missing: {', '.join(sorted(missing))}.")
    pose = mean_pose(train_targets["joints"], train_targets["weight"])
    joints = np.asarray(test_targets["joints"], dtype="float32")
    return pose_scores([(joints, np.tile(pose, (len(joints), 1, 1)), test_targets["weight"])])


def collect_targets(dataset: tf.data.Dataset) -> dict[str, np.ndarray]:
    """Reads the targets of a data set into memory, and no image.

    Args:
        dataset: Finite data set of `(image, targets)`, batched or not, where targets holds `"label"` and `"box"`.
            Further elements, such as sample weights, are left out.

    Returns:
        `"label"`: integer array `[N]`; `"box"`: float32 array `[N, 4]`, in the order of the data set.

    Raises:
        ValueError: The data set repeats for ever, or its targets lack a key.
    """
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("The data set repeats for ever; collect the targets before .repeat(), or after .take(n).")
    targets = dataset.map(lambda image, targets, *_: targets)
    missing = {"label", "box"} - set(targets.element_spec)
    if missing:
        raise ValueError(f"Targets need the keys 'label' and 'box'; missing: {', '.join(sorted(missing))}.")
    if targets.element_spec["box"].shape.rank == 1:
        targets = targets.batch(_COLLECT_BATCH)

    label_type = targets.element_spec["label"].dtype.as_numpy_dtype
    labels, boxes = [np.zeros(0, label_type)], [np.zeros((0, 4), "float32")]
    for batch in targets.as_numpy_iterator():
        labels.append(batch["label"].reshape(-1))
        boxes.append(batch["box"].astype("float32"))
    return {"label": np.concatenate(labels), "box": np.concatenate(boxes)}


def _labels_and_boxes(name: str, targets: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    missing = {"label", "box"} - set(targets)
    if missing:
        raise ValueError(f"{name} needs the keys 'label' and 'box'; missing: {', '.join(sorted(missing))}.")
    labels, boxes = np.asarray(targets["label"]), np.asarray(targets["box"], dtype="float32")
    if not len(labels) or len(labels) != len(boxes):
        raise ValueError(
            f"{name} needs as many labels as boxes, at least one; got {len(labels)} labels and {len(boxes)} boxes."
        )
    return labels, boxes
