"""Files that are complete or not there."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


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
