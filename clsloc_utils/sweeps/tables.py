"""Reading a sweep: means and spread, the best, and what cannot be told apart."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from clsloc_utils.files import replacing

MEASURES = ("accuracy", "mean_iou", "box_accuracy_50", "clsloc_accuracy_50")


def summarize(rows: Iterable[Mapping]) -> list[dict]:
    """Mean and spread over the seeds of each setting.

    Args:
        rows: As in `SweepResult.rows`.

    Returns:
        A dict for each setting, in order: `setting`, `box_loss`, `optimizer`, the means of `label_weight` and
        `box_weight`, their `ratio` (`None` where the class weight is 0), `num_seeds`, and for each measure its mean
        over the seeds under the measure's name, the worst seed under `..._low` and the best under `..._high`.
    """
    groups: dict[tuple, list[Mapping]] = {}
    for row in rows:
        groups.setdefault((row["optimizer"], row["box_loss"], row["setting"]), []).append(row)
    summary = []
    for (optimizer, box_loss, setting), group in groups.items():
        label_weight, box_weight = (float(np.mean([row[name] for row in group])) for name in _WEIGHTS)
        found = {"setting": setting, "box_loss": box_loss, "optimizer": optimizer}
        found |= {"label_weight": label_weight, "box_weight": box_weight}
        found |= {"ratio": box_weight / label_weight if label_weight else None, "num_seeds": len(group)}
        for measure in MEASURES:
            values = [row[measure] for row in group]
            found |= {measure: float(np.mean(values)), f"{measure}_low": min(values), f"{measure}_high": max(values)}
        summary.append(found)
    return summary


_WEIGHTS = ("label_weight", "box_weight")


def best_row(summary: Sequence[Mapping], measure: str = "clsloc_accuracy_50") -> Mapping:
    """The row with the highest mean; the first one where several share it.

    Args:
        summary: As `summarize` returns it.
        measure: One of `MEASURES`.

    Raises:
        ValueError: There is no row, or no such measure.
    """
    if measure not in MEASURES or not summary:
        raise ValueError(f"best: {len(summary)} rows, measure {measure!r}; take one of {', '.join(MEASURES)}.")
    return max(summary, key=lambda row: row[measure])


def contenders(summary: Sequence[Mapping], measure: str = "clsloc_accuracy_50") -> list[Mapping]:
    """All rows whose spread over the seeds overlaps with that of the best: none of them may be called worse.

    Args:
        summary: As `summarize` returns it.
        measure: One of `MEASURES`.

    Returns:
        The rows, the best one first, the others by falling mean.
    """
    best = best_row(summary, measure)
    overlapping = [row for row in summary if row[f"{measure}_high"] >= best[f"{measure}_low"]]
    return sorted(overlapping, key=lambda row: (row is not best, -row[measure]))


def best_of_each_loss(rows: Iterable[Mapping], measure: str = "clsloc_accuracy_50") -> list[dict]:
    """Each box loss at the weight that suits it best.

    Args:
        rows: As in `SweepResult.rows`.
        measure: One of `MEASURES`, by which the weight of each loss is chosen.

    Returns:
        The chosen rows of `summarize`, one for each box loss, in order.
    """
    summary = summarize(rows)
    names = dict.fromkeys(row["box_loss"] for row in summary)
    return [best_row([row for row in summary if row["box_loss"] == name], measure) for name in names]


def verdict(summary: Sequence[Mapping], measure: str = "clsloc_accuracy_50", by: str = "box_loss") -> str:
    """Says who is ahead, if anyone is.

    The spread is that of the seeds alone. Other validation images would shift all means together and some against each
    other: a winner is a winner on these images.

    Args:
        summary: Rows to compare, as `summarize` or `best_of_each_loss` return them.
        measure: One of `MEASURES`. After `best_of_each_loss` take the one that it chose the weights by: a loss whose
            weight was chosen for another measure may look better or worse than it is.
        by: Column with the names of what is compared: `"box_loss"` or `"setting"`.

    Returns:
        A sentence. A winner is named only when its worst seed is better than everybody else's best seed.
    """
    level = contenders(summary, measure)
    best = level[0]
    words = f"{best[by]} has the highest mean {measure} ({best[measure]:.3f})"
    if best["num_seeds"] < 2:
        return f"{words}, of a single seed: no winner."
    if len(level) == 1:
        return f"{words}; its worst seed is above everyone else's best: a winner on these images."
    others = ", ".join(str(row[by]) for row in level[1:])
    return f"{words}, but its spread overlaps with that of {others}: no winner."


def table(rows: Iterable[Mapping]) -> str:
    """The summary as text for print, in columns.

    Args:
        rows: As in `SweepResult.rows`.

    Returns:
        A line for each setting: its weights, and for each measure the mean and, in brackets, worst and best seed.
    """
    summary = summarize(rows)
    header = ["setting", "box loss", "class w.", "box w.", *MEASURES]
    lines = [header]
    for row in summary:
        cells = [row["setting"], row["box_loss"], *(f"{row[name]:.3g}" for name in _WEIGHTS)]
        cells += [f"{row[each]:.3f} [{row[f'{each}_low']:.3f} {row[f'{each}_high']:.3f}]" for each in MEASURES]
        lines.append(cells)
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def write_rows(rows: Sequence[Mapping], file: str | Path, kind: str | None = None) -> Path:
    """Saves rows as CSV or JSON; the file is complete or not there.

    Args:
        rows: As in `SweepResult.rows`; all have the same keys.
        file: Where to; folders are made.
        kind: `"csv"` or `"json"`; `None` to go by the file's ending.

    Returns:
        The file's path.

    Raises:
        ValueError: There are no rows, or the kind is unknown.
    """
    file = Path(file)
    kind = kind or file.suffix.removeprefix(".")
    if not rows or kind not in ("csv", "json"):
        raise ValueError(f"{file}: {len(rows)} rows as {kind!r}; at least one row, and .csv or .json, are needed.")
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as unfinished, open(unfinished, "w", encoding="utf-8", newline="") as stream:
        if kind == "json":
            json.dump(list(rows), stream, indent=1, allow_nan=False)
        else:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return file
