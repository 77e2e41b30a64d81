"""The two-head model, one backbone with a head that names the object and one that boxes it; and the pose model.

    image -> "features" (the backbone) -> {"coarse", "fine"} -> "heads" -> {"label": logits, "box": rel_xyxy}
    image -> "features" (the backbone) -> {"coarse", "fine"} -> "heads" -> {"joints": x and y of 14 joints}

Three box heads to compare, from the naive one to the one that works; all of them give a valid box whatever their
weights. Three heads for joints: one regresses their 28 numbers directly, one reads them off heatmaps as the best box
head reads sides, and one also tells every cell of these heatmaps whether it is right.
"""

from clsloc_utils.models.heads import (
    BOX_HEADS,
    JOINT_HEADS,
    direct_joints,
    flatten_box,
    heatmap_joints,
    pooled_box,
    soft_argmax_joints,
    spatial_box,
)
from clsloc_utils.models.layers import JOINT_WINDOW, BoxPooling, SoftArgmax2D, SoftArgmaxSides, SortSides
from clsloc_utils.models.networks import (
    HEATMAP_LOSS_WEIGHT,
    VERSION,
    PoseModel,
    TwoHeadModel,
    flip_averaged,
    pose_model,
    two_head_model,
)
from clsloc_utils.models.states import computing_in, heads_of, unfrozen

__all__ = [
    "BOX_HEADS",
    "HEATMAP_LOSS_WEIGHT",
    "JOINT_HEADS",
    "JOINT_WINDOW",
    "VERSION",
    "BoxPooling",
    "PoseModel",
    "SoftArgmax2D",
    "SoftArgmaxSides",
    "SortSides",
    "TwoHeadModel",
    "computing_in",
    "direct_joints",
    "flatten_box",
    "flip_averaged",
    "heads_of",
    "heatmap_joints",
    "pooled_box",
    "pose_model",
    "soft_argmax_joints",
    "spatial_box",
    "two_head_model",
    "unfrozen",
]
