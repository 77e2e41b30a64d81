"""Images with their boxes, and what is measured on them."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects, ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clsloc_utils.boxes import iou
from clsloc_utils.pictures import (
    BLUE,
    ORANGE,
    PREDICTED_COLOUR,
    TRUE_COLOUR,
    WRONG_COLOUR,
    as_picture,
    draw_boxes,
    draw_image,
    draw_rectangle,
)
from clsloc_utils.plotting.figures import (
    TITLE_HEIGHT,
    check_counts,
    image_grid,
    legend_above,
    line_count,
    new_figure,
    title_size,
)

SIDES = ("left", "top", "right", "bottom")
MAX_CELL_NUMBERS = 30


def gallery(
    images: Any,
    *,
    titles: Sequence[str] | None = None,
    boxes: Sequence | None = None,
    predicted_boxes: Sequence | None = None,
    columns: int = 4,
    legend: tuple[str, str] | None = None,
) -> Figure:
    """Images side by side, with their boxes.

    Args:
        images: As `draw_boxes` takes them; they may differ in size.
        titles: A text above each image.
        boxes: True boxes of each image, `rel_xyxy`, shape `[N, 4]` or `[4]` each.
        predicted_boxes: Predicted boxes of each image, likewise.
        columns: Images in a row.
        legend: What to call the two kinds of boxes above the images; `None` for no legend.

    Returns:
        A figure of constant width, with one axes for each image.

    Raises:
        ValueError: There is no image, or one of the lists has not as many elements as there are images.
    """
    check_counts(len(images), titles=titles, boxes=boxes, predicted_boxes=predicted_boxes)
    header = 0.0 if legend is None else TITLE_HEIGHT
    figure, grid = image_grid(images, columns, title_lines=line_count(titles), header=header)
    for index, (axes, image) in enumerate(zip(grid, images, strict=True)):
        draw_boxes(axes, image, () if boxes is None else boxes[index])
        if predicted_boxes is not None:
            draw_boxes(axes, None, predicted_boxes[index], predicted=True)
        if titles is not None:
            axes.set_title(titles[index], fontsize=title_size(columns))
    if legend is not None:
        legend_of_boxes(figure, *legend)
    return figure


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
    found = {name: np.asarray(predictions[name]) for name in ("label", "true_label", "box", "true_box")}
    check_counts(len(images), **found)
    ious = np.asarray(iou(found["true_box"], found["box"]))
    chosen = in_order(ious, which)[:count]
    figure, grid = image_grid([images[index] for index in chosen], columns, title_lines=2, header=TITLE_HEIGHT)
    for axes, index in zip(grid, chosen, strict=True):
        answer = {name: values[index] for name, values in found.items()}
        draw_answer(axes, images[index], answer, class_names, columns, note=f"\nIoU {ious[index]:.2f}")
    legend_of_boxes(figure)
    return figure


def draw_answer(
    axes: Axes, image: Any, answer: Mapping[str, Any], class_names: Sequence[str], columns: int, note: str = ""
) -> None:
    """One image with its two boxes; the title names the predicted class, and the true one where it differs."""
    draw_boxes(axes, image, answer["true_box"])
    draw_boxes(axes, None, answer["box"], predicted=True)
    title, true_name = class_names[answer["label"]], class_names[answer["true_label"]]
    emphasis = {}
    if answer["label"] != answer["true_label"]:
        title, emphasis = f"{title}, not {true_name}", {"color": WRONG_COLOUR, "weight": "bold"}
    axes.set_title(f"{title}{note}", fontsize=title_size(columns), **emphasis)


def in_order(ious: np.ndarray, which: str) -> np.ndarray:
    """Indices of the images as `which` asks for them; ties keep their order."""
    if which == "first":
        return np.arange(len(ious))
    if which not in ("worst", "best"):
        raise ValueError(f"which is {which!r}; choose worst, best or first.")
    return np.argsort(ious if which == "worst" else -ious, kind="stable")


def legend_of_boxes(figure: Figure, true: str = "true box", predicted: str = "predicted box") -> None:
    """Says above the images what the two kinds of lines are."""
    solid = plt.Line2D([], [], color=TRUE_COLOUR, linewidth=2.2, label=true)
    dashed = plt.Line2D([], [], color=PREDICTED_COLOUR, linewidth=2.2, linestyle=(0, (4, 1.5)), label=predicted)
    legend_above(figure, [solid, dashed])


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
    figure, grid = image_grid([image] * len(SIDES), columns=len(SIDES), title_lines=1)
    for index, (axes, side) in enumerate(zip(grid, SIDES, strict=True)):
        height, width = draw_heat(axes, image, heatmaps[..., index], outside=0)
        if box is not None:
            _draw_side(axes, float(box[index]) * (width, height)[index % 2], vertical=index % 2 == 0)
        axes.set_title(f"{side} side", fontsize=10)
    return figure


def draw_heat(axes: Axes, image: Any, logits: np.ndarray, outside: int) -> tuple[int, int]:
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


def confusion_matrix(y_true: Any, y_pred: Any, class_names: Sequence[str]) -> Figure:
    """Which class is taken for which: percent of the true class, row by row.

    Args:
        y_true: True class numbers, shape `[N]`.
        y_pred: Predicted class numbers, shape `[N]`.
        class_names: Names of the C classes.

    Returns:
        The figure. A row's name carries its number of examples; percents are rounded, and 0 is left blank.

    Raises:
        ValueError: The two differ in length, or hold a number that is no class.
    """
    shares, totals = _row_shares(np.asarray(y_true), np.asarray(y_pred), len(class_names))
    size = len(class_names)
    axes = new_figure(height=min(9.0, 2.4 + 0.34 * size)).subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    rows = [f"{name} ({total})" for name, total in zip(class_names, totals, strict=True)]
    axes.set_xticks(range(size), class_names, rotation=90 if size > 8 else 0, fontsize=9)
    axes.set_yticks(range(size), rows, fontsize=9)
    axes.set_xlabel("predicted class, in % of the true class")
    axes.set_ylabel("true class (examples)")
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#d0d0d0", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    if size <= MAX_CELL_NUMBERS:
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


def iou_histogram(ious: Any) -> Figure:
    """How well the predicted boxes overlap the true ones.

    Args:
        ious: IoU of each pair of boxes, 0..1, shape `[N]`.

    Returns:
        The figure: 20 bars, those below 0.5 hatched; the legend says the share of boxes on either side.

    Raises:
        ValueError: There is no IoU, or one is outside 0..1.
    """
    ious = np.asarray(ious, dtype="float64").ravel()
    if ious.size == 0 or not np.all((ious >= 0) & (ious <= 1)):
        raise ValueError("ious must hold at least one number, each in 0..1.")
    axes = new_figure(height=3.2).subplots()
    bins = np.linspace(0, 1, 21)
    right = ious >= 0.5
    for chosen, colour, hatch, words in ((right, BLUE, None, "IoU of 0.5 or more"), (~right, ORANGE, "///", "less")):
        label = f"{words}: {100 * chosen.mean():.1f} % of {ious.size}"
        axes.hist(ious[chosen], bins=bins, color=colour, hatch=hatch, edgecolor="white", label=label)
    axes.axvline(ious.mean(), color="black", linestyle="dotted", linewidth=2, label=f"mean IoU: {ious.mean():.3f}")
    axes.set(xlim=(0, 1), xlabel="IoU of predicted and true box", ylabel="images")
    axes.yaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    legend_above(axes)
    return axes.figure


def box_statistics(boxes: Any) -> Figure:
    """Where the boxes of a data set are, and how large: what there is to know about a box without looking.

    Args:
        boxes: `rel_xyxy`, shape `[N, 4]`.

    Returns:
        A figure with three axes: the share of boxes that cover each place, with the mean box dashed on it; width
        against height of each box; and how much of the image the boxes fill.

    Raises:
        ValueError: There is no box.
    """
    boxes = np.asarray(boxes, dtype="float32").reshape(-1, 4)
    if not len(boxes):
        raise ValueError("boxes is empty; there is nothing to count.")
    figure = new_figure(height=3.2)
    where, shape, size = figure.subplots(1, 3)
    picture = where.imshow(_coverage(boxes), extent=(0, 1, 1, 0), cmap="viridis", vmin=0, vmax=1)
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


def _coverage(boxes: np.ndarray, resolution: int = 64) -> np.ndarray:
    """Share of the boxes that hold the centre of each place, `[resolution, resolution]`, rows from top to bottom."""
    centres = (np.arange(resolution) + 0.5) / resolution
    inside_x = (boxes[:, 0:1] <= centres) & (centres < boxes[:, 2:3])
    inside_y = (boxes[:, 1:2] <= centres) & (centres < boxes[:, 3:4])
    return inside_y.T.astype("float32") @ inside_x.astype("float32") / len(boxes)
