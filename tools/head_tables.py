"""What the two commands that measure heads share: the clock and the table."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np


def timed(work: Callable, *arguments: object) -> dict[str, float]:
    """How long a function takes with these arguments, on the clock and on all cores together."""
    started, cpu_started = time.perf_counter(), time.process_time()
    work(*arguments)
    return {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu_started}


def heads_table(
    rows: Sequence[Mapping], columns: Mapping[str, str], shares: Collection[str], errors: Collection[str] = ()
) -> str:
    """Measurements as a Markdown table; below the seeds of each head their median and their worst.

    Args:
        rows: One dict for each training: `"head"`, `"seed"` and the measures. A single row of a head has no median.
        columns: Heading of each measure, in the order of the columns.
        shares: The measures of which more is better.
        errors: Those of which less is better. Both are printed with four decimals, all others, seconds, with none.

    Returns:
        The lines of the table.
    """
    lines = ["| head | seed | " + " | ".join(columns.values()) + " |", "| --- " * (2 + len(columns)) + "|"]
    for head in dict.fromkeys(row["head"] for row in rows):
        of_head = [row for row in rows if row["head"] == head]
        if len(of_head) > 1:
            worst = {name: (min if name in shares else max)(row[name] for row in of_head) for name in columns}
            median = {name: float(np.median([row[name] for row in of_head])) for name in columns}
            of_head += [{"head": head, "seed": "median", **median}, {"head": head, "seed": "worst", **worst}]
        for row in of_head:
            values = (f"{row[name]:.4f}" if name in {*shares, *errors} else f"{row[name]:.0f}" for name in columns)
            lines.append(f"| {row['head']} | {row['seed']} | " + " | ".join(values) + " |")
    return "\n".join(lines)
