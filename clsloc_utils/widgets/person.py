"""A person whose predicted joints can be moved, and what PCK says about them."""

import itertools
from typing import Any

import numpy as np
from matplotlib.patches import Circle

from clsloc_utils import metrics, plotting
from clsloc_utils.joints import BONES, JOINT_NAMES, NUM_JOINTS, TORSO, side_of, side_of_bone
from clsloc_utils.widgets.live import Touchable

THRESHOLDS = (0.1, 0.2)
_HINT = (
    "Drag a joint. Or use the keyboard: Tab goes from joint to joint, the arrow keys move one, with Shift in larger "
    "steps. The circles are around the true place of the joint touched last: 0.1 and 0.2 torsos."
)


def movable_joints(
    image: Any, true_joints: Any, predicted_joints: Any, weights: Any = None, *, still: bool | None = None
) -> Touchable:
    """A person with predicted joints to be moved over the true ones, and PCK@0.1 and PCK@0.2 beside them.

    Where nothing can move, the person is drawn twice, with circles around the true place of the worst joint: as
    predicted, and with that joint put where it belongs.

    Args:
        image: RGB, 0..255, `[side, side, 3]`.
        true_joints: x and y relative to the side of the square image, `[14, 2]`.
        predicted_joints: Likewise.
        weights: `[14]`, 0 for a joint without a label, which is neither shown nor counted; `None` counts all.
        still: Whether to do without the widget; `None` asks `can_show_widgets`.

    Returns:
        What a notebook shows as a widget, or as a still picture.

    Raises:
        ValueError: The image is not square, or right hip or left shoulder has no label, so that there is no torso to
            measure with.
    """
    height, width = np.shape(image)[:2]
    if height != width:
        raise ValueError(f"movable_joints: the image is {width} x {height} pixels; errors need a square one.")
    true, predicted = (np.asarray(joints, "float32") for joints in (true_joints, predicted_joints))
    weights = np.ones(NUM_JOINTS, "float32") if weights is None else np.asarray(weights, "float32")
    if np.isnan(metrics.errors_in_torsos(true[None], predicted[None], weights[None])).any():
        names = " and ".join(JOINT_NAMES[joint] for joint in TORSO)
        raise ValueError(f"movable_joints: PCK needs a torso; {names} must have labels and lie apart.")
    worst = int(np.argmax(np.where(weights > 0, _errors(true, predicted), -1)))
    mended = predicted.copy()
    mended[worst] = true[worst]
    guesses = {"as predicted": predicted, f"{JOINT_NAMES[worst]} mended": mended}
    figure, words = _still(image, true, guesses, weights, worst)
    rings = f"circles of 0.1 and 0.2 torsos around the true {JOINT_NAMES[worst]}"
    text = f"A person's predicted joints, {rings}: {words}."
    page = plotting.image_element(figure, text)
    return Touchable(lambda: _widget(image, true, predicted, weights, worst), "anywidget", page, text, still)


def _scores(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """PCK of one person at `THRESHOLDS`, by name."""
    values = metrics.pck_curve(true[None], predicted[None], weights[None], THRESHOLDS)
    return {f"PCK@{threshold}": float(value) for threshold, value in zip(THRESHOLDS, values, strict=True)}


def _torso(true: np.ndarray) -> float:
    hip, shoulder = TORSO
    return float(np.linalg.norm(true[hip] - true[shoulder]))


def _errors(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Of each joint, in torsos, `[14]`."""
    return np.linalg.norm(true - predicted, axis=-1) / _torso(true)


def _still(
    image: Any, true: np.ndarray, guesses: dict[str, np.ndarray], weights: np.ndarray, worst: int
) -> tuple[Any, str]:
    """A figure with a panel for each guess, circles around the true place of one joint, and its scores in words."""
    words = {
        title: ", ".join(f"{name} {value:.2f}" for name, value in _scores(true, joints, weights).items())
        for title, joints in guesses.items()
    }
    figure = plotting.pose_gallery(
        [image] * len(guesses),
        np.stack([true] * len(guesses)),
        np.stack([weights] * len(guesses)),
        predicted_joints=np.stack(list(guesses.values())),
        titles=[f"{title}\n{scores}" for title, scores in words.items()],
        columns=len(guesses),
    )
    side = np.shape(image)[0]
    for axes in figure.axes:
        for threshold, (colour, line) in itertools.product(THRESHOLDS, (("black", 2.5), ("white", 1.0))):
            radius = threshold * _torso(true) * side
            axes.add_patch(Circle(true[worst] * side, radius, fill=False, color=colour, linewidth=line))
    return figure, "; ".join(f"{title}: {scores}" for title, scores in words.items())


def _widget(image: Any, true: np.ndarray, predicted: np.ndarray, weights: np.ndarray, worst: int) -> Any:
    from clsloc_utils.widgets.handles import Handles

    labelled = np.flatnonzero(weights).tolist()
    place = {joint: index for index, joint in enumerate(labelled)}
    bones = [bone for bone in BONES if set(bone) <= set(labelled)]
    skeleton = [
        {"kind": "line", "at": [float(value) for value in true[list(bone)].ravel()], "style": "truth"} for bone in bones
    ]
    widget = Handles(
        image,
        np.clip(predicted[labelled], 0, 1),
        items=[{"name": JOINT_NAMES[joint], "style": side_of(joint)} for joint in labelled],
        links=[[place[first], place[second], side_of_bone((first, second))] for first, second in bones],
        selected=place[worst],
        description="A person with thin lines for the true pose and thick ones for the predicted one, to be moved",
        hint=_HINT,
    )

    def score(_: Any = None) -> None:
        current = predicted.copy()
        current[labelled] = widget.positions
        chosen = labelled[widget.selected]
        rings = [
            {"kind": "circle", "at": [*map(float, true[chosen]), threshold * _torso(true)], "style": "ring"}
            for threshold in THRESHOLDS
        ]
        error = f"{_errors(true, current)[chosen]:.2f}"
        widget.readout = [
            *(
                (name, f"{value:.2f}", f"{round(value * len(labelled))} of {len(labelled)} joints are found")
                for name, value in _scores(true, current, weights).items()
            ),
            (f"error of the {JOINT_NAMES[chosen]}", error, "torsos"),
        ]
        widget.behind = [*skeleton, *rings]

    widget.observe(score, names=["positions", "selected"])
    score()
    return widget
