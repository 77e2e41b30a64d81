"""Images with joints, and what is measured on them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects
from matplotlib.figure import Figure

from clsloc_utils import metrics
from clsloc_utils.joints import JOINT_NAMES, LIMBS, NUM_JOINTS
from clsloc_utils.pictures import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    SIDE_STYLES,
    VERMILLION,
    is_labelled,
    joints_in_pixels,
    skeleton,
)
from clsloc_utils.plotting.boxes import draw_heat
from clsloc_utils.plotting.figures import (
    TITLE_HEIGHT,
    check_counts,
    image_grid,
    legend_above,
    line_count,
    new_figure,
    title_size,
)


def pose_gallery(
    images: Any,
    joints: Any,
    weights: Any = None,
    *,
    predicted_joints: Any = None,
    which: str | None = None,
    count: int = 8,
    columns: int = 4,
    titles: Sequence[str] | None = None,
) -> Figure:
    """People side by side: as they are labelled, or as they are predicted, with the truth below in thin black lines.

    Args:
        images: Square images, as `draw_boxes` takes them, N of them.
        joints: True joints, x and y relative to the image, shape `[N, 14, 2]`.
        weights: Weight of each joint, shape `[N, 14]`, 0 for one without a label; `None` counts all.
        predicted_joints: Predicted joints, shape `[N, 14, 2]`.
        which: `"worst"` shows the people with the largest mean error, in lengths of their torso, first; `"best"` those
            with the smallest; `None` all as they come. People without a torso to measure with have no error, and come
            last.
        count: How many people to show at most.
        columns: Images in a row.
        titles: A text above each image; by default the error where there are predictions.

    Returns:
        A figure of constant width, with one axes for each person shown.

    Raises:
        ValueError: `which` is none of the three, there are no predictions to choose by, or the numbers of images and
            joints differ.
    """
    weights = np.ones(np.shape(joints)[:2]) if weights is None else np.asarray(weights)
    check_counts(len(images), joints=joints, weights=weights, predicted_joints=predicted_joints, titles=titles)
    if which is not None and predicted_joints is None:
        raise ValueError(f"which is {which!r}, but there are no predicted_joints to choose people by.")
    chosen = np.arange(len(images))
    if predicted_joints is not None:
        errors = metrics.errors_in_torsos(joints, predicted_joints, weights)
        chosen = _in_order_of_error(errors, which)
        titles = [_error_title(error) for error in errors] if titles is None else titles
    chosen = chosen[:count]
    figure, grid = image_grid([images[index] for index in chosen], columns, line_count(titles), header=2 * TITLE_HEIGHT)
    for axes, index in zip(grid, chosen, strict=True):
        if predicted_joints is None:
            skeleton(axes, images[index], joints[index], weights[index])
        else:
            skeleton(axes, images[index], predicted_joints[index], other=joints[index], other_weights=weights[index])
        if titles is not None:
            axes.set_title(titles[index], fontsize=title_size(columns))
    _legend_of_people(figure, with_truth=predicted_joints is not None)
    return figure


def _in_order_of_error(errors: np.ndarray, which: str | None) -> np.ndarray:
    """Indices of people as `which` asks for them; those without an error (NaN) last, ties in their order."""
    if which is None:
        return np.arange(len(errors))
    if which not in ("worst", "best"):
        raise ValueError(f"which is {which!r}; choose worst, best or None.")
    # NumPy sorts NaN to the end.
    return np.argsort(-errors if which == "worst" else errors, kind="stable")


def _error_title(error: float) -> str:
    return "no torso to measure with" if np.isnan(error) else f"off by {error:.2f} torsos"


def _legend_of_people(figure: Figure, with_truth: bool) -> None:
    """Says above the images which line is which side."""
    handles = [
        plt.Line2D(
            [], [], color=colour, linestyle=line, marker=marker, linewidth=2.2, markeredgecolor="black", label=side
        )
        for side, (colour, line, marker) in SIDE_STYLES.items()
    ]
    for handle in handles:
        handle.set_path_effects([patheffects.withStroke(linewidth=3.4, foreground="#000000b0")])
    if with_truth:
        handles.append(plt.Line2D([], [], color=BLACK, linewidth=1.2, label="truth"))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        frameon=False,
        fontsize=10,
        handlelength=3.5,
        title="the person's own side",
        title_fontsize=9,
    )


def joint_heatmaps(
    image: Any,
    heatmaps: Any,
    joints: Any,
    chosen: Sequence[int] = (13, 9, 11, 6, 1, 0),
    true_joints: Any = None,
    weights: Any = None,
) -> Figure:
    """Some maps of a heatmap joint head over the image: where the network sees each joint.

    Args:
        image: As `draw_boxes` takes it.
        heatmaps: Logits of one map for each joint, shape `[h, w, 14]`, one row and column of them outside of the image
            at each border, as in the course's models. What is shown is the weight of each place in the soft-argmax, 1
            at the map's maximum.
        joints: The joints that came of them, x and y relative to the image, shape `[14, 2]`; a circle each.
        chosen: Indices of the joints to show.
        true_joints: The true ones, likewise; a cross each.
        weights: Weight of each true joint, shape `[14]`, 0 for one without a label, which gets no cross.

    Returns:
        A figure with one axes for each chosen joint, three in a row.

    Raises:
        ValueError: There is another number of maps or joints than 14.
    """
    heatmaps = np.asarray(heatmaps, dtype="float32")
    if heatmaps.ndim != 3 or heatmaps.shape[-1] != NUM_JOINTS:
        raise ValueError(f"heatmaps has the shape {heatmaps.shape}; expected [h, w, {NUM_JOINTS}].")
    labelled = is_labelled(weights)
    figure, grid = image_grid([image] * len(chosen), columns=3, title_lines=1, header=TITLE_HEIGHT)
    for axes, joint in zip(grid, chosen, strict=True):
        height, width = draw_heat(axes, image, heatmaps[..., joint], outside=1)
        found = joints_in_pixels(joints, width, height)[joint]
        axes.plot(*found, "o", color="none", markeredgecolor=BLUE, markersize=11, markeredgewidth=2.2, label="found")
        if true_joints is not None and labelled[joint]:
            true = joints_in_pixels(true_joints, width, height)[joint]
            axes.plot(*true, "x", color=BLACK, markersize=9, markeredgewidth=2.2, label="truth")
        axes.set_title(JOINT_NAMES[joint], fontsize=10)
    legend_above(figure)
    return figure


def pck_curve(joints: Any, predictions: Mapping[str, Any], weights: Any = None) -> Figure:
    """How many joints are found, depending on how large an error is forgiven: 0 to 0.5 lengths of the torso.

    Args:
        joints: True joints, x and y relative to the side of the square image, shape `[N, 14, 2]`.
        predictions: Name -> predicted joints, shape `[N, 14, 2]`: one line each.
        weights: Weight of each joint, shape `[N, 14]`, 0 for one without a label; `None` counts all.

    Returns:
        The figure; the legend says the PCK@0.2 of each line.

    Raises:
        ValueError: There are no predictions, or the shapes do not fit each other.
    """
    if not predictions:
        raise ValueError("predictions is empty; there is nothing to draw.")
    thresholds = np.linspace(0, 0.5, 26)
    axes = new_figure(height=3.6).subplots()
    styles = ("solid", (0, (4, 1.5)), "dashdot", "dotted")
    for index, (name, predicted) in enumerate(predictions.items()):
        (at_20,) = metrics.pck_curve(joints, predicted, weights, [0.2])
        axes.plot(
            thresholds,
            metrics.pck_curve(joints, predicted, weights, thresholds),
            color=(BLUE, ORANGE, GREEN, VERMILLION)[index % 4],
            linestyle=styles[index % 4],
            linewidth=2.2,
            label=f"{name}: PCK@0.2 {at_20:.2f}",
        )
    axes.axvline(0.2, color="black", linewidth=0.8, linestyle="dotted")
    axes.set(xlim=(0, 0.5), ylim=(0, 1))
    axes.set(xlabel="forgiven error, in lengths of the torso", ylabel="share of the joints found (PCK)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False, fontsize=10)
    return axes.figure


def joint_table(joints: Any, predictions: Mapping[str, Any], weights: Any = None) -> str:
    """PCK@0.2 of each joint as a text table: which ones are hard to find?

    Args:
        joints: True joints, x and y relative to the side of the square image, shape `[N, 14, 2]`.
        predictions: Name -> predicted joints, shape `[N, 14, 2]`: one column each.
        weights: Weight of each joint, shape `[N, 14]`, 0 for one without a label; `None` counts all.

    Returns:
        Lines of one joint each, and a last one of all joints, in percent; `-` where nothing could be counted.

    Raises:
        ValueError: The shapes do not fit each other.
    """
    return _table_of_parts("PCK@0.2 in %", JOINT_NAMES, metrics.PCK, joints, predictions, weights)


def limb_table(joints: Any, predictions: Mapping[str, Any], weights: Any = None) -> str:
    """Strict PCP of each limb, as `joint_table` shows joints."""
    return _table_of_parts("strict PCP in %", LIMBS, metrics.PCP, joints, predictions, weights)


def _table_of_parts(
    corner: str, parts: Iterable[str], metric_class: type, joints: Any, predictions: Mapping[str, Any], weights: Any
) -> str:
    """A table with aligned columns: what a metric says of each part, and of all."""
    rows = [corner, *parts, "all"]
    width = max(map(len, rows))
    lines = [row.ljust(width) for row in rows]
    for name, predicted in predictions.items():
        metric = metric_class()
        metric.update_state(joints, predicted, weights)
        shares = [*metric.per_part(), float(metric.result())]
        cells = [name, *("-" if np.isnan(share) else f"{100 * share:.0f}" for share in shares)]
        lines = [f"{line}  {cell.rjust(max(len(name), 4))}" for line, cell in zip(lines, cells, strict=True)]
    return "\n".join(lines)
