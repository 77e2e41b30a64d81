"""What moves: widgets for notebooks, each with a still picture where nothing can move.

`ipywidgets` and `anywidget` come with the package's `notebooks` extra. Without them, or where no notebook listens, the
still picture is shown. All of them work with a mouse, with a finger and with the keyboard.
"""

from clsloc_utils.widgets.box_pair import two_boxes
from clsloc_utils.widgets.live import Touchable, can_show_widgets
from clsloc_utils.widgets.person import movable_joints
from clsloc_utils.widgets.sweep import sweep_slider
from clsloc_utils.widgets.upload import photo_upload
from clsloc_utils.widgets.walk import Step, pipeline_steps, walk_through

__all__ = [
    "Step",
    "Touchable",
    "can_show_widgets",
    "movable_joints",
    "photo_upload",
    "pipeline_steps",
    "sweep_slider",
    "two_boxes",
    "walk_through",
]
