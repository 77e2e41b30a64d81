"""Two boxes to move over a picture, and what IoU, GIoU and the L2 loss say about them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clsloc_utils import boxes, losses, plotting
from clsloc_utils.widgets.live import Touchable

_HINT = (
    "Drag a box, or one of its corners. Or use the keyboard: Tab goes from box to box, the arrow keys move one, "
    "Shift and an arrow key make it larger or smaller."
)


def two_boxes(image: Any, true_box: Any, predicted_boxes: Sequence, *, still: bool | None = None) -> Touchable:
    """A true and a predicted box over a picture, both to be moved and resized, with IoU, GIoU and L2 loss beside them.

    The area that the boxes share is bright, the smallest box around both has a dotted line. Where nothing can move, the
    picture is drawn once for each of the predicted boxes, with its three numbers.

    Args:
        image: RGB, 0..255, `[height, width, 3]`.
        true_box: `rel_xyxy`, `[4]`.
        predicted_boxes: Boxes in `rel_xyxy`, `[N, 4]`. The widget begins with the first one.
        still: Whether to do without the widget; `None` asks `can_show_widgets`.

    Returns:
        What a notebook shows as a widget, or as a still picture.

    Raises:
        ValueError: There is no predicted box, or one of the boxes is not valid.
    """
    predicted_boxes = np.asarray(predicted_boxes, "float32").reshape(-1, 4)
    together = np.concatenate([np.asarray(true_box, "float32").reshape(1, 4), predicted_boxes])
    if len(together) < 2 or not np.all(boxes.is_valid(together)):
        raise ValueError(
            f"two_boxes: the true and the predicted boxes are {together.tolist()}; give two or more, each with "
            "xmin < xmax and ymin < ymax."
        )
    titles = ["{}, {}\n{}".format(*_named_values(together[0], predicted)) for predicted in predicted_boxes]
    count = len(predicted_boxes)
    figure = plotting.gallery(
        [image] * count, boxes=together[:1].repeat(count, 0), predicted_boxes=predicted_boxes, titles=titles
    )
    words = "; ".join(title.replace("\n", ", ") for title in titles)
    text = f"A true box and, dashed, a predicted one: {words}."
    page = plotting.image_element(figure, text)
    return Touchable(lambda: _widget(image, together[:2]), "anywidget", page, text, still)


def compared(true_box: Any, predicted_box: Any) -> list[tuple[str, str, str]]:
    """IoU, GIoU and L2 loss of two boxes in `rel_xyxy`: of each its name, its value and what it is."""
    pair = np.asarray([[true_box], [predicted_box]], "float32")
    l2_loss = float(losses.get_box_loss("l2")(*pair))
    return [
        ("IoU", f"{float(boxes.iou(*pair)[0]):.3f}", "the shared area over the area of both together"),
        ("GIoU", f"{float(boxes.giou(*pair)[0]):.3f}", "IoU minus the share of the dotted box that neither fills"),
        ("L2 loss", f"{l2_loss:.4f}", "the mean squared difference of the four numbers"),
    ]


def _named_values(true_box: Any, predicted_box: Any) -> list[str]:
    return [f"{name} {value}" for name, value, _ in compared(true_box, predicted_box)]


def _widget(image: Any, pair: np.ndarray) -> Any:
    from clsloc_utils.widgets.handles import Handles

    widget = Handles(
        image,
        pair,
        items=[{"name": "true box", "style": "true"}, {"name": "predicted box", "style": "predicted"}],
        description="A picture with a true and a predicted box, both to be moved",
        hint=_HINT,
        selected=1,
    )

    def compare(_: Any = None) -> None:
        widget.readout = compared(*widget.positions)
        widget.behind = _shared_and_enclosing(np.array(widget.positions))

    widget.observe(compare, names="positions")
    compare()
    return widget


def _shared_and_enclosing(pair: np.ndarray) -> list[dict[str, Any]]:
    """What IoU and GIoU are computed of, for `Handles.behind`: the smallest box around two boxes, and their overlap."""
    low, high = pair[:, :2], pair[:, 2:]
    enclosing, shared = [*low.min(0), *high.max(0)], [*low.max(0), *high.min(0)]
    drawn = [("enclosing", enclosing), *([("shared", shared)] if boxes.is_valid(shared) else [])]
    return [{"kind": "rect", "at": [float(side) for side in box], "style": style} for style, box in drawn]
