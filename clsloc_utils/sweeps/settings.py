"""Which weights of the two losses to compare."""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from clsloc_utils.baselines import mean_box
from clsloc_utils.losses import get_box_loss

TRUNK_WIDTH = 8
# Name -> (class, learning rate that suits the small model, further arguments).
OPTIMIZERS: dict[str, tuple[type[keras.optimizers.Optimizer], float, dict]] = {
    "adam": (keras.optimizers.Adam, 1e-2, {}),
    "adamw": (keras.optimizers.AdamW, 1e-2, {"weight_decay": 4e-3}),
    "sgd": (keras.optimizers.SGD, 0.2, {"momentum": 0.9}),
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """How one model of a sweep adds up its two losses.

    Attributes:
        label_weight: Factor of the cross-entropy.
        box_weight: Factor of the box loss.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        learned: Whether both weights are learned along instead, by `clsloc_utils.losses.LearnedWeighting`; the two
            above are not used then.

    Raises:
        ValueError: A weight is negative or not finite, or both are 0.
    """

    label_weight: float = 0.5
    box_weight: float = 0.5
    box_loss: str | keras.losses.Loss = "giou+l1"
    learned: bool = False

    def __post_init__(self):
        weights = (self.label_weight, self.box_weight)
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
            raise ValueError(f"Setting: the weights are {weights}; both must be finite and 0 or more, one above 0.")
        get_box_loss(self.box_loss)

    @property
    def loss_name(self) -> str:
        """Name of the box loss."""
        return self.box_loss if isinstance(self.box_loss, str) else self.box_loss.name

    @property
    def ratio(self) -> float:
        """Box weight over class weight; infinite where the box is learned alone."""
        return self.box_weight / self.label_weight if self.label_weight else math.inf

    @property
    def name(self) -> str:
        """`"class only"`, `"box only"`, `"learned"` or the ratio; a sum of weights other than 1 is named as well."""
        if self.learned:
            return "learned"
        words = {0.0: "class only", math.inf: "box only"}.get(self.ratio, f"ratio {self.ratio:.3g}")
        total = self.label_weight + self.box_weight
        return words if math.isclose(total, 1.0) else f"{words}, times {total:.3g}"


def weight_grid(
    num_ratios: int = 9,
    low: float = 1e-2,
    high: float = 1e2,
    *,
    box_loss: str | keras.losses.Loss = "giou+l1",
    ends: bool = True,
) -> list[Setting]:
    """Settings over a logarithmic grid of the weight ratio.

    Both weights add up to 1 in each, so that only their ratio differs: plain SGD, unlike Adam, would also feel the sum.

    Args:
        num_ratios: Number of ratios, `low` and `high` included.
        low: The smallest ratio, box weight over class weight.
        high: The largest one.
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        ends: Whether to put "class only" in front and "box only" at the end.

    Returns:
        The settings, from the one that minds the class most to the one that minds the box most.

    Raises:
        ValueError: There are fewer than two ratios, or they do not rise from above 0.
    """
    if num_ratios < 2 or not 0 < low < high:
        raise ValueError(
            f"weight_grid: {num_ratios} ratios from {low} to {high}; take two or more, rising from above 0."
        )
    ratios = np.geomspace(low, high, num_ratios)
    # Rounded to what is printed, so that a setting typed in by hand is the same one.
    shares = [float(f"{ratio:.6g}") / (1 + float(f"{ratio:.6g}")) for ratio in ratios]
    if ends:
        shares = [0.0, *shares, 1.0]
    return [Setting(1 - share, share, box_loss) for share in shares]


def baseline_loss(box_loss: str | keras.losses.Loss, true_boxes: Any) -> float:
    """What a box loss is before anything is learned: its mean when the mean box is predicted for every image.

    Dividing a loss by it takes its units and its scale away, so that one grid of weights fits all losses.

    Args:
        box_loss: As `clsloc_utils.losses.get_box_loss` takes it.
        true_boxes: rel_xyxy, `[N, 4]`.
    """
    true_boxes = np.asarray(true_boxes, "float32")
    predicted = np.broadcast_to(mean_box(true_boxes), true_boxes.shape)
    return float(np.mean(ops.convert_to_numpy(get_box_loss(box_loss).call(true_boxes, predicted))))


LOSS_POWERS = {"l2": 2, "l1": 1, "giou": 0, "ciou": 0}
"""Box loss -> by which power of the image's side it grows when boxes are counted in pixels instead of 0..1."""


def loss_in_units(box_loss: str, true_boxes: Any, predicted_boxes: Any, image_size: int = 224) -> dict[str, float]:
    """The same boxes, the same loss, two units.

    Args:
        box_loss: A name out of `clsloc_utils.losses.BOX_LOSSES`.
        true_boxes: rel_xyxy, `[N, 4]`.
        predicted_boxes: rel_xyxy, `[N, 4]`.
        image_size: Side of the square image in pixels.

    Returns:
        `relative` and `pixels`, the mean loss in either unit, and their quotient `factor`.
    """
    loss = get_box_loss(box_loss)
    true_boxes, predicted_boxes = np.asarray(true_boxes, "float32"), np.asarray(predicted_boxes, "float32")
    relative, pixels = (
        float(np.mean(ops.convert_to_numpy(loss.call(true_boxes * side, predicted_boxes * side))))
        for side in (1, image_size)
    )
    return {"relative": relative, "pixels": pixels, "factor": pixels / relative}


def relative_weight(weight: float, box_loss: str, image_size: float) -> float:
    """The weight on relative coordinates that does what another one does on pixels.

    Args:
        weight: Factor of a box loss in pixels.
        box_loss: `"l2"`, `"l1"`, `"giou"` or `"ciou"`: losses that change with the units by a plain factor.
        image_size: Side of the image in pixels.

    Returns:
        `weight * image_size ** LOSS_POWERS[box_loss]`.

    Raises:
        ValueError: The loss has no such factor: where smooth L1 turns straight, for one, depends on the units.
    """
    if box_loss not in LOSS_POWERS:
        raise ValueError(
            f"relative_weight: {box_loss!r} does not change by one factor; take one of {', '.join(LOSS_POWERS)}."
        )
    return weight * image_size ** LOSS_POWERS[box_loss]


@dataclasses.dataclass(frozen=True)
class PublishedWeight:
    """A box weight that somebody published, as read in their code.

    Attributes:
        source: Where.
        box_loss: `"l2"` or `"l1"`.
        written: The weights as they stand there.
        box_weight: Factor of the box loss as it stands there, with a class weight of 1, averaged over the four
            coordinates.
        image_size: Side of the image in pixels, where the boxes are in pixels; 1 where they are relative.
    """

    source: str
    box_loss: str
    written: str
    box_weight: float
    image_size: float

    @property
    def relative(self) -> float:
        """The same weight for boxes in 0..1."""
        return relative_weight(self.box_weight, self.box_loss, self.image_size)


PUBLISHED_WEIGHTS = (
    PublishedWeight("m2dsupsdlclass/lectures-labs, lab 5, first model", "l2", "loss_weights=[1., 0.01]", 0.01, 224),
    PublishedWeight(
        "m2dsupsdlclass/lectures-labs, lab 5, solution", "l2", "loss_weights=[1., 1 / (224 * 224)]", 224.0**-2, 224
    ),
    PublishedWeight("fast.ai 2018, part 2, pascal notebook", "l1", "l1_loss + cross_entropy * 20", 1 / 20, 224),
    # The sum over four coordinates is four means; the images are 447 x 300 pixels, 366 is the side of such a square.
    PublishedWeight("road signs in PyTorch, a tutorial", "l1", "loss_class + loss_bb / 1000", 4 / 1000, 366),
    PublishedWeight("DETR, its L1 part (arXiv 2005.12872)", "l1", "bbox_loss_coef=5, summed", 4 * 5.0, 1),
)
"""Weights from public code, read there or in copies of it; see `PublishedWeight.relative`."""
