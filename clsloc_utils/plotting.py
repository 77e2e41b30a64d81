"""Figures of the course: boxes and people on images, galleries, curves, and how predictions compare with the truth.

Every function draws with Matplotlib and returns what it drew on; `show` puts it into a notebook together with the
alternative text for readers who cannot see it. Figures have one width, `FIGURE_WIDTH`, and a white ground. Colours are
those of Okabe and Ito (jfly.uni-koeln.de/color), which people with any kind of colour vision tell apart, and no figure
relies on colour alone: of boxes, what is true is drawn solid, what is predicted dashed; of people, the left side is
drawn solid with round joints, the right side dashed with square ones.
"""

import base64
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects, ticker, transforms
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clsloc_utils import learning_curves, metrics, sweeps
from clsloc_utils.boxes import iou
from clsloc_utils.joints import JOINT_NAMES, LIMBS, NUM_JOINTS
from clsloc_utils.pictures import (  # Some of them are for whoever imports this module.
    BLACK,
    BLUE,
    DOTS_PER_INCH,
    FIGURE_WIDTH,
    GREEN,
    ORANGE,
    PALETTE,
    PREDICTED_COLOUR,
    SIDE_STYLES,
    TRUE_COLOUR,
    VERMILLION,
    WRONG_COLOUR,
    as_picture,
    draw_boxes,
    draw_image,
    draw_rectangle,
    is_labelled,
    joints_in_pixels,
    png,
    skeleton,
)

SIDES = ("left", "top", "right", "bottom")

_TITLE_HEIGHT = 0.3
_MAX_CELL_NUMBERS = 30


# --- Into the notebook ------------------------------------------------------------------------------------------------


def show(figure: Figure | Axes, alt: str) -> None:
    """Shows a figure in a notebook, with the text that stands for it where it cannot be seen.

    The picture goes out as an `<img>` element: JupyterLab gives the pictures it draws itself no alternative text. The
    plain-text output is the alternative text, which stays the same from run to run.

    Args:
        figure: What a function of this module, or `plt.subplots`, returned.
        alt: What the figure shows, in a sentence or two: the message, not the ink.

    Raises:
        ValueError: `alt` is empty.
    """
    from IPython.display import display  # Present in every notebook, and needed nowhere else.

    if not alt.strip():
        raise ValueError("alt is empty; say in a sentence what the figure shows.")
    whole = figure.figure if isinstance(figure, Axes) else figure
    image = image_element(whole, alt)
    # A figure of pyplot would be shown once more at the end of the cell.
    plt.close(whole)
    display({"text/html": image, "text/plain": alt}, raw=True)


def image_element(figure: Figure, alt: str) -> str:
    """The figure as an `<img>` element of HTML that holds the picture itself.

    Args:
        figure: What a function of this module, or `plt.subplots`, returned.
        alt: As for `show`.
    """
    encoded = base64.b64encode(png(figure)).decode("ascii")
    width = round(figure.get_figwidth() * DOTS_PER_INCH)
    return f'<img alt="{html.escape(alt)}" width="{width}" src="data:image/png;base64,{encoded}">'


def _new_figure(height: float) -> Figure:
    """An empty figure that pyplot does not know, so that nobody has to close it."""
    return Figure(figsize=(FIGURE_WIDTH, height), layout="constrained", facecolor="white")


def _axes_or_new(axes: Axes | None, height: float) -> Axes:
    return axes if axes is not None else _new_figure(height).subplots()


# --- Images and boxes -------------------------------------------------------------------------------------------------


def gallery(
    images: Any,
    *,
    titles: Sequence[str] | None = None,
    boxes: Sequence | None = None,
    labels: Sequence[Sequence[str]] | None = None,
    predicted_boxes: Sequence | None = None,
    columns: int = 4,
    legend: tuple[str, str] | None = None,
) -> Figure:
    """Images side by side, with their boxes.

    Args:
        images: As `draw_boxes` takes them; they may differ in size.
        titles: A text above each image.
        boxes: True boxes of each image, `rel_xyxy`, shape `[N, 4]` or `[4]` each.
        labels: A text for each of these boxes, for each image.
        predicted_boxes: Predicted boxes of each image, likewise.
        columns: Images in a row.
        legend: What to call the two kinds of boxes above the images; `None` for no legend.

    Returns:
        A figure of constant width, with one axes for each image.

    Raises:
        ValueError: There is no image, or one of the lists has not as many elements as there are images.
    """
    _check_counts(len(images), titles=titles, boxes=boxes, labels=labels, predicted_boxes=predicted_boxes)
    header = 0.0 if legend is None else _TITLE_HEIGHT
    figure, grid = _image_grid(images, columns, title_lines=_line_count(titles), header=header)
    for index, (axes, image) in enumerate(zip(grid, images, strict=True)):
        draw_boxes(axes, image, () if boxes is None else boxes[index], None if labels is None else labels[index])
        if predicted_boxes is not None:
            draw_boxes(axes, None, predicted_boxes[index], predicted=True)
        if titles is not None:
            axes.set_title(titles[index], fontsize=_title_size(columns))
    if legend is not None:
        _legend_of_boxes(figure, *legend)
    return figure


def _title_size(columns: int) -> float:
    """Points at which 26 letters, as in "motorbike, not diningtable", fit above one of the images in a row."""
    return min(10.0, 38 / columns)


def _check_counts(count: int, **lists: Sequence | None) -> None:
    """Each of the lists, where given, holds an element for each image."""
    if count == 0:
        raise ValueError("images is empty; there is nothing to draw.")
    for name, values in lists.items():
        if values is not None and len(values) != count:
            raise ValueError(f"{name} has {len(values)} elements for {count} images; give one for each.")


