"""Where measurements are kept and what they were measured on: what the commands that write pages of docs/ share."""

import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from clsloc_utils.files import replacing

REPOSITORY = Path(__file__).resolve().parent.parent


def load(file: Path) -> Any:
    """The measurements in a file.

    Args:
        file: As `save` wrote it.

    Returns:
        What was saved; an empty dict when there is no such file.
    """
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def save(file: Path, measurements: Any) -> None:
    """Replaces a file of measurements; an interruption leaves the old one or the new one.

    Args:
        file: The file; its folder exists.
        measurements: Anything that JSON can hold.
    """
    write(file, json.dumps(measurements, indent=1) + "\n")


def write(file: Path, text: str) -> None:
    """Replaces a text file; an interruption leaves the old one or the new one.

    Args:
        file: The file; its folder exists.
        text: Its content.
    """
    with replacing(file) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def peak_memory() -> int:
    """The most bytes that this process ever held. Not on Windows."""
    import resource  # Windows has none; the other functions need none.

    # Linux counts kilobytes, macOS bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def precisions() -> list[str]:
    """What backbones are measured in: float32, and the half precision of the full profile where it is fast."""
    from clsloc_utils import profiles, recipes

    return list(filter(None, ("float32", recipes.precision_of(profiles.FULL))))


def machine() -> str:
    """This machine in words: cores, processor, GPUs, versions."""
    import tensorflow as tf

    gpus = len(tf.config.list_physical_devices("GPU"))
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras"))
    return f"{os.cpu_count()} cores of a {platform.machine()} processor, {gpus or 'no'} GPU; {versions}"
