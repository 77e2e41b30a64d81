"""How trainings went."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clsloc_utils import learning_curves
from clsloc_utils.pictures import BLUE, ORANGE, PALETTE
from clsloc_utils.plotting.figures import MEASURE_WORDS, SWEEP_MEASURES, TITLE_HEIGHT, legend_above, new_figure


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
    figure = new_figure(2.6 * rows + TITLE_HEIGHT)
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
    legend_above(figure)
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
    figure = new_figure(height=3.4)
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
