"""Files that are complete or not there, and what a damaged one is told apart by."""

import contextlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np


@contextlib.contextmanager
def replacing(file: str | Path) -> Iterator[Path]:
    """Writes a file that is complete or not there, whatever happens in between.

    Args:
        file: The file to make or to replace; its folder exists.

    Yields:
        The path to write to, of the same ending. When the block ends without an error, it takes the place of `file`.
    """
    file = Path(file)
    unfinished = file.with_name(f"{file.stem}.part-{os.getpid()}{file.suffix}")
    try:
        yield unfinished
        # Otherwise a power cut could leave the new name on the disk, and not yet the content.
        with open(unfinished, "r+b") as stream:
            os.fsync(stream.fileno())
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)


def arrays_in(file: str | Path) -> dict[str, np.ndarray]:
    """All arrays of an `.npz` file, by their names.

    Args:
        file: The file.

    Raises:
        ValueError: It cannot be read, is of another kind or damaged; the message says what was seen, not which file.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"not an .npz file, or damaged ({error})") from error
