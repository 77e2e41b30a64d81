"""Metrics of pose: PCK, PCP and the mean error. Shapes and units of joints and weights: `clsloc_utils.metrics`."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from clsloc_utils.joints import JOINT_NAMES, LIMBS, NUM_JOINTS, TORSO
from clsloc_utils.losses import joint_weights, labelled_only
from clsloc_utils.metrics.boxes import THRESHOLD_TOLERANCE

# PCK forgives errors up to a share of the torso's length. Of a torso of 0.05 of the image's side, PCK@0.2 forgives 0.01
# of the side: 1.5 pixels of the median person of LSP-extended, which is no more than two annotators differ by. There,
# one torso of 712 is shorter (0.74 pixels long), and the next ones are twice and three times as long.
MIN_TORSO = 0.05


class _Correct(keras.metrics.Metric):
    """Share of the parts of bodies that are correct; `num_skipped` counts what could not be judged."""

    def __init__(self, num_parts: int, name: str, dtype: Any):
        super().__init__(name=name, dtype=dtype)
        self.correct = self.add_weight(shape=(num_parts,), initializer="zeros", name="correct")
        self.counted = self.add_weight(shape=(num_parts,), initializer="zeros", name="counted")
        self.skipped = self.add_weight(shape=(), initializer="zeros", name="skipped")

    def add(self, is_correct: Any, weight: Any, is_skipped: Any) -> None:
        """Adds a batch: bool and weights `[B, num_parts]`, and what is left out, bool of any shape."""
        is_correct, is_skipped = (ops.cast(each, weight.dtype) for each in (is_correct, is_skipped))
        self.correct.assign_add(ops.cast(ops.sum(weight * is_correct, axis=0), self.correct.dtype))
        self.counted.assign_add(ops.cast(ops.sum(weight, axis=0), self.counted.dtype))
        self.skipped.assign_add(ops.cast(ops.sum(is_skipped), self.skipped.dtype))

    def result(self) -> Any:
        """Share of all counted parts that are correct, 0..1; 0 when there are none."""
        return ops.divide_no_nan(ops.sum(self.correct), ops.sum(self.counted))

    def per_part(self) -> np.ndarray:
        """The same for each part, float `[num_parts]`; NaN for one that was never counted."""
        correct, counted = (ops.convert_to_numpy(each).astype("float64") for each in (self.correct, self.counted))
        return np.divide(correct, counted, where=counted > 0, out=np.full(correct.shape, np.nan))

    @property
    def num_skipped(self) -> int:
        """How many were left out, for want of a measure or of labels."""
        return int(self.skipped)


@keras.saving.register_keras_serializable(package="clsloc_utils")
class PCK(_Correct):
    """Percentage of correct keypoints: share of the labelled joints that are found within a part of the torso's length.

    Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013,
    doi:10.1109/TPAMI.2012.261, measure with the larger side of a person's box; Sapp and Taskar, "MODEC", CVPR 2013,
    doi:10.1109/CVPR.2013.471, with the torso, which stretched arms do not lengthen. Here it is the torso from right hip
    to left shoulder (`joints.TORSO`).

    A person whose torso has an end without a label, or is shorter than `min_torso`, has no measure and is left out;
    `num_skipped` counts such people.

    Args:
        threshold: Largest error of a correct joint, in lengths of the torso. A joint exactly at it is correct, and so
            is one a hundred-thousandth of the torso beyond: in float32 the two cannot be told apart.
        min_torso: Length, in sides of the square image, below which a torso is no measure.
        name: By default `pck_` and the threshold in percent, as in `pck_20`.

    Raises:
        ValueError: The threshold is negative.
    """

    def __init__(
        self, threshold: float = 0.2, min_torso: float = MIN_TORSO, name: str | None = None, dtype: Any = None
    ):
        if not threshold >= 0:
            raise ValueError(f"The threshold of PCK must be 0 or more lengths of the torso; got {threshold!r}.")
        super().__init__(NUM_JOINTS, name or f"pck_{round(100 * threshold):02d}", dtype)
        self.threshold, self.min_torso = float(threshold), float(min_torso)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: joints `[B, 14, 2]`, weights `[B, 14]`."""
        y_true, y_pred, weight = _masked_joints(y_true, y_pred, sample_weight)
        torso, measured = _torsos(y_true, weight, self.min_torso)
        allowed = (self.threshold + THRESHOLD_TOLERANCE) * torso
        weight = weight * ops.cast(measured, weight.dtype)[:, None]
        self.add(_distances(y_true, y_pred) <= allowed[:, None], weight, ops.logical_not(measured))

    def per_joint(self) -> np.ndarray:
        """The same for each joint, float `[14]`; NaN for a joint that was never counted."""
        return self.per_part()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold, "min_torso": self.min_torso}


