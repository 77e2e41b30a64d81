"""Figures of the course: boxes and people on images, galleries, curves, and how predictions compare with the truth.

Every function draws with Matplotlib and returns what it drew on; `show` puts it into a notebook together with the
alternative text for readers who cannot see it. Figures have one width, `FIGURE_WIDTH`, and a white ground. Colours are
those of Okabe and Ito (jfly.uni-koeln.de/color), which people with any kind of colour vision tell apart, and no figure
relies on colour alone: of boxes, what is true is drawn solid, what is predicted dashed; of people, the left side is
drawn solid with round joints, the right side dashed with square ones.
"""

from clsloc_utils.pictures import (
    DOTS_PER_INCH,
    FIGURE_WIDTH,
    PALETTE,
    PREDICTED_COLOUR,
    SIDE_STYLES,
    TRUE_COLOUR,
    WRONG_COLOUR,
    draw_boxes,
    png,
    skeleton,
)
from clsloc_utils.plotting.boxes import (
    box_statistics,
    confusion_matrix,
    gallery,
    iou_histogram,
    prediction_gallery,
    side_heatmaps,
)
from clsloc_utils.plotting.curves import learning_curve, loss_curves
from clsloc_utils.plotting.figures import image_element, show
from clsloc_utils.plotting.people import joint_heatmaps, joint_table, limb_table, pck_curve, pose_gallery
from clsloc_utils.plotting.sweeps import (
    loss_comparison,
    pareto_front,
    predictions_by_setting,
    scale_comparison,
    weight_sweep,
)

__all__ = [
    "DOTS_PER_INCH",
    "FIGURE_WIDTH",
    "PALETTE",
    "PREDICTED_COLOUR",
    "SIDE_STYLES",
    "TRUE_COLOUR",
    "WRONG_COLOUR",
    "box_statistics",
    "confusion_matrix",
    "draw_boxes",
    "gallery",
    "image_element",
    "iou_histogram",
    "joint_heatmaps",
    "joint_table",
    "learning_curve",
    "limb_table",
    "loss_comparison",
    "loss_curves",
    "pareto_front",
    "pck_curve",
    "png",
    "pose_gallery",
    "prediction_gallery",
    "predictions_by_setting",
    "scale_comparison",
    "show",
    "side_heatmaps",
    "skeleton",
    "weight_sweep",
]
