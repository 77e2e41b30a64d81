"""Streaming metrics of localization (mean box IoU, box accuracy, both heads right at once) and of pose (PCK, PCP).

Not to be mistaken for `keras.metrics.MeanIoU`, which counts pixels of a segmentation. All take `name` and `dtype` as
any Keras metric, the latter for the running sums and the result: IoU and distances are computed in float32. What does
not fit in shape raises a `ValueError`.

Boxes are `[xmin, ymin, xmax, ymax]`, arrays `[B, 4]`, weights `[B]`; any units will do, the same for truth and
prediction.

Joints are `[x, y]` relative to the side of a square image, arrays `[N, 14, 2]`; the weight of each is `[N, 14]`, 0 for
one without a label, and `None` counts all. Distances need the same unit along both axes: in a photo that was squashed
to a square, or relative to width and height of one that is not square, a pixel to the right and a pixel down are not
equally far. The square crop around a person keeps them equal.
"""

from clsloc_utils.metrics.boxes import BoxAccuracy, ClsLocAccuracy, MeanBoxIoU, box_scores
from clsloc_utils.metrics.pose import (
    MIN_TORSO,
    PCK,
    PCP,
    MeanJointError,
    errors_in_torsos,
    pck_curve,
    pck_per_joint,
    pcp_per_limb,
    pose_scores,
)

__all__ = [
    "MIN_TORSO",
    "PCK",
    "PCP",
    "BoxAccuracy",
    "ClsLocAccuracy",
    "MeanBoxIoU",
    "MeanJointError",
    "box_scores",
    "errors_in_torsos",
    "pck_curve",
    "pck_per_joint",
    "pcp_per_limb",
    "pose_scores",
]
