"""What the commands that measure share: where numbers are kept, the machine, tables, processes of their own."""

import concurrent.futures
import importlib.metadata
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas

from clsloc_utils.files import replacing

REPOSITORY = Path(__file__).resolve().parent.parent


def load(file: Path) -> dict:
    """The measurements in a file; none when there is no such file."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def save(file: Path, measurements: Mapping) -> None:
    """Replaces a file of measurements; an interruption leaves the old one or the new one."""
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps(measurements, indent=1) + "\n", encoding="utf-8")


def machine() -> str:
    """This machine in words: cores, processor, GPUs, versions."""
    import tensorflow as tf

    gpus = len(tf.config.list_physical_devices("GPU"))
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras"))
    return f"{os.cpu_count()} cores of a {platform.machine()} processor, {gpus or 'no'} GPU; {versions}"


def precisions() -> list[str]:
    """What backbones are measured in: float32, and the half precision of the full profile where it is fast."""
    from clsloc_utils import profiles, recipes

    return list(filter(None, ("float32", recipes.precision_of(profiles.FULL))))


def timed(work: Callable, *arguments: Any, **options: Any) -> dict[str, float]:
    """How long a function takes with these arguments, on the clock and on all cores together."""
    started, cpu_started = time.perf_counter(), time.process_time()
    work(*arguments, **options)
    return {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu_started}


def in_new_process(function: Callable, *arguments: Any) -> Any:
    """Calls a function in a process of its own, which starts without graphs, caches and memory of others."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as process:
        return process.submit(function, *arguments).result()


def markdown(table: pandas.DataFrame, layouts: Mapping[str, str], words: int = 1) -> str:
    """A table in Markdown; what is missing in it is left blank.

    Args:
        table: Its columns are called as they are to be headed.
        layouts: How a column is written, such as `"{:.2f} s"`; a column without a layout is written as it is.
        words: How many columns, from the left, are words; the others are numbers, aligned to the right.
    """
    columns = [
        ["" if pandas.isna(value) else layouts.get(name, "{}").format(value) for value in table[name]]
        for name in table.columns
    ]
    lines = [table.columns, ["---"] * words + ["---:"] * (len(columns) - words), *zip(*columns, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
