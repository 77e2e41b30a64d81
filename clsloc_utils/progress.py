"""One progress bar for everything that takes longer than a few seconds."""

import sys
from collections.abc import Iterable

from tqdm import tqdm


def progress(
    iterable: Iterable | None = None,
    *,
    total: int | None = None,
    description: str = "",
    in_bytes: bool = False,
    done: int = 0,
) -> tqdm:
    """A text progress bar on standard output.

    Standard output and not tqdm's default, standard error: a notebook shows that as if something had gone wrong.

    Args:
        iterable: What to go through; `None` when the caller moves the bar with `update`.
        total: Number of steps, when `iterable` has no length.
        description: What is going on, in a word or two.
        in_bytes: Whether a step is a byte; the bar then counts in kB, MB and GB.
        done: Number of steps that were done before, by a run that was interrupted.

    Returns:
        A `tqdm.tqdm`, usable as an iterator or as a context manager.
    """
    return tqdm(
        iterable,
        total=total,
        desc=description,
        file=sys.stdout,
        dynamic_ncols=False,
        ncols=100,
        mininterval=0.5,
        unit="B" if in_bytes else "it",
        unit_scale=in_bytes,
        initial=done,
    )