def _line_count(titles: Sequence[str] | None) -> int:
    return max(title.count("\n") + 1 for title in titles) if titles else 0


def _image_grid(images: Any, columns: int, title_lines: int, header: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure just high enough for the images in rows, and one axes for each of them."""
    rows = math.ceil(len(images) / columns)
    tallest = max(np.shape(image)[0] / np.shape(image)[1] for image in images)
    figure = _new_figure(rows * (FIGURE_WIDTH / columns * tallest + 0.2 * title_lines + 0.08) + header)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(images) :]:
        axes.remove()
    return figure, list(grid[: len(images)])


def prediction_gallery(
    images: Any,
    predictions: Mapping[str, Any],
    class_names: Sequence[str],
    *,
    which: str = "worst",
    count: int = 8,
    columns: int = 4,
) -> Figure:
    """What a two-head model says about images, beside the truth: true boxes solid, predicted ones dashed.

    The title of an image names the predicted class, the true one where it differs, and the IoU of the boxes.

    Args:
        images: As `draw_boxes` takes them, N of them.
        predictions: What `clsloc_utils.training.predict` returns for them: `label` and `true_label`, class numbers
            `[N]`; `box` and `true_box`, `rel_xyxy` `[N, 4]`.
        class_names: Names of the classes.
        which: `"worst"` shows the lowest IoU first, `"best"` the highest, `"first"` the images as they come.
        count: How many images to show at most.
        columns: Images in a row.

    Returns:
        A figure of constant width, with one axes for each image shown.

    Raises:
        ValueError: `which` is none of the three, or the numbers of images and predictions differ.
    """
    labels, true_labels = np.asarray(predictions["label"]), np.asarray(predictions["true_label"])
    boxes, true_boxes = np.asarray(predictions["box"]), np.asarray(predictions["true_box"])
    _check_counts(len(images), label=labels, true_label=true_labels, box=boxes, true_box=true_boxes)
    ious = np.asarray(iou(true_boxes, boxes))
    chosen = _in_order(ious, which)[:count]
    figure, grid = _image_grid([images[index] for index in chosen], columns, title_lines=2, header=_TITLE_HEIGHT)
    for axes, index in zip(grid, chosen, strict=True):
        draw_boxes(axes, images[index], true_boxes[index])
        draw_boxes(axes, None, boxes[index], predicted=True)
        name, true_name = class_names[labels[index]], class_names[true_labels[index]]
        wrong = labels[index] != true_labels[index]
        emphasis = {"color": WRONG_COLOUR, "weight": "bold"} if wrong else {}
        title = f"{name}, not {true_name}" if wrong else name
        axes.set_title(f"{title}\nIoU {ious[index]:.2f}", fontsize=_title_size(columns), **emphasis)
    _legend_of_boxes(figure)
    return figure


def _in_order(ious: np.ndarray, which: str) -> np.ndarray:
    """Indices of the images as `which` asks for them; ties keep their order."""
    if which == "first":
        return np.arange(len(ious))
    if which not in ("worst", "best"):
        raise ValueError(f"which is {which!r}; choose worst, best or first.")
    return np.argsort(ious if which == "worst" else -ious, kind="stable")


def _legend_of_boxes(figure: Figure, true: str = "true box", predicted: str = "predicted box") -> None:
    """Says above the images what the two kinds of lines are."""
    solid = plt.Line2D([], [], color=TRUE_COLOUR, linewidth=2.2, label=true)
    dashed = plt.Line2D([], [], color=PREDICTED_COLOUR, linewidth=2.2, linestyle=(0, (4, 1.5)), label=predicted)
    figure.legend(handles=[solid, dashed], loc="outside upper center", ncols=2, frameon=False, fontsize=10)


def side_heatmaps(image: Any, heatmaps: Any, box: Any = None) -> Figure:
    """The four maps of a spatial box head over the image: where the network sees each side of the box.

    Args:
        image: As `draw_boxes` takes it.
        heatmaps: Logits of one map for each side in the order left, top, right, bottom, shape `[h, w, 4]`. What is
            shown is the weight of each place in the soft-argmax, 1 at the map's maximum.
        box: The box that came of them, `rel_xyxy`, shape `[4]`; its side is drawn on each map.

    Returns:
        A figure with four axes.

    Raises:
        ValueError: `heatmaps` does not hold four maps.
    """
    heatmaps = np.asarray(heatmaps, dtype="float32")
    if heatmaps.ndim != 3 or heatmaps.shape[-1] != len(SIDES):
        raise ValueError(f"heatmaps has the shape {heatmaps.shape}; expected [h, w, 4].")
    figure, grid = _image_grid([image] * len(SIDES), columns=len(SIDES), title_lines=1)
    for index, (axes, side) in enumerate(zip(grid, SIDES, strict=True)):
        height, width = _draw_heat(axes, image, heatmaps[..., index], outside=0)
        if box is not None:
            _draw_side(axes, float(box[index]) * (width, height)[index % 2], vertical=index % 2 == 0)
        axes.set_title(f"{side} side", fontsize=10)
    return figure


def _draw_heat(axes: Axes, image: Any, logits: np.ndarray, outside: int) -> tuple[int, int]:
    """A pale image, and over it the weights of a map `[h, w]`, 1 at its maximum; returns the image's height and width.

    `outside` rows and columns of the map, at each border, lie outside of the image.
    """
    grey = np.asarray(as_picture(image)).mean(axis=-1)
    height, width = draw_image(axes, 128 + grey / 2)
    rows, columns = logits.shape
    more_x, more_y = outside * width / (columns - 2 * outside), outside * height / (rows - 2 * outside)
    heat = np.exp(logits - logits.max())
    axes.imshow(
        heat,
        extent=(-more_x, width + more_x, height + more_y, -more_y),
        cmap="magma_r",
        alpha=0.85 * heat,
        interpolation="bilinear",
        vmin=0,
        vmax=1,
    )
    axes.set(xlim=(0, width), ylim=(height, 0))
    return height, width


def _draw_side(axes: Axes, position: float, vertical: bool) -> None:
    """One side of a box as a line across the whole image."""
    line = axes.axvline if vertical else axes.axhline
    edge = [patheffects.withStroke(linewidth=2.8, foreground="#000000a0")]
    # Gaps wide enough to see the map between the dashes.
    line(position, color=PREDICTED_COLOUR, linewidth=1.4, linestyle=(0, (3, 4)), path_effects=edge)


# --- People -----------------------------------------------------------------------------------------------------------


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
    _check_counts(len(images), joints=joints, weights=weights, predicted_joints=predicted_joints, titles=titles)
    if which is not None and predicted_joints is None:
        raise ValueError(f"which is {which!r}, but there are no predicted_joints to choose people by.")
    chosen = np.arange(len(images))
    if predicted_joints is not None:
        errors = metrics.errors_in_torsos(joints, predicted_joints, weights)
        chosen = _in_order_of_error(errors, which)
        titles = [_error_title(error) for error in errors] if titles is None else titles
    chosen = chosen[:count]
    figure, grid = _image_grid(
        [images[index] for index in chosen], columns, _line_count(titles), header=2 * _TITLE_HEIGHT
    )
    for axes, index in zip(grid, chosen, strict=True):
        if predicted_joints is None:
            skeleton(axes, images[index], joints[index], weights[index])
        else:
            skeleton(axes, images[index], predicted_joints[index], other=joints[index], other_weights=weights[index])
        if titles is not None:
            axes.set_title(titles[index], fontsize=_title_size(columns))
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
    *,
    outside: int = 1,
) -> Figure:
    """Some maps of a heatmap joint head over the image: where the network sees each joint.

    Args:
        image: As `draw_boxes` takes it.
        heatmaps: Logits of one map for each joint, shape `[h, w, 14]`. What is shown is the weight of each place in the
            soft-argmax, 1 at the map's maximum.
        joints: The joints that came of them, x and y relative to the image, shape `[14, 2]`; a circle each.
        chosen: Indices of the joints to show.
        true_joints: The true ones, likewise; a cross each.
        weights: Weight of each true joint, shape `[14]`, 0 for one without a label, which gets no cross.
        outside: Rows and columns of the maps that lie outside the image, at each border, as for
            `clsloc_utils.models.SoftArgmax2D`.

    Returns:
        A figure with one axes for each chosen joint, three in a row.

    Raises:
        ValueError: There is another number of maps or joints than 14.
    """
    heatmaps = np.asarray(heatmaps, dtype="float32")
    if heatmaps.ndim != 3 or heatmaps.shape[-1] != NUM_JOINTS:
        raise ValueError(f"heatmaps has the shape {heatmaps.shape}; expected [h, w, {NUM_JOINTS}].")
    labelled = is_labelled(weights)
    figure, grid = _image_grid([image] * len(chosen), columns=3, title_lines=1, header=_TITLE_HEIGHT)
    for axes, joint in zip(grid, chosen, strict=True):
        height, width = _draw_heat(axes, image, heatmaps[..., joint], outside)
        found = joints_in_pixels(joints, width, height)[joint]
        axes.plot(*found, "o", color="none", markeredgecolor=BLUE, markersize=11, markeredgewidth=2.2, label="found")
        if true_joints is not None and labelled[joint]:
            true = joints_in_pixels(true_joints, width, height)[joint]
            axes.plot(*true, "x", color=BLACK, markersize=9, markeredgewidth=2.2, label="truth")
        axes.set_title(JOINT_NAMES[joint], fontsize=10)
    lines = {line.get_label(): line for axes in grid for line in axes.lines}
    figure.legend(handles=lines.values(), loc="outside upper center", ncols=2, frameon=False, fontsize=10)
    return figure


def pck_curve(
    joints: Any,
    predictions: Mapping[str, Any],
    weights: Any = None,
    *,
    thresholds: Any = None,
    axes: Axes | None = None,
) -> Figure:
    """How many joints are found, depending on how large an error is forgiven.

    Args:
        joints: True joints, x and y relative to the side of the square image, shape `[N, 14, 2]`.
        predictions: Name -> predicted joints, shape `[N, 14, 2]`: one line each.
        weights: Weight of each joint, shape `[N, 14]`, 0 for one without a label; `None` counts all.
        thresholds: Forgiven errors, in lengths of the torso; by default 0 to 0.5.
        axes: Where to draw; by default on a figure of its own.

    Returns:
        The figure; the legend says the PCK@0.2 of each line.

    Raises:
        ValueError: There are no predictions, or the shapes do not fit each other.
    """
    if not predictions:
        raise ValueError("predictions is empty; there is nothing to draw.")
    thresholds = np.linspace(0, 0.5, 26) if thresholds is None else np.asarray(thresholds, dtype="float64")
    axes = _axes_or_new(axes, height=3.6)
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
    axes.set(xlim=(thresholds.min(), thresholds.max()), ylim=(0, 1))
    axes.set(xlabel="forgiven error, in lengths of the torso", ylabel="share of the joints found (PCK)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False, fontsize=10)
    return axes.figure


def joint_table(joints: Any, predictions: Mapping[str, Any], weights: Any = None, threshold: float = 0.2) -> str:
    """PCK of each joint as a text table: which ones are hard to find?

    Args:
        joints: True joints, x and y relative to the side of the square image, shape `[N, 14, 2]`.
        predictions: Name -> predicted joints, shape `[N, 14, 2]`: one column each.
        weights: Weight of each joint, shape `[N, 14]`, 0 for one without a label; `None` counts all.
        threshold: As for `clsloc_utils.metrics.PCK`.

    Returns:
        Lines of one joint each, and a last one of all joints. PCK is in percent; `-` where nothing could be counted.

    Raises:
        ValueError: The shapes do not fit each other.
    """
    columns = {}
    for name, predicted in predictions.items():
        (whole,) = metrics.pck_curve(joints, predicted, weights, [threshold])
        columns[name] = [*metrics.pck_per_joint(joints, predicted, weights, threshold), whole]
    return _text_table(f"PCK@{threshold:g} in %", [*JOINT_NAMES, "all"], columns)


def limb_table(joints: Any, predictions: Mapping[str, Any], weights: Any = None, strict: bool = True) -> str:
    """PCP of each limb as a text table.

    Args:
        joints: True joints, x and y relative to the side of the square image, shape `[N, 14, 2]`.
        predictions: Name -> predicted joints, shape `[N, 14, 2]`: one column each.
        weights: Weight of each joint, shape `[N, 14]`, 0 for one without a label; `None` counts all.
        strict: As for `clsloc_utils.metrics.PCP`.

    Returns:
        Lines of one limb each, and a last one of all limbs. PCP is in percent; `-` where nothing could be counted.

    Raises:
        ValueError: The shapes do not fit each other.
    """
    columns = {}
    for name, predicted in predictions.items():
        metric = metrics.PCP(strict)
        metric.update_state(joints, predicted, weights)
        columns[name] = [*metric.per_limb().values(), float(metric.result())]
    return _text_table(f"{'strict' if strict else 'loose'} PCP in %", [*LIMBS, "all"], columns)


def _text_table(corner: str, names: Sequence[str], columns: Mapping[str, Sequence[float]]) -> str:
    """A table of shares, in percent, with aligned columns."""
    first = max(len(each) for each in (corner, *names))
    widths = {name: max(len(name), 4) for name in columns}
    lines = ["  ".join([corner.ljust(first), *(name.rjust(width) for name, width in widths.items())])]
    for row, name in enumerate(names):
        cells = ["-" if np.isnan(values[row]) else f"{100 * values[row]:.0f}" for values in columns.values()]
        padded = (cell.rjust(width) for cell, width in zip(cells, widths.values(), strict=True))
        lines.append("  ".join([name.ljust(first), *padded]))
    return "\n".join(lines)


# --- Numbers ----------------------------------------------------------------------------------------------------------


def loss_curves(history: Any, names: Sequence[str] | None = None, *, columns: int = 3) -> Figure:
    """How losses and metrics went from epoch to epoch, on the training and on the validation data.

    Args:
        history: What `fit` returned, or its `history`: name -> value of each epoch, with `val_` before the names that
            were measured on the validation data.
        names: Which of them to show, without `val_`; by default all but the learning rate.
        columns: Curves in a row.

    Returns:
        A figure with one axes for each name: training dashed, validation solid.

    Raises:
        ValueError: `history` is empty or lacks one of the names.
    """
    values = dict(getattr(history, "history", history))
    available = list(dict.fromkeys(name.removeprefix("val_") for name in values))
    names = [name for name in available if name != "learning_rate"] if names is None else list(names)
    if not names or not set(names) <= set(available):
        raise ValueError(f"history holds {available}; asked for {names}.")
    columns = min(columns, len(names))
    rows = math.ceil(len(names) / columns)
    figure = _new_figure(2.6 * rows + _TITLE_HEIGHT)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(names) :]:
        axes.remove()
    for axes, name in zip(grid, names, strict=False):
        _draw_curve(axes, values.get(name), "training", ORANGE, (0, (4, 1.5)))
        _draw_curve(axes, values.get(f"val_{name}"), "validation", BLUE, "solid")
        axes.set_title(_curve_title(name), fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
        axes.tick_params(labelsize=9)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    figure.legend(handles=lines.values(), loc="outside upper center", ncols=2, frameon=False, fontsize=10)
    return figure


def _curve_title(name: str) -> str:
    """A name of Keras's history in words: `box_mean_iou` is the mean IoU of the output `box`."""
    output, _, measure = name.partition("_")
    words = {**MEASURE_WORDS, "label_loss": "class loss"}
    return words.get(name) or (output in ("label", "box") and words.get(measure)) or name.replace("_", " ")


def _draw_curve(axes: Axes, values: Sequence[float] | None, label: str, colour: str, style: Any) -> None:
    if values is not None:
        epochs = np.arange(1, len(values) + 1)
        axes.plot(epochs, values, label=label, color=colour, linestyle=style, linewidth=2, marker=".", markersize=5)


def confusion_matrix(y_true: Any, y_pred: Any, class_names: Sequence[str], axes: Axes | None = None) -> Figure:
    """Which class is taken for which: percent of the true class, row by row.

    Args:
        y_true: True class numbers, shape `[N]`.
        y_pred: Predicted class numbers, shape `[N]`.
        class_names: Names of the C classes.
        axes: Where to draw; by default on a figure of its own.

    Returns:
        The figure. A row's name carries its number of examples; percents are rounded, and 0 is left blank.

    Raises:
        ValueError: The two differ in length, or hold a number that is no class.
    """
    shares, totals = _row_shares(np.asarray(y_true), np.asarray(y_pred), len(class_names))
    size = len(class_names)
    axes = _axes_or_new(axes, height=min(9.0, 2.4 + 0.34 * size))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(size), class_names, rotation=90 if size > 8 else 0, fontsize=9)
    axes.set_yticks(
        range(size), [f"{name} ({total})" for name, total in zip(class_names, totals, strict=True)], fontsize=9
    )
    axes.set_xlabel("predicted class, in % of the true class")
    axes.set_ylabel("true class (examples)")
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#d0d0d0", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    if size <= _MAX_CELL_NUMBERS:
        for row, column in np.argwhere(np.round(100 * shares) > 0):
            share = shares[row, column]
            colour = "white" if share > 0.6 else "black"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=9, color=colour)
    return axes.figure


