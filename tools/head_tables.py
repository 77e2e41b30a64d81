"""What the commands that measure heads share: options, clock, table, and what becomes of the rows."""

import argparse
import dataclasses
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import measurements
import numpy as np

from clsloc_utils import datasets


def options_parser(description: str, *, heads: Collection[str], **defaults: object):
    """A parser with the options that both commands have.

    Args:
        description: The command's docstring.
        heads: The heads to choose from; by default all are measured.
        **defaults: Those of `data`, `backbone`, `image_size`, `copies`, `epochs` and `fine_tune`, which boxes and
            joints may have of their own.

    Returns:
        An `argparse.ArgumentParser`, to which a command adds its own.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="name or folder of the data")
    parser.add_argument("--backbone", help="name or file of the backbone")
    parser.add_argument("--image-size", type=int, help="pixels, unless the backbone says")
    parser.add_argument("--heads", nargs="+", choices=list(heads), default=list(heads))
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--copies", type=int, help="versions of each training image")
    parser.add_argument("--epochs", type=int, help="passes over the cached features")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="the heads' first (default: %(default)s)")
    parser.add_argument("--fine-tune", type=int, metavar="EPOCHS", help="epochs with the backbone after that")
    parser.add_argument("--fine-tune-layers", choices=("last", "all"), default="all")
    parser.add_argument("--fine-tune-rate", type=float, default=3e-4, help="highest learning rate of these epochs")
    parser.add_argument("--train-split", help="a TFDS split, such as train[:800]; by default the source's own")
    parser.add_argument("--test-split", help="a TFDS split; by default the source's own")
    parser.add_argument("--out", type=table_file, help="file for the table; the numbers go beside it as .json")
    parser.set_defaults(**defaults)
    return parser


def source_of(arguments: argparse.Namespace) -> datasets.SourceInfo:
    """The source that the command line names, with the splits that it names.

    Args:
        arguments: Of the command line.
    """
    splits = {"train_split": arguments.train_split, "test_split": arguments.test_split}
    return dataclasses.replace(
        datasets.info(arguments.data), **{role: split for role, split in splits.items() if split}
    )


def timed(work: Callable, *arguments: object) -> dict[str, float]:
    """How long a function takes with these arguments, on the clock and on all cores together."""
    started, cpu_started = time.perf_counter(), time.process_time()
    work(*arguments)
    return {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu_started}


def report(rows: Iterable[dict], words: Callable[[Sequence[dict]], str], out: Path | None) -> None:
    """Prints rows as they come, then what `words` makes of them, and saves both where asked for.

    Args:
        rows: Measurements.
        words: From all rows to the text.
        out: File for the text; the rows go beside it as `.json`. `None` saves nothing.
    """
    measured = []
    for row in rows:
        measured.append(row)
        print(rounded(row), flush=True)
    text = words(measured)
    print(text)
    if out:
        save_beside(out, text, measured)


def save_beside(out: Path, text: str, rows: Sequence[dict]) -> None:
    """Saves a table, and beside it the numbers as `.json`.

    Args:
        out: File for the table, as `table_file` returns it.
        text: The table.
        rows: The numbers.
    """
    measurements.write(out, text)
    measurements.save(out.with_suffix(".json"), rows)


def table_file(name: str) -> Path:
    """The file that `--out` names, for argparse: not the one that `save_beside` puts the numbers into."""
    if name.endswith(".json"):
        raise argparse.ArgumentTypeError(
            f"{name} would be overwritten by the numbers; name the table, such as heads.md"
        )
    return Path(name)


def summary(rows: Sequence[Mapping], table: str, examples: str, copies: int) -> str:
    """A table, and what one must know to read it.

    Args:
        rows: Measurements; the first one has `feature_seconds` and `num_examples`.
        table: What `heads_table` makes of them.
        examples: What the measures are taken on, such as "test images".
        copies: Versions of each training image.
    """
    return (
        f"{table}\n\nFeatures of the training images: {rows[0]['feature_seconds']:.0f} s, once. "
        f"{rows[0]['num_examples']} {examples}; {copies} copies of each training image."
    )


def rounded(row: Mapping) -> dict:
    """A row as one reads it."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


def heads_table(
    rows: Sequence[Mapping], columns: Mapping[str, str], shares: Collection[str], errors: Collection[str] = ()
) -> str:
    """Measurements as a Markdown table; below the seeds of each head their median and their worst.

    Args:
        rows: One dict for each training: `"head"`, `"seed"` and the measures. A single row of a head has no median; a
            measure that it lacks is left blank.
        columns: Heading of each measure, in the order of the columns.
        shares: The measures of which more is better.
        errors: Those of which less is better. Both are printed with four decimals, all others, seconds, with none.

    Returns:
        The lines of the table.
    """

    def shown(row: Mapping, name: str) -> str:
        return "" if name not in row else f"{row[name]:.4f}" if name in {*shares, *errors} else f"{row[name]:.0f}"

    lines = ["| head | seed | " + " | ".join(columns.values()) + " |", "| --- " * (2 + len(columns)) + "|"]
    for head in dict.fromkeys(row["head"] for row in rows):
        of_head = [row for row in rows if row["head"] == head]
        if len(of_head) > 1:
            worst = {name: (min if name in shares else max)(row[name] for row in of_head) for name in columns}
            median = {name: float(np.median([row[name] for row in of_head])) for name in columns}
            of_head += [{"head": head, "seed": "median", **median}, {"head": head, "seed": "worst", **worst}]
        for row in of_head:
            values = (shown(row, name) for name in columns)
            lines.append(f"| {row['head']} | {row['seed']} | " + " | ".join(values) + " |")
    return "\n".join(lines)
