"""What sweeps of the loss weight have found."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors, ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clsloc_utils import sweeps
from clsloc_utils.pictures import BLUE, PALETTE, VERMILLION
from clsloc_utils.plotting.boxes import draw_answer, legend_of_boxes
from clsloc_utils.plotting.figures import (
    MEASURE_WORDS,
    SWEEP_MEASURES,
    TITLE_HEIGHT,
    image_grid,
    legend_above,
    new_figure,
)

OPTIMIZER_WORDS = {"adam": "Adam", "sgd": "SGD"}
_LINE_STYLES = (("o", "solid"), ("s", (0, (4, 1.5))), ("^", (0, (1, 1))), ("D", (0, (5, 1, 1, 1))))


def weight_sweep(rows: Iterable[Mapping], measures: Sequence[str] = SWEEP_MEASURES) -> Figure:
    """What becomes of the measures as the box loss weighs more and more against the class loss.

    Args:
        rows: As in `clsloc_utils.sweeps.SweepResult.rows`, of one box loss.
        measures: Which to draw.

    Returns:
        A figure with two axes, one above the other: what lies between the ends on a close scale, and everything from 0
        to 1. The ratio of the weights on a logarithmic axis, the single-task ends beyond its gaps; lines for the means
        over the seeds, bands from the worst to the best seed; learned weights as large empty markers at the ratio that
        they ended with.

    Raises:
        ValueError: The rows are of several box losses, or hold no weight ratio.
    """
    grid, learned = _rows_of_one_loss(rows)
    inner = [row for row in (*grid, *learned) if 0 < row["ratio"] < math.inf]
    if not inner:
        raise ValueError("rows hold no weight ratio between the ends; nothing to draw them against.")
    low, high = (math.log10(end(row["ratio"] for row in inner)) for end in (min, max))
    gap = max(0.3, (high - low) / 8)
    grid.sort(key=lambda row: _place_of_ratio(row["ratio"], low - gap, high + gap))
    places = [_place_of_ratio(row["ratio"], low - gap, high + gap) for row in grid]
    close, whole = new_figure(height=6.4).subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for axes in (close, whole):
        for measure, colour, (marker, style) in zip(measures, PALETTE, _LINE_STYLES, strict=False):
            _draw_measure(axes, places, grid, measure, (colour, marker, style), inner=(low, high))
            for row in learned:
                place = _place_of_ratio(row["ratio"], low - gap, high + gap)
                size = {"markersize": 12, "markerfacecolor": "none", "markeredgewidth": 1.8}
                axes.errorbar(place, row[measure], _spread([row], measure), fmt=marker, color=colour, **size)
        axes.grid(alpha=0.3)
    lowest = min(row[f"{measure}_low"] for row in inner for measure in measures)
    close.set_ylim(lowest - 0.02, 1)
    whole.set_ylim(0, 1)
    # A grid's ends are seldom a power of ten to the last digit.
    ticks = list(range(math.ceil(low - 0.01), math.floor(high + 0.01) + 1))
    ends = [(low - gap, "class\nonly"), (high + gap, "box\nonly")]
    whole.set_xticks(
        [*ticks, *(place for place, _ in ends)], [*(f"{10.0**tick:g}" for tick in ticks), *(word for _, word in ends)]
    )
    whole.set_xlabel("weight of the box loss over weight of the class loss")
    if learned:
        close.plot([], [], "o", color="black", markersize=12, markerfacecolor="none", label="learned weights")
    legend_above(close, columns=4)
    return close.figure


def _rows_of_one_loss(rows: Iterable[Mapping]) -> tuple[list[dict], list[dict]]:
    """Summaries of the fixed and of the learned weights."""
    summary = sweeps.summarize(rows).to_dict("records")
    names = list(dict.fromkeys(row["box_loss"] for row in summary))
    if len(names) != 1:
        raise ValueError(f"rows hold the box losses {', '.join(names)}; draw those of one at a time.")
    learned = [row for row in summary if row["setting"] == "learned"]
    return [row for row in summary if row not in learned], learned


def _place_of_ratio(ratio: float, first: float, last: float) -> float:
    """Where a ratio is on the logarithmic axis; the ends have places of their own."""
    if ratio == math.inf:
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
    line = {"color": colour, "marker": marker, "linestyle": style, "label": MEASURE_WORDS.get(measure, measure)}
    axes.fill_between(places[is_inner], lows[is_inner], highs[is_inner], color=colour, alpha=0.2, linewidth=0)
    axes.plot(places[is_inner], values[is_inner], linewidth=2, **line)
    spread = _spread(grid, measure)[:, ~is_inner]
    axes.errorbar(places[~is_inner], values[~is_inner], spread, fmt=marker, color=colour, capsize=3)


def _spread(summary: Sequence[Mapping], measure: str) -> np.ndarray:
    """How far the worst and the best seed lie from the mean of each row, `[2, rows]`, as error bars want it."""
    values, lows, highs = (np.array([row[f"{measure}{part}"] for row in summary]) for part in ("", "_low", "_high"))
    return np.stack([values - lows, highs - values])


def pareto_front(rows: Iterable[Mapping]) -> Figure:
    """Class accuracy against mean IoU, one point for each setting: what one task pays for the other.

    The Pareto front are the settings that no other one dominates, by being at least as good in both measures and better
    in one.

    Args:
        rows: As in `clsloc_utils.sweeps.SweepResult.rows`, of one box loss.

    Returns:
        A figure with two axes: all settings, and those between the ends on a closer scale, coloured by their weight
        ratio. Bars reach from the worst to the best seed; a line joins the Pareto front; the setting of the highest
        cls-loc accuracy is ringed.

    Raises:
        ValueError: The rows are of several box losses.
    """
    grid, learned = _rows_of_one_loss(rows)
    inner = sorted((row for row in grid if 0 < row["ratio"] < math.inf), key=lambda row: row["ratio"])
    best = max([*grid, *learned], key=lambda row: row["clsloc_accuracy_50"])
    on_front = sorted(_not_dominated([*grid, *learned]), key=lambda row: row["accuracy"])
    scale = colors.LogNorm(inner[0]["ratio"], inner[-1]["ratio"]) if len(inner) > 1 else None
    colours = plt.cm.ScalarMappable(scale, "viridis")
    figure = new_figure(height=4.6)
    whole, close = figure.subplots(1, 2)
    for axes, shown in ((whole, grid), (close, inner)):
        line = [row for row in on_front if row in shown or row in learned]
        axes.plot([row["accuracy"] for row in line], [row["mean_iou"] for row in line], color="#a0a0a0", zorder=0)
        for row in shown:
            _draw_front_point(axes, row, colours.to_rgba(row["ratio"]) if row in inner else "black", "o", row is best)
        for row in learned:
            _draw_front_point(axes, row, VERMILLION, "D", row is best)
        axes.set(xlabel="class accuracy", ylabel="mean IoU")
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=5))
    for row in grid:
        if row not in inner:
            place = (row["accuracy"], row["mean_iou"])
            side = "right" if row["accuracy"] > 0.5 else "left"
            offset = (-8 if side == "right" else 8, 8)
            whole.annotate(row["setting"], place, offset, textcoords="offset points", ha=side, fontsize=9)
    close.margins(0.14)
    whole.set(xlim=(0, 1), ylim=(0, 1))
    whole.set_title("all settings", fontsize=10)
    close.set_title("between the ends", fontsize=10)
    figure.colorbar(colours, ax=close, label="box over class weight")
    _legend_of_front(figure, bool(learned))
    return figure


def _not_dominated(rows: Sequence[Mapping]) -> list[Mapping]:
    """Those that no other row beats in one measure without losing in the other."""
    points = [(row["accuracy"], row["mean_iou"]) for row in rows]
    return [
        row
        for row, (accuracy, mean_iou) in zip(rows, points, strict=True)
        if not any(x >= accuracy and y >= mean_iou and (x, y) != (accuracy, mean_iou) for x, y in points)
    ]


def _draw_front_point(axes: Axes, row: Mapping, colour: Any, marker: str, is_best: bool) -> None:
    spreads = {"xerr": _spread([row], "accuracy"), "yerr": _spread([row], "mean_iou")}
    axes.errorbar(row["accuracy"], row["mean_iou"], **spreads, fmt=marker, color=colour, elinewidth=1)
    if is_best:
        axes.plot(row["accuracy"], row["mean_iou"], "o", color="black", markersize=15, markerfacecolor="none")


def _legend_of_front(figure: Figure, has_learned: bool) -> None:
    handles = [
        plt.Line2D([], [], color="#a0a0a0", label="Pareto front"),
        plt.Line2D([], [], color="black", marker="o", linestyle="", label="fixed weights"),
    ]
    if has_learned:
        handles.append(plt.Line2D([], [], color=VERMILLION, marker="D", linestyle="", label="learned weights"))
    ring = {"marker": "o", "linestyle": "", "color": "black", "markersize": 13, "markerfacecolor": "none"}
    handles.append(plt.Line2D([], [], **ring, label=f"best {MEASURE_WORDS['clsloc_accuracy_50']}"))
    legend_above(figure, handles)


def loss_comparison(rows: Iterable[Mapping], measures: Sequence[str] = SWEEP_MEASURES) -> Figure:
    """Box losses side by side, each at the weight of its highest cls-loc accuracy.

    Args:
        rows: As in `clsloc_utils.sweeps.SweepResult.rows`.
        measures: Which to draw.

    Returns:
        A figure with an axes for each measure: points for the means over the seeds, bars from the worst to the best
        seed, and a grey band over the bar of the highest mean.
    """
    summary = sweeps.best_of_each_loss(rows)
    figure = new_figure(height=1.3 + 0.5 * len(summary))
    grid = figure.subplots(1, len(measures), sharey=True, squeeze=False).ravel()
    names = [f"{row['box_loss']} ({_ratio_words(row)})" for row in summary.to_dict("records")]
    places = np.arange(len(summary))[::-1]
    for axes, measure in zip(grid, measures, strict=True):
        best = sweeps.best_row(summary, measure)
        axes.axvspan(best[f"{measure}_low"], best[f"{measure}_high"], color="#d8d8d8", zorder=0)
        values = summary[measure].to_numpy()
        axes.errorbar(values, places, xerr=_spread(summary.to_dict("records"), measure), fmt="o", color=BLUE, capsize=4)
        axes.set_title(MEASURE_WORDS.get(measure, measure), fontsize=10)
        axes.margins(x=0.15, y=0.12)
        axes.grid(alpha=0.3, axis="x")
        axes.tick_params(labelsize=9)
    grid[0].set_yticks(places, names)
    figure.supylabel("box loss (box over class weight)", fontsize=10)
    return figure


def _ratio_words(row: Mapping) -> str:
    return row["setting"] if row["ratio"] in (0, math.inf) or row["setting"] == "learned" else f"{row['ratio']:.2g}"


def scale_comparison(rows: Iterable[Mapping], measure: str = "clsloc_accuracy_50") -> Figure:
    """What becomes of a measure when both weights are multiplied by the same number, for each optimizer.

    Args:
        rows: As `clsloc_utils.sweeps.compare_scales` returns them.
        measure: Which to draw.

    Returns:
        A figure with one axes: lines for the means over the seeds, bands from the worst to the best seed.
    """
    rows = list(rows)
    axes = new_figure(height=3.6).subplots()
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
    legend_above(axes, columns=4)
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
    figure, grid = image_grid(repeated, columns=len(images), title_lines=1, header=TITLE_HEIGHT)
    for row, (name, found) in enumerate(predictions.items()):
        for column, image in enumerate(images):
            answer = {key: values[column] for key, values in found.items()}
            draw_answer(grid[row * len(images) + column], image, answer, class_names, columns=len(images))
        grid[row * len(images)].set_ylabel(name, fontsize=10)
    legend_of_boxes(figure)
    return figure