def _row_shares(y_true: np.ndarray, y_pred: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Share of each predicted class within each true class, `[C, C]`, and examples of each true class, `[C]`."""
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise ValueError(f"y_true has the shape {y_true.shape}, y_pred {y_pred.shape}; both must be [N].")
    for name, labels in (("y_true", y_true), ("y_pred", y_pred)):
        strange = labels[(labels < 0) | (labels >= size)]
        if strange.size:
            raise ValueError(f"{name} holds {strange[0]}, but there are {size} class names (0 to {size - 1}).")
    counts = np.zeros((size, size), dtype="int64")
    np.add.at(counts, (y_true, y_pred), 1)
    totals = counts.sum(axis=1)
    return counts / np.maximum(totals, 1)[:, np.newaxis], totals


def iou_histogram(ious: Any, threshold: float = 0.5, axes: Axes | None = None) -> Figure:
    """How well the predicted boxes overlap the true ones.

    Args:
        ious: IoU of each pair of boxes, 0..1, shape `[N]`.
        threshold: From which IoU on a box counts as right.
        axes: Where to draw; by default on a figure of its own.

    Returns:
        The figure: 20 bars, those below the threshold hatched; the legend says the share of boxes on either side.

    Raises:
        ValueError: There is no IoU, or one is outside 0..1.
    """
    ious = np.asarray(ious, dtype="float64").ravel()
    if ious.size == 0 or not np.all((ious >= 0) & (ious <= 1)):
        raise ValueError("ious must hold at least one number, each in 0..1.")
    axes = _axes_or_new(axes, height=3.2)
    bins = np.linspace(0, 1, 21)
    right = ious >= threshold
    for chosen, colour, hatch, words in (
        (right, BLUE, None, f"IoU of {threshold:g} or more"),
        (~right, ORANGE, "///", "less"),
    ):
        label = f"{words}: {100 * chosen.mean():.1f} % of {ious.size}"
        axes.hist(ious[chosen], bins=bins, color=colour, hatch=hatch, edgecolor="white", label=label)
    axes.axvline(ious.mean(), color="black", linestyle="dotted", linewidth=2, label=f"mean IoU: {ious.mean():.3f}")
    axes.set(xlim=(0, 1), xlabel="IoU of predicted and true box", ylabel="images")
    axes.yaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=10)
    return axes.figure


def box_statistics(boxes: Any, resolution: int = 64) -> Figure:
    """Where the boxes of a data set are, and how large: what there is to know about a box without looking.

    Args:
        boxes: `rel_xyxy`, shape `[N, 4]`.
        resolution: Places along each side of the map.

    Returns:
        A figure with three axes: the share of boxes that cover each place, with the mean box dashed on it; width
        against height of each box; and how much of the image the boxes fill.

    Raises:
        ValueError: There is no box.
    """
    boxes = np.asarray(boxes, dtype="float32").reshape(-1, 4)
    if not len(boxes):
        raise ValueError("boxes is empty; there is nothing to count.")
    figure = _new_figure(height=3.2)
    where, shape, size = figure.subplots(1, 3)
    picture = where.imshow(_coverage(boxes, resolution), extent=(0, 1, 1, 0), cmap="viridis", vmin=0, vmax=1)
    draw_rectangle(where, boxes.mean(axis=0), PREDICTED_COLOUR, dashed=True)
    where.set(xlabel="x, relative", ylabel="y, relative", title="covered by (dashed: mean box)")
    figure.colorbar(picture, ax=where, location="left", format=ticker.PercentFormatter(xmax=1))
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    shape.scatter(width, height, s=6, alpha=0.3, color=BLUE, edgecolors="none")
    shape.set(xlim=(0, 1), ylim=(0, 1), xlabel="width", ylabel="height", title="width and height", aspect="equal")
    size.hist(width * height, bins=np.linspace(0, 1, 21), color=BLUE, edgecolor="white")
    size.set(xlim=(0, 1), xlabel="area, share of the image", ylabel="boxes", title="area")
    for axes in (where, shape, size):
        axes.set_box_aspect(1)
        axes.title.set_fontsize(10)
    return figure


def _coverage(boxes: np.ndarray, resolution: int) -> np.ndarray:
    """Share of the boxes that hold the centre of each place, `[resolution, resolution]`, rows from top to bottom."""
    centres = (np.arange(resolution) + 0.5) / resolution
    inside_x = (boxes[:, 0:1] <= centres) & (centres < boxes[:, 2:3])
    inside_y = (boxes[:, 1:2] <= centres) & (centres < boxes[:, 3:4])
    return inside_y.T.astype("float32") @ inside_x.astype("float32") / len(boxes)


# --- Loss-weight sweeps -----------------------------------------------------------------------------------------------


SWEEP_MEASURES = ("accuracy", "mean_iou", "clsloc_accuracy_50")
MEASURE_WORDS = {
    "accuracy": "class accuracy",
    "mean_iou": "mean IoU",
    "box_accuracy_50": "box accuracy at IoU 0.5",
    "clsloc_accuracy_50": "cls-loc accuracy",
}
OPTIMIZER_WORDS = {"adam": "Adam", "sgd": "SGD"}
_LINE_STYLES = (("o", "solid"), ("s", (0, (4, 1.5))), ("^", (0, (1, 1))), ("D", (0, (5, 1, 1, 1))))


def weight_sweep(
    rows: Iterable[Mapping], measures: Sequence[str] = SWEEP_MEASURES, *, box_loss: str | None = None
) -> Figure:
    """What becomes of the measures as the box loss weighs more and more against the class loss.

    Args:
        rows: As in `clsloc_utils.sweeps.SweepResult.rows`.
        measures: Which to draw.
        box_loss: Which box loss, where the rows hold several.

    Returns:
        A figure with one axes. The ratio of the weights on a logarithmic axis, the single-task ends beyond its gaps;
        lines for the means over the seeds, bands from the worst to the best seed; learned weights as large empty
        markers at the ratio that they ended with.

    Raises:
        ValueError: The rows are of several box losses and none is chosen, or hold no weight ratio.
    """
    grid, learned = _rows_of_one_loss(rows, box_loss)
    ratios = [row["ratio"] for row in (*grid, *learned) if row["ratio"]]
    if not ratios:
        raise ValueError("rows hold no weight ratio between the ends; nothing to draw them against.")
    low, high = math.log10(min(ratios)), math.log10(max(ratios))
    gap = max(0.3, (high - low) / 8)
    grid.sort(key=lambda row: _place_of_ratio(row["ratio"], low - gap, high + gap))
    places = [_place_of_ratio(row["ratio"], low - gap, high + gap) for row in grid]
    axes = _new_figure(height=4.2).subplots()
    for measure, colour, (marker, style) in zip(measures, PALETTE, _LINE_STYLES, strict=False):
        _draw_measure(axes, places, grid, measure, (colour, marker, style), inner=(low, high))
        for row in learned:
            place = _place_of_ratio(row["ratio"], low - gap, high + gap)
            spread = [[row[measure] - row[f"{measure}_low"]], [row[f"{measure}_high"] - row[measure]]]
            size = {"markersize": 12, "markerfacecolor": "none", "markeredgewidth": 1.8}
            axes.errorbar(place, row[measure], spread, fmt=marker, color=colour, **size)
    # A grid's ends are seldom a power of ten to the last digit.
    ticks = list(range(math.ceil(low - 0.01), math.floor(high + 0.01) + 1))
    ends = [(low - gap, "class\nonly"), (high + gap, "box\nonly")]
    axes.set_xticks(
        [*ticks, *(place for place, _ in ends)], [*(f"{10.0**tick:g}" for tick in ticks), *(word for _, word in ends)]
    )
    axes.set(xlabel="weight of the box loss over weight of the class loss", ylim=(0, 1))
    axes.grid(alpha=0.3)
    if learned:
        axes.plot([], [], "o", color="black", markersize=12, markerfacecolor="none", label="learned weights")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=10)
    return axes.figure


def learning_curve(
    rows: Sequence[Mapping], baseline: Mapping[str, float], measures: Sequence[str] = SWEEP_MEASURES
) -> Figure:
    """What more training images bring.

    Args:
        rows: As `clsloc_utils.learning_curves.learning_curve` returns them.
        baseline: The measures of an answer without looking, by name.
        measures: Which to draw.

    Returns:
        A figure with one axes for each measure: its median over the draws, each draw as a point, and the baseline as a
        dashed line. Numbers of images stand on a logarithmic axis: each is twice the one before.
    """
    summary = learning_curves.summarize(rows, measures)
    sizes = [each["num_images"] for each in summary]
    figure = _new_figure(height=3.4)
    for axes, measure, colour in zip(
        figure.subplots(1, len(measures), squeeze=False)[0], measures, PALETTE, strict=False
    ):
        axes.plot(sizes, [each[measure] for each in summary], color=colour, linewidth=2, label="median of the draws")
        points = [(row["num_images"], row[measure]) for row in rows]
        axes.plot(
            *zip(*points, strict=True), "o", color=colour, alpha=0.6, markersize=5, label="one draw", clip_on=False
        )
        axes.axhline(baseline[measure], color="#606060", linestyle="dashed", label="without looking")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.xaxis.set_minor_locator(ticker.NullLocator())
        axes.set(xlabel="training photos", title=MEASURE_WORDS.get(measure, measure), ylim=(0, 1.04))
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _rows_of_one_loss(rows: Iterable[Mapping], box_loss: str | None) -> tuple[list[dict], list[dict]]:
    """Summaries of the fixed and of the learned weights."""
    summary = sweeps.summarize(rows)
    names = list(dict.fromkeys(row["box_loss"] for row in summary))
    if box_loss is None and len(names) == 1:
        box_loss = names[0]
    if box_loss not in names:
        raise ValueError(f"rows hold the box losses {', '.join(names)}; box_loss is {box_loss!r}, name one of them.")
    own = [row for row in summary if row["box_loss"] == box_loss]
    return [row for row in own if row["setting"] != "learned"], [row for row in own if row["setting"] == "learned"]


def _place_of_ratio(ratio: float | None, first: float, last: float) -> float:
    """Where a ratio is on the logarithmic axis; the ends have places of their own."""
    if ratio is None:
        return last
    return math.log10(ratio) if ratio > 0 else first


def _draw_measure(
    axes: Axes, places: Sequence[float], grid: Sequence[Mapping], measure: str, look: tuple, inner: tuple
) -> None:
    """A line with its band between the ends, and points with bars at them: nothing was tried in the gaps."""
    colour, marker, style = look
    values, lows, highs = (np.array([row[f"{measure}{part}"] for row in grid]) for part in ("", "_low", "_high"))
    places = np.array(places)
    is_inner = (places >= inner[0]) & (places <= inner[1])
    label = MEASURE_WORDS.get(measure, measure)
    axes.fill_between(places[is_inner], lows[is_inner], highs[is_inner], color=colour, alpha=0.2, linewidth=0)
    axes.plot(
        places[is_inner], values[is_inner], color=colour, marker=marker, linestyle=style, linewidth=2, label=label
    )
    spread = [(values - lows)[~is_inner], (highs - values)[~is_inner]]
    axes.errorbar(places[~is_inner], values[~is_inner], spread, fmt=marker, color=colour, capsize=3)


def front(rows: Iterable[Mapping], *, box_loss: str | None = None, measure: str = "clsloc_accuracy_50") -> Figure:
    """Class accuracy against mean IoU, one point for each setting: what one task pays for the other.

    Args:
        rows: As in `clsloc_utils.sweeps.SweepResult.rows`.
        box_loss: Which box loss, where the rows hold several.
        measure: By which the best setting is marked.

    Returns:
        A figure with two axes: all settings, and those between the ends on a closer scale. Bars reach from the worst to
        the best seed; numbers are weight ratios; the best setting is ringed.

    Raises:
        ValueError: The rows are of several box losses and none is chosen.
    """
    grid, learned = _rows_of_one_loss(rows, box_loss)
    inner = [row for row in grid if row["ratio"]]
    best = sweeps.best_row([*grid, *learned], measure)
    figure = _new_figure(height=4.6)
    whole, close = figure.subplots(1, 2)
    for axes, shown in ((whole, grid), (close, inner)):
        path = [row for row in shown if row["ratio"]]
        path.sort(key=lambda row: row["ratio"])
        axes.plot([row["accuracy"] for row in path], [row["mean_iou"] for row in path], color="#a0a0a0", zorder=0)
        for row in shown:
            _draw_front_point(axes, row, BLUE, "o", row is best)
        for row in learned:
            _draw_front_point(axes, row, VERMILLION, "D", row is best)
        axes.set(xlabel="class accuracy", ylabel="mean IoU")
        axes.grid(alpha=0.3)
    close.margins(x=0.14)
    whole.set(xlim=(0, 1), ylim=(0, 1), title="all settings")
    close.set_title("between the ends; numbers: box over class weight")
    for axes in (whole, close):
        axes.title.set_fontsize(10)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=5))
    _legend_of_front(figure, bool(learned), measure)
    figure.draw_without_rendering()  # Only now is known where each point lies.
    ends = [row for row in grid if row not in inner]
    _label_front(whole, {row["setting"]: row for row in ends}, [*grid, *learned])
    _label_front(close, {f"{row['ratio']:.3g}": row for row in inner}, [*inner, *learned])
    return figure


def _draw_front_point(axes: Axes, row: Mapping, colour: str, marker: str, is_best: bool) -> None:
    spreads = [
        [[row[name] - row[f"{name}_low"]], [row[f"{name}_high"] - row[name]]] for name in ("accuracy", "mean_iou")
    ]
    axes.errorbar(
        row["accuracy"], row["mean_iou"], yerr=spreads[1], xerr=spreads[0], fmt=marker, color=colour, elinewidth=1
    )
    if is_best:
        axes.plot(row["accuracy"], row["mean_iou"], "o", color="black", markersize=15, markerfacecolor="none")


def _label_front(axes: Axes, labels: Mapping[str, Mapping], points: Sequence[Mapping]) -> None:
    """A text near each of some points, where it covers neither a point, nor a bar, nor the path, nor another text."""
    taken = [box for row in points for box in _boxes_of_front_point(axes, row)]
    path = axes.transData.transform(axes.lines[0].get_xydata())
    steps = np.linspace(0, 1, 20)[:, np.newaxis]
    taken += [
        transforms.Bbox([dot, dot]).padded(1)
        for first, last in pairwise(path)
        for dot in first + steps * (last - first)
    ]
    scale = axes.figure.dpi / 72  # pixels in a point
    turns = np.arange(16) * np.pi / 8
    # A near place first, and of the places around a point the right one first.
    offsets = [radius * np.array([np.cos(turn), np.sin(turn)]) for radius in (16, 22, 30, 40) for turn in turns]
    for text, row in labels.items():
        place = (row["accuracy"], row["mean_iou"])
        label = axes.annotate(text, place, (0, 0), textcoords="offset points", ha="center", va="center", fontsize=9)
        own = label.get_window_extent().padded(2)
        places = [transforms.Bbox(own.get_points() + scale * offset) for offset in offsets]
        crowded = [_shared_area(each, taken) + _area_outside(each, axes.bbox) for each in places]
        best = int(np.argmin(crowded))
        label.set_position(offsets[best])
        taken.append(places[best])


def _boxes_of_front_point(axes: Axes, row: Mapping) -> list[transforms.Bbox]:
    """The pixels that a marker and its two bars take."""
    low, middle, high = axes.transData.transform(
        [(row[f"accuracy{end}"], row[f"mean_iou{end}"]) for end in ("_low", "", "_high")]
    )
    corners = [(middle, middle, 6), ((low[0], middle[1]), (high[0], middle[1]), 1)]
    corners.append(((middle[0], low[1]), (middle[0], high[1]), 1))
    return [transforms.Bbox([first, last]).padded(padding) for first, last, padding in corners]


def _shared_area(box: transforms.Bbox, others: Iterable[transforms.Bbox]) -> float:
    shared = (transforms.Bbox.intersection(box, other) for other in others)
    return sum(each.width * each.height for each in shared if each is not None)


def _area_outside(box: transforms.Bbox, frame: transforms.Bbox) -> float:
    return box.width * box.height - _shared_area(box, [frame])


def _legend_of_front(figure: Figure, has_learned: bool, measure: str) -> None:
    handles = [plt.Line2D([], [], color=BLUE, marker="o", linestyle="", label="fixed weights")]
    if has_learned:
        handles.append(plt.Line2D([], [], color=VERMILLION, marker="D", linestyle="", label="learned weights"))
    ring = {"marker": "o", "linestyle": "", "color": "black", "markersize": 13, "markerfacecolor": "none"}
    handles.append(plt.Line2D([], [], **ring, label=f"best {MEASURE_WORDS.get(measure, measure)}"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False, fontsize=10)


def loss_comparison(
    rows: Iterable[Mapping], measures: Sequence[str] = SWEEP_MEASURES, *, choose_by: str = "clsloc_accuracy_50"
) -> Figure:
    """Box losses side by side, each at the weight that suits it best.

    Args:
        rows: As in `clsloc_utils.sweeps.SweepResult.rows`.
        measures: Which to draw.
        choose_by: Measure by which each loss's weight is chosen.

    Returns:
        A figure with an axes for each measure: points for the means over the seeds, bars from the worst to the best
        seed, and a grey band over the bar of the highest mean. Whoever touches the band has not been beaten.
    """
    summary = sweeps.best_of_each_loss(rows, choose_by)
    figure = _new_figure(height=1.3 + 0.5 * len(summary))
    grid = figure.subplots(1, len(measures), sharey=True, squeeze=False).ravel()
    names = [f"{row['box_loss']} ({_ratio_words(row)})" for row in summary]
    places = np.arange(len(summary))[::-1]
    for axes, measure in zip(grid, measures, strict=True):
        best = sweeps.best_row(summary, measure)
        axes.axvspan(best[f"{measure}_low"], best[f"{measure}_high"], color="#d8d8d8", zorder=0)
        values, lows, highs = (np.array([row[f"{measure}{part}"] for row in summary]) for part in ("", "_low", "_high"))
        axes.errorbar(values, places, xerr=[values - lows, highs - values], fmt="o", color=BLUE, capsize=4)
        axes.set_title(MEASURE_WORDS.get(measure, measure), fontsize=10)
        axes.margins(x=0.15, y=0.12)
        axes.grid(alpha=0.3, axis="x")
        axes.tick_params(labelsize=9)
    grid[0].set_yticks(places, names)
    figure.supylabel("box loss (box over class weight)", fontsize=10)
    return figure


def _ratio_words(row: Mapping) -> str:
    return row["setting"] if not row["ratio"] or row["setting"] == "learned" else f"{row['ratio']:.2g}"


def scale_comparison(rows: Iterable[Mapping], measure: str = "clsloc_accuracy_50") -> Figure:
    """What becomes of a measure when both weights are multiplied by the same number, for each optimizer.

    Args:
        rows: As `clsloc_utils.sweeps.compare_scales` returns them.
        measure: Which to draw.

    Returns:
        A figure with one axes: lines for the means over the seeds, bands from the worst to the best seed.
    """
    rows = list(rows)
    axes = _new_figure(height=3.6).subplots()
    for optimizer, colour, (marker, style) in zip(
        dict.fromkeys(row["optimizer"] for row in rows), PALETTE, _LINE_STYLES, strict=False
    ):
        own = [row for row in rows if row["optimizer"] == optimizer]
        scales = sorted({row["scale"] for row in own})
        values = [[row[measure] for row in own if row["scale"] == scale] for scale in scales]
        means, lows, highs = ([pick(each) for each in values] for pick in (np.mean, min, max))
        axes.fill_between(scales, lows, highs, color=colour, alpha=0.2, linewidth=0)
        label = OPTIMIZER_WORDS.get(optimizer, optimizer)
        axes.plot(scales, means, color=colour, marker=marker, linestyle=style, linewidth=2, label=label)
    axes.set(xscale="log", xlabel="sum of both weights", ylabel=MEASURE_WORDS.get(measure, measure), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=10)
    return axes.figure


def predictions_by_setting(
    images: Any, predictions: Mapping[str, Mapping[str, Any]], class_names: Sequence[str]
) -> Figure:
    """The same images under several settings, a row for each: the still version of a slider.

    Args:
        images: As `draw_boxes` takes them, N of them, all of one shape.
        predictions: Name of a setting -> predictions as for `prediction_gallery`, of these N images or more; the first
            N count.
        class_names: Names of the classes.

    Returns:
        A figure with one axes for each setting and image.

    Raises:
        ValueError: There is no image or no setting.
    """
    if not len(images) or not predictions:
        raise ValueError(f"{len(images)} images and {len(predictions)} settings; at least one of each is needed.")
    repeated = [image for _ in predictions for image in images]
    figure, grid = _image_grid(repeated, columns=len(images), title_lines=1, header=_TITLE_HEIGHT)
    for row, (name, found) in enumerate(predictions.items()):
        for column, image in enumerate(images):
            axes = grid[row * len(images) + column]
            draw_boxes(axes, image, found["true_box"][column])
            draw_boxes(axes, None, found["box"][column], predicted=True)
            label, true_label = found["label"][column], found["true_label"][column]
            emphasis = {"color": WRONG_COLOUR, "weight": "bold"} if label != true_label else {}
            title = (
                class_names[label] if label == true_label else f"{class_names[label]}, not {class_names[true_label]}"
            )
            axes.set_title(title, fontsize=_title_size(len(images)), **emphasis)
        grid[row * len(images)].set_ylabel(name, fontsize=10)
    _legend_of_boxes(figure)
    return figure
