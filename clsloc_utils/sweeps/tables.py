"""Reading a sweep: means and ranges, and the best of them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas

from clsloc_utils.files import replacing

MEASURES = ("accuracy", "mean_iou", "box_accuracy_50", "clsloc_accuracy_50")


def summarize(rows: Iterable[Mapping]) -> pandas.DataFrame:
    """Mean and range over the seeds of each setting.

    Args:
        rows: As in `SweepResult.rows`.

    Returns:
        A row for each setting, in order: `optimizer`, `box_loss`, `setting`, the means of `label_weight` and
        `box_weight`, their `ratio` (infinite where the class weight is 0), `num_seeds`, and for each measure its mean
        over the seeds under the measure's name, the worst seed under `..._low` and the best under `..._high`.
    """
    groups = pandas.DataFrame(rows).groupby(["optimizer", "box_loss", "setting"], sort=False)
    measures = groups[list(MEASURES)]
    summary = groups[["label_weight", "box_weight"]].mean()
    summary["ratio"] = summary["box_weight"] / summary["label_weight"]
    summary["num_seeds"] = groups.size()
    summary = summary.join([measures.mean(), measures.min().add_suffix("_low"), measures.max().add_suffix("_high")])
    return summary.reset_index()


def best_row(summary: pandas.DataFrame, measure: str = "clsloc_accuracy_50") -> pandas.Series:
    """The row with the highest mean; the first one where several share it.

    Args:
        summary: As `summarize` returns it.
        measure: One of `MEASURES`.

    Raises:
        ValueError: There is no row, or no such measure.
    """
    if measure not in MEASURES or not len(summary):
        raise ValueError(f"best: {len(summary)} rows, measure {measure!r}; take one of {', '.join(MEASURES)}.")
    return summary.loc[summary[measure].idxmax()]


def best_of_each_loss(rows: Iterable[Mapping], measure: str = "clsloc_accuracy_50") -> pandas.DataFrame:
    """Each box loss at the weight that suits it best.

    Args:
        rows: As in `SweepResult.rows`.
        measure: One of `MEASURES`, by which the weight of each loss is chosen.

    Returns:
        The chosen rows of `summarize`, one for each box loss, in order.
    """
    summary = summarize(rows)
    return summary.loc[summary.groupby("box_loss", sort=False)[measure].idxmax()].reset_index(drop=True)


def table(rows: Iterable[Mapping]) -> str:
    """The summary as text for print, in columns.

    Args:
        rows: As in `SweepResult.rows`.

    Returns:
        A line for each setting: its weights, and for each measure the mean and, in brackets, worst and best seed.
    """
    summary = summarize(rows)
    columns = {"setting": summary["setting"], "box loss": summary["box_loss"]}
    columns |= {
        words: summary[name].map("{:.3g}".format)
        for words, name in (("class w.", "label_weight"), ("box w.", "box_weight"))
    }
    for measure in MEASURES:
        parts = zip(*(summary[f"{measure}{end}"] for end in ("", "_low", "_high")), strict=True)
        columns[measure] = [f"{mean:.3f} [{low:.3f} {high:.3f}]" for mean, low, high in parts]
    return pandas.DataFrame(columns).to_string(index=False)


def write_rows(rows: Sequence[Mapping], file: str | Path) -> Path:
    """Saves rows as CSV or JSON; the file is complete or not there.

    Args:
        rows: As in `SweepResult.rows`; all have the same keys.
        file: Where to, `.csv` or `.json`; folders are made.

    Returns:
        The file's path.

    Raises:
        ValueError: There are no rows, or the file's ending is another.
    """
    file = Path(file)
    if not rows or file.suffix not in (".csv", ".json"):
        raise ValueError(f"{file}: {len(rows)} rows; at least one row, and .csv or .json, are needed.")
    file.parent.mkdir(parents=True, exist_ok=True)
    frame = pandas.DataFrame(rows)
    with replacing(file) as unfinished:
        if file.suffix == ".json":
            frame.to_json(unfinished, orient="records", indent=1, double_precision=15)
        else:
            frame.to_csv(unfinished, index=False)
    return file
