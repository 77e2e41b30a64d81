"""Runs notebooks and saves their outputs in place: the last step of an edit.

    python tools/update_notebooks.py                                  # all of them
    python tools/update_notebooks.py notebooks/01_problem_framing.ipynb

The saved outputs are what the tests compare with: look at them, and at their difference to the last commit.
"""

import argparse
import sys
from pathlib import Path

import nbformat
from notebook_runs import NotebookFailed, course_notebooks, run_notebook, solution_notebooks

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def update(path: Path) -> float:
    """Runs one notebook and saves its outputs in it.

    Args:
        path: The notebook; it stays as it was when a cell fails.

    Returns:
        The seconds it took.

    Raises:
        NotebookFailed: A cell failed.
    """
    notebook, seconds = run_notebook(path)
    # Only what every machine agrees on: no version of Python, no settings of an editor.
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in ("tags",) if key in cell.metadata})
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    return seconds


def main() -> int:
    """Runs the notebooks named on the command line, or all."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("notebooks", nargs="*", type=Path, help="default: all notebooks of the course")
    paths = arguments.parse_args().notebooks or [*course_notebooks(), *solution_notebooks()]
    for path in paths:
        print(f"{path.name} ...", end=" ", flush=True)
        try:
            seconds = update(path)
        except NotebookFailed as failure:
            print(f"failed\n\n{failure}", file=sys.stderr)
            return 1
        print(f"{seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
