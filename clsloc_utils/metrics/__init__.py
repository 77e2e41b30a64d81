"""Streaming metrics of localization (mean box IoU, box accuracy, both heads right at once) and of pose (PCK, PCP).

Not to be mistaken for `keras.metrics.MeanIoU`, which counts pixels of a segmentation. Boxes are `[xmin, ymin, xmax,
ymax]`; any units will do, the same for truth and prediction.

Joints are `[x, y]` relative to the side of a square image. Distances need the same unit along both axes: in a photo
that was squashed to a square, or relative to width and height of one that is not square, a pixel to the right and a
pixel down are not equally far. The square crop around a person keeps them equal.
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
