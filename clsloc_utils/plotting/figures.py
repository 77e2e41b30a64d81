"""What all figures are made of: size, grid, and how a notebook shows them."""

import base64
import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clsloc_utils.pictures import DOTS_PER_INCH, FIGURE_WIDTH, png

TITLE_HEIGHT = 0.3


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


def new_figure(height: float) -> Figure:
    """An empty figure that pyplot does not know, so that nobody has to close it."""
    return Figure(figsize=(FIGURE_WIDTH, height), layout="constrained", facecolor="white")


def legend_above(where: Figure | Axes, handles: Iterable | None = None, columns: int = 3) -> None:
    """Names lines above a figure or an axes: these handles, of a figure by default one line of each name."""
    frameless = {"ncols": columns, "frameon": False, "fontsize": 10}
    if isinstance(where, Axes):
        where.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), **frameless)
    else:
        lines = {line.get_label(): line for axes in where.axes for line in axes.lines}
        where.legend(handles=list(handles or lines.values()), loc="outside upper center", **frameless)


def title_size(columns: int) -> float:
    """Points at which 26 letters, as in "motorbike, not diningtable", fit above one of the images in a row."""
    return min(10.0, 38 / columns)


def check_counts(count: int, **lists: Sequence | None) -> None:
    """Each of the lists, where given, holds an element for each image."""
    if count == 0:
        raise ValueError("images is empty; there is nothing to draw.")
    for name, values in lists.items():
        if values is not None and len(values) != count:
            raise ValueError(f"{name} has {len(values)} elements for {count} images; give one for each.")


def line_count(titles: Sequence[str] | None) -> int:
    return max(title.count("\n") + 1 for title in titles) if titles else 0


def image_grid(images: Any, columns: int, title_lines: int, header: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure just high enough for the images in rows, and one axes for each of them."""
    rows = math.ceil(len(images) / columns)
    tallest = max(np.shape(image)[0] / np.shape(image)[1] for image in images)
    figure = new_figure(rows * (FIGURE_WIDTH / columns * tallest + 0.2 * title_lines + 0.08) + header)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(images) :]:
        axes.remove()
    return figure, list(grid[: len(images)])


SWEEP_MEASURES = ("accuracy", "mean_iou", "clsloc_accuracy_50")
MEASURE_WORDS = {
    "accuracy": "class accuracy",
    "mean_iou": "mean IoU",
    "box_accuracy_50": "box accuracy at IoU 0.5",
    "clsloc_accuracy_50": "cls-loc accuracy",
}
