"""Box formats and the IoU family.

One format rules all code after the input pipeline: `rel_xyxy`, that is `[xmin, ymin, xmax, ymax]` relative to the
image, 0..1, float32. Format names are Keras's own (`BOX_FORMATS`). `iou`, `giou` and `ciou` only ask for `xyxy` order:
pixels and relative coordinates give the same number, as long as both arguments use the same units.

Every function takes NumPy arrays, lists or tensors, computes in float32 whatever it is given, and returns a tensor of
the Keras backend. All of them work eagerly and in compiled functions; with TensorFlow's backend also in `tf.data`.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

BOX_FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)

# Side of the square that `ciou` scales a pair of boxes to. Large enough for Keras's epsilon (1e-7, added to heights and
# areas) to vanish, small enough for float32 to resolve `_CIOU_SMALLEST_SIDE` in it.
_CIOU_FRAME = 1000.0
# Width and height that an empty box gets in that square: the angle of its diagonal has an infinite gradient otherwise.
_CIOU_SMALLEST_SIDE = 0.01


def convert(boxes: Any, source: str, target: str, image_shape: Sequence[int] | None = None) -> Any:
    """Rewrites boxes from one format into another.

    Args:
        boxes: Boxes in the format `source`, shape `[..., 4]`.
        source: Name of the format they are in, one of `BOX_FORMATS`.
        target: Name of the format wanted, one of `BOX_FORMATS`.
        image_shape: `(height, width)` or `(height, width, channels)` of the image in pixels. Needed only between a
            relative and an absolute format.

    Returns:
        float32 tensor of the shape of `boxes`, in the format `target`.

    Raises:
        ValueError: The last dimension is not 4, a format is unknown, or the image's shape is needed and missing.
    """
    boxes = _as_boxes(boxes)
    source, target = _known_format(source), _known_format(target)
    if image_shape is None:
        if source.startswith("rel_") != target.startswith("rel_"):
            raise ValueError(
                f"Converting boxes from {source!r} to {target!r} needs the size of the image: "
                "pass image_shape=(height, width) in pixels."
            )
        image_shape = (1, 1)  # No size enters between two relative formats, or two absolute ones.
    # Keras sees absolute formats only: up to version 3.13 it takes height for width in rel_center_xywh.
    boxes = boxes * _unit(source, image_shape)
    boxes = keras.utils.bounding_boxes.convert_format(
        boxes, source=source.removeprefix("rel_"), target=target.removeprefix("rel_")
    )
    return boxes / _unit(target, image_shape)


def _unit(box_format: str, image_shape: Sequence[int]) -> Any:
    """What 1 means in each of the four numbers of a format, in pixels."""
    if not box_format.startswith("rel_"):
        return ops.ones(4, "float32")
    height, width = image_shape[0], image_shape[1]
    first, second = (height, width) if box_format == "rel_yxyx" else (width, height)
    return ops.cast(ops.stack([first, second, first, second]), "float32")


def clip(boxes: Any, image_shape: Sequence[int] | None = None) -> Any:
    """Cuts boxes off at the border of the image.

    Args:
        boxes: `[xmin, ymin, xmax, ymax]`, shape `[..., 4]`; relative coordinates, or pixels when `image_shape` is
            given.
        image_shape: `(height, width)` or `(height, width, channels)` in pixels; None for relative coordinates.

    Returns:
        float32 tensor of the shape of `boxes`. A box wholly outside the image comes back with no area: see `is_valid`.

    Raises:
        ValueError: The last dimension is not 4.
    """
    boxes = _as_boxes(boxes)
    # Keras's own clip_to_image_size wants a label with every box up to version 3.13.
    far_corner = _unit("rel_xyxy", (1, 1) if image_shape is None else image_shape)
    return ops.minimum(ops.maximum(boxes, 0.0), far_corner)


def is_valid(boxes: Any) -> Any:
    """Tells which boxes are finite and have a positive width and height.

    Args:
        boxes: `[xmin, ymin, xmax, ymax]` in any units, shape `[..., 4]`.

    Returns:
        Boolean tensor of shape `[...]`. False for NaN, infinite, inverted and empty boxes. Whether a box lies inside
        the image is another question, which needs its units: compare with `clip(boxes)`.

    Raises:
        ValueError: The last dimension is not 4.
    """
    boxes = _as_boxes(boxes)
    xmin, ymin, xmax, ymax = ops.unstack(boxes, 4, axis=-1)
    has_area = ops.logical_and(xmax > xmin, ymax > ymin)
    return ops.logical_and(has_area, ops.all(ops.isfinite(boxes), axis=-1))


def area(boxes: Any) -> Any:
    """Areas of boxes.

    Args:
        boxes: `[xmin, ymin, xmax, ymax]` in any units, shape `[..., 4]`.

    Returns:
        float32 tensor of shape `[...]`, in squared units. An inverted box (`xmax < xmin`) holds no point: its area is
        0.

    Raises:
        ValueError: The last dimension is not 4.
    """
    xmin, ymin, xmax, ymax = ops.unstack(_as_boxes(boxes), 4, axis=-1)
    return _rectangle_area(xmin, ymin, xmax, ymax)


def iou(boxes_a: Any, boxes_b: Any) -> Any:
    """Intersection over union of boxes, element by element.

    Keras's `compute_iou` compares every box with every other and adds 1e-7 to the union, which on relative coordinates
    is not
    small: a box of a thousandth of the image's side would overlap itself by 0.91. Hence this one.

    Args:
        boxes_a: `[xmin, ymin, xmax, ymax]` in any units, shape `[..., 4]`.
        boxes_b: Likewise, in the same units. Leading dimensions broadcast.

    Returns:
        float32 tensor of the broadcast shape `[...]`, 0 for boxes that do not overlap, 1 for equal boxes. 0 when both
        boxes are empty, even in the same place: nothing shared is no agreement.

    Raises:
        ValueError: The last dimension of either is not 4.
    """
    intersection, union = _intersection_and_union(_as_boxes(boxes_a), _as_boxes(boxes_b))
    return ops.divide_no_nan(intersection, union)


def giou(boxes_a: Any, boxes_b: Any) -> Any:
    """Generalized IoU of boxes, element by element (Rezatofighi et al. 2019, arXiv 1902.09630, algorithm 1).

    IoU minus the share of the smallest enclosing box that belongs to neither. Unlike IoU, it still tells boxes that are
    close from boxes that are far once they no longer overlap.

    Args:
        boxes_a: `[xmin, ymin, xmax, ymax]` in any units, shape `[..., 4]`.
        boxes_b: Likewise, in the same units. Leading dimensions broadcast.

    Returns:
        float32 tensor of the broadcast shape `[...]`, -1..1, never above the IoU. The penalty is 0 where the enclosing
        box is empty. Inverted boxes count as empty.

    Raises:
        ValueError: The last dimension of either is not 4.
    """
    boxes_a, boxes_b = _as_boxes(boxes_a), _as_boxes(boxes_b)
    intersection, union = _intersection_and_union(boxes_a, boxes_b)
    enclosing = _rectangle_area(*_enclosing_box(boxes_a, boxes_b))
    return ops.divide_no_nan(intersection, union) - ops.divide_no_nan(enclosing - union, enclosing)


def ciou(boxes_a: Any, boxes_b: Any) -> Any:
    """Complete IoU of boxes, element by element (Zheng et al. 2020, arXiv 1911.08287).

    IoU minus two penalties: the squared distance of the centers over the squared diagonal of the enclosing box, and the
    difference of the aspect ratios. Computed by `keras.utils.bounding_boxes.compute_ciou`. That function refuses
    relative formats and adds an epsilon meant for pixels, so each pair is first moved and scaled to a frame of 1000
    units: CIoU does not change with position or scale.

    Args:
        boxes_a: `[xmin, ymin, xmax, ymax]` in any units, shape `[..., 4]`.
        boxes_b: Likewise, in the same units. Leading dimensions broadcast.

    Returns:
        float32 tensor of the broadcast shape `[...]`, above -2, up to 1, never above the IoU. An inverted box counts as
        an empty one at its `xmin, ymin`.

    Raises:
        ValueError: The last dimension of either is not 4.
    """
    boxes_a, boxes_b = _as_boxes(boxes_a), _as_boxes(boxes_b)
    _, union = _intersection_and_union(boxes_a, boxes_b)
    boxes_a, boxes_b = _in_ciou_frame(boxes_a, boxes_b)
    complete_iou = keras.utils.bounding_boxes.compute_ciou(boxes_a, boxes_b, "xyxy")
    # Two empty boxes in one place share nothing, though the smallest side lets them overlap: take that overlap off
    # again.
    return complete_iou - ops.where(union > 0, 0.0, iou(boxes_a, boxes_b))


def pairwise_iou(boxes_a: Any, boxes_b: Any) -> Any:
    """Intersection over union of every box of one list with every box of another.

    Args:
        boxes_a: `[xmin, ymin, xmax, ymax]` in any units, shape `[N, 4]`.
        boxes_b: Likewise, in the same units, shape `[M, 4]`.

    Returns:
        float32 tensor of shape `[N, M]`.

    Raises:
        ValueError: The last dimension of either is not 4.
    """
    return iou(ops.expand_dims(_as_boxes(boxes_a), 1), ops.expand_dims(_as_boxes(boxes_b), 0))


def paired_boxes(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Checks that two batches of boxes stand in pairs, for losses and metrics.

    Without the check, `[B, 4]` against `[B, 1, 4]` would broadcast and compare every box with every other in silence.

    Args:
        y_true: True boxes, shape `[..., 4]`.
        y_pred: Predicted boxes, same shape.

    Returns:
        Both as float32 tensors.

    Raises:
        ValueError: The shapes differ, or their last dimension is not 4.
    """
    y_true, y_pred = _as_boxes(y_true), _as_boxes(y_pred)
    true_shape, predicted_shape = tuple(y_true.shape), tuple(y_pred.shape)
    same_rank = len(true_shape) == len(predicted_shape)
    pairs = zip(true_shape, predicted_shape, strict=same_rank)
    if not same_rank or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise ValueError(
            f"True and predicted boxes must have the same shape; got y_true {true_shape} and y_pred {predicted_shape}. "
            "Remove or add the dimension that differs."
        )
    return y_true, y_pred