@keras.saving.register_keras_serializable(package="clsloc_utils")
class PCP(_Correct):
    """Percentage of correct parts: share of the limbs that are found, by the standards of their own length.

    Ferrari, Marin-Jimenez and Zisserman, "Progressive Search Space Reduction for Human Pose Estimation", CVPR 2008,
    doi:10.1109/CVPR.2008.4587468. Their words can be read in two ways, and papers do (Pishchulin et al., "Articulated
    People Detection and Pose Estimation: Reshaping the Future", CVPR 2012, doi:10.1109/CVPR.2012.6248052): strict asks
    that each end be within half of the limb's length, loose that the mean of both ends' errors be. Strict is never the
    higher one, so say which. A limb that points at the camera is short, and hard to get right by either.

    The limbs are the ten of `joints.LIMBS`. One counts when all its joints have a label (the trunk: neck and both
    hips); `num_skipped` says how many did not.

    Args:
        strict: Whether both ends must be within half the length, or only their mean error.
        name: By default `pcp_strict` or `pcp_loose`.
    """

    def __init__(self, strict: bool = True, name: str | None = None, dtype: Any = None):
        super().__init__(len(LIMBS), name or ("pcp_strict" if strict else "pcp_loose"), dtype)
        self.strict = bool(strict)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: joints `[B, 14, 2]`, weights `[B, 14]`. A limb has the smallest weight of its joints."""
        y_true, y_pred, weight = _masked_joints(y_true, y_pred, sample_weight)
        near, far = _limb_ends(y_true)
        near_error, far_error = (_distances(*ends) for ends in zip((near, far), _limb_ends(y_pred), strict=True))
        error = ops.maximum(near_error, far_error) if self.strict else (near_error + far_error) / 2.0
        correct = error <= (0.5 + THRESHOLD_TOLERANCE) * _distances(near, far)
        weight = _limb_weights(weight)
        self.add(correct, weight, weight <= 0)

    def per_limb(self) -> dict[str, float]:
        """The same for each limb, by its name in `joints.LIMBS`; NaN for a limb that was never counted."""
        return dict(zip(LIMBS, self.per_part().tolist(), strict=True))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strict": self.strict}


@keras.saving.register_keras_serializable(package="clsloc_utils")
class MeanJointError(keras.metrics.Mean):
    """Mean distance of the labelled joints from where they are found, of all people, whatever their torso.

    Args:
        scale: Factor of the distances: 1 leaves them in sides of the square image, the side's length in pixels turns
            them into pixels of that image.
    """

    def __init__(self, scale: float = 1.0, name: str = "mean_error", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.scale = float(scale)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch: joints `[B, 14, 2]`, weights `[B, 14]`."""
        y_true, y_pred, weight = _masked_joints(y_true, y_pred, sample_weight)
        super().update_state(self.scale * _distances(y_true, y_pred), weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


def pose_scores(batches: Iterable[tuple[Any, Any, Any]]) -> dict[str, float | int]:
    """What the course says of a pose model, measured batch after batch.

    Args:
        batches: `(y_true, y_pred, weights)`: joints `[B, 14, 2]`, and the weight of each, `[B, 14]`, or `None`.

    Returns:
        `pck_20` and `pck_10`, PCK at 0.2 and 0.1 of the torso, `pcp_strict`, `pcp_loose`, all 0..1, NaN where the
        labels leave nothing to count; `mean_error`, in sides of the square image (times its size in pixels, that is
        pixels); `num_examples`, the number of people; and `num_skipped`, how many of them PCK leaves out.

    Raises:
        ValueError: There are no examples, or the shapes do not fit each other.
    """
    pck = PCK(0.2)
    shares = [pck, PCK(0.1), PCP(strict=True), PCP(strict=False)]
    metrics = [*shares, MeanJointError()]
    num_examples = 0
    for y_true, y_pred, weights in batches:
        for metric in metrics:
            metric.update_state(y_true, y_pred, weights)
        num_examples += len(y_true)
    if num_examples == 0:
        raise ValueError("There are no examples to measure.")
    scores = {metric.name: float(metric.result()) for metric in metrics}
    scores |= {metric.name: math.nan for metric in shares if not float(ops.sum(metric.counted))}
    return {**scores, "num_examples": num_examples, "num_skipped": pck.num_skipped}


def pck_per_joint(y_true: Any, y_pred: Any, weights: Any = None, threshold: float = 0.2) -> np.ndarray:
    """`PCK` of each joint: float `[14]`, 0..1, as `joints.JOINT_NAMES`; NaN for a joint that nobody counts for."""
    metric = PCK(threshold)
    metric.update_state(y_true, y_pred, weights)
    return metric.per_joint()


def pcp_per_limb(y_true: Any, y_pred: Any, weights: Any = None, strict: bool = True) -> dict[str, float]:
    """`PCP` of each limb: name -> 0..1, in the order of `joints.LIMBS`; NaN for a limb that nobody counts for."""
    metric = PCP(strict)
    metric.update_state(y_true, y_pred, weights)
    return metric.per_limb()


def pck_curve(
    y_true: Any, y_pred: Any, weights: Any = None, thresholds: Sequence[float] | np.ndarray = (0.1, 0.2, 0.3, 0.4, 0.5)
) -> np.ndarray:
    """`PCK` at several thresholds.

    Args:
        y_true: True joints.
        y_pred: Predicted joints.
        weights: Weight of each joint.
        thresholds: Largest errors of a correct joint, in lengths of the torso.

    Returns:
        Float array, 0..1, one number for each threshold, never falling when the thresholds rise.

    Raises:
        ValueError: The shapes do not fit each other, or a threshold is negative.
    """
    metrics = [PCK(float(threshold)) for threshold in thresholds]
    for metric in metrics:
        metric.update_state(y_true, y_pred, weights)
    return np.array([float(metric.result()) for metric in metrics])


def errors_in_torsos(y_true: Any, y_pred: Any, weights: Any = None) -> np.ndarray:
    """Mean error of each person in lengths of that person's torso: float `[N]`, NaN for people whom PCK leaves out."""
    y_true, y_pred, weight = _masked_joints(y_true, y_pred, weights)
    torso, measured = _torsos(y_true, weight, MIN_TORSO)
    error = ops.sum(weight * _distances(y_true, y_pred), axis=1) / ops.maximum(ops.sum(weight, axis=1), 1e-12)
    torso, measured, error = (ops.convert_to_numpy(each) for each in (torso, measured, error))
    return np.divide(error, torso, where=measured, out=np.full(len(error), np.nan))


def _masked_joints(y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Joints and weights as float32 tensors, with zeros in place of joints without a label, which may be NaN."""
    y_true, y_pred = (ops.convert_to_tensor(joints, dtype="float32") for joints in (y_true, y_pred))
    weight = joint_weights(y_true, y_pred, sample_weight)
    if weight.shape[1] != NUM_JOINTS:
        raise ValueError(
            f"PCK and PCP are about {NUM_JOINTS} joints ({', '.join(JOINT_NAMES)}); got {weight.shape[1]}."
        )
    return labelled_only(y_true, weight), labelled_only(y_pred, weight), weight


def _distances(first: Any, second: Any) -> Any:
    """Euclidean distances of points `[..., 2]`, shape `[...]`."""
    return ops.sqrt(ops.sum(ops.square(first - second), axis=-1))


def _torsos(y_true: Any, weight: Any, min_torso: float) -> tuple[Any, Any]:
    """Length of each torso, `[B]`, and whether it is a measure, bool `[B]`."""
    hip, shoulder = TORSO
    length = _distances(y_true[:, hip], y_true[:, shoulder])
    labelled = ops.minimum(weight[:, hip], weight[:, shoulder]) > 0
    return length, ops.logical_and(labelled, length >= min_torso)


def _limb_ends(joints: Any) -> tuple[Any, Any]:
    """Near and far end of each limb, two tensors `[B, 10, 2]`."""
    near, far = (ops.take(joints, indices, axis=1) for indices in _LIMB_JOINTS)
    return ops.mean(near, axis=2), ops.mean(far, axis=2)


def _limb_weights(weight: Any) -> Any:
    """Weight of each limb, `[B, 10]`: the smallest of its joints."""
    near, far = (ops.min(ops.take(weight, indices, axis=1), axis=2) for indices in _LIMB_JOINTS)
    return ops.minimum(near, far)


# Near and far ends of all limbs, each as two joints whose middle it is: two arrays [10, 2].
_LIMB_JOINTS = tuple(
    np.array([end if isinstance(end, tuple) else (end, end) for end in ends])
    for ends in zip(*LIMBS.values(), strict=True)
)
