"""Running notebooks outside of JupyterLab; shared by build_site.py and update_notebooks.py."""

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CELL_TIMEOUT_SECONDS = 600
WIDGET = "application/vnd.jupyter.widget-view+json"
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class NotebookFailed(RuntimeError):
    """A notebook stopped with an error; the message names the notebook, the cell and the error."""


def course_notebooks(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks of the course in the order of their numbers; without any, a `FileNotFoundError`."""
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no .ipynb file.")
    return paths


def all_notebooks(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks of the course, and behind them those in its folder `solutions`."""
    return [*course_notebooks(folder), *sorted((folder / "solutions").glob("*.ipynb"))]


def run_notebooks(paths: list[Path]) -> Iterator[tuple[Path, nbformat.NotebookNode]]:
    """Runs notebooks one after the other, as `run_notebook` does; prints for each how long it took."""
    for number, path in enumerate(paths, 1):
        print(f"[{number}/{len(paths)}] {path.name} ...", end=" ", flush=True)
        begin = time.perf_counter()
        try:
            notebook = run_notebook(path)
        except NotebookFailed:
            print("failed", flush=True)
            raise
        print(f"{time.perf_counter() - begin:.0f} s", flush=True)
        yield path, notebook


def run_notebook(path: Path) -> nbformat.NotebookNode:
    """Runs a notebook from top to bottom in a fresh kernel, in its own folder as JupyterLab does.

    Returns:
        The notebook with its new outputs; the file itself stays as it is.

    Raises:
        NotebookFailed: A cell raised an error, took too long, or lost its kernel.
    """
    notebook = nbformat.read(path, as_version=4)
    begun = []
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_SECONDS,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        record_timing=False,
        store_widget_state=False,
        # Keeps of a progress bar what is on the screen at the end: the file stays small, and so do its changes.
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: begun.append(cell),
    )
    try:
        # Whoever runs a notebook this way has solved no exercise before, and their record of what they have stays.
        with tempfile.TemporaryDirectory() as record:
            client.execute(env={**os.environ, "CLSLOC_PROGRESS_DIR": record})
    except CellExecutionError as error:
        raise NotebookFailed(_failure(path, begun, f"{error.ename}: {error.evalue}", error.traceback)) from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise NotebookFailed(_failure(path, begun, f"{type(error).__name__}: {error}")) from error
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # A widget lives in the kernel that has just ended; what stands in for it remains.
            output.get("data", {}).pop(WIDGET, None)
    return notebook


def _failure(path: Path, begun: list[nbformat.NotebookNode], error: str, traceback: str = "") -> str:
    """Which notebook, which cell, what it says, and what went wrong in it."""
    source = "\n".join(f"    {line}" for line in begun[-1].source.splitlines())
    message = f"{path.name}, code cell {len(begun)} failed with {error}\n{source}"
    return f"{message}\n{_ANSI_COLOUR.sub('', traceback)}" if traceback else message