def _as_boxes(boxes: Any) -> Any:
    boxes = ops.cast(ops.convert_to_tensor(boxes), "float32")
    if boxes.shape == () or boxes.shape[-1] not in (4, None):
        raise ValueError(
            f"Boxes need 4 numbers in their last dimension, shape [..., 4]; got shape {tuple(boxes.shape)}. "
            "Reshape or stack the coordinates."
        )
    return boxes


def _known_format(name: str) -> str:
    if name.lower() not in BOX_FORMATS:
        raise ValueError(f"Unknown box format {name!r}; use one of {', '.join(BOX_FORMATS)}.")
    return name.lower()


def _rectangle_area(xmin: Any, ymin: Any, xmax: Any, ymax: Any) -> Any:
    return ops.maximum(xmax - xmin, 0.0) * ops.maximum(ymax - ymin, 0.0)


def _intersection_and_union(boxes_a: Any, boxes_b: Any) -> tuple[Any, Any]:
    xmin_a, ymin_a, xmax_a, ymax_a = ops.unstack(boxes_a, 4, axis=-1)
    xmin_b, ymin_b, xmax_b, ymax_b = ops.unstack(boxes_b, 4, axis=-1)
    intersection = _rectangle_area(
        ops.maximum(xmin_a, xmin_b),
        ops.maximum(ymin_a, ymin_b),
        ops.minimum(xmax_a, xmax_b),
        ops.minimum(ymax_a, ymax_b),
    )
    area_a = _rectangle_area(xmin_a, ymin_a, xmax_a, ymax_a)
    area_b = _rectangle_area(xmin_b, ymin_b, xmax_b, ymax_b)
    return intersection, area_a + area_b - intersection


def _enclosing_box(boxes_a: Any, boxes_b: Any) -> tuple[Any, Any, Any, Any]:
    xmin_a, ymin_a, xmax_a, ymax_a = ops.unstack(boxes_a, 4, axis=-1)
    xmin_b, ymin_b, xmax_b, ymax_b = ops.unstack(boxes_b, 4, axis=-1)
    return (
        ops.minimum(xmin_a, xmin_b),
        ops.minimum(ymin_a, ymin_b),
        ops.maximum(xmax_a, xmax_b),
        ops.maximum(ymax_a, ymax_b),
    )


def _in_ciou_frame(boxes_a: Any, boxes_b: Any) -> tuple[Any, Any]:
    """Moves and scales each pair of boxes to `_CIOU_FRAME`, with no side below `_CIOU_SMALLEST_SIDE`."""
    xmin, ymin, xmax, ymax = _enclosing_box(boxes_a, boxes_b)
    side = ops.maximum(xmax - xmin, ymax - ymin)
    scale = _CIOU_FRAME / ops.where(side > 0, side, ops.ones_like(side))
    # Constants to the gradient: moving or scaling both boxes together changes nothing, so nothing flows through them.
    scale = ops.stop_gradient(ops.expand_dims(scale, -1))
    origin = ops.stop_gradient(ops.stack([xmin, ymin, xmin, ymin], axis=-1))

    def framed(boxes: Any) -> Any:
        xmin, ymin, xmax, ymax = ops.unstack((boxes - origin) * scale, 4, axis=-1)
        xmax = ops.maximum(xmax, xmin + _CIOU_SMALLEST_SIDE)
        ymax = ops.maximum(ymax, ymin + _CIOU_SMALLEST_SIDE)
        return ops.stack([xmin, ymin, xmax, ymax], axis=-1)

    return framed(boxes_a), framed(boxes_b)
