"""Runs notebooks and saves their outputs in place: the last step of an edit.

    python tools/update_notebooks.py                                  # all of them
    python tools/update_notebooks.py notebooks/01_problem_framing.ipynb

The saved outputs are what the tests compare with: look at them, and at their difference to the last commit.
"""

import argparse
import sys
from pathlib import Path

import nbformat
from notebook_runs import NotebookFailed, all_notebooks, run_notebooks

NOT_SAVED = "picture-not-saved"
"""Tag of a cell that shows photographs of others: a reader sees them in the run, the repository holds none."""
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def save(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Saves a notebook that ran, with what every machine agrees on: no version of Python, no settings of an editor."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if NOT_SAVED in tags:
            for output in cell.outputs:
                output.get("data", {}).pop("text/html", None)
        hidden = {"jupyter": {"source_hidden": True}} if "remove-cell" in tags else {}
        cell.metadata = nbformat.from_dict(({"tags": tags} if tags else {}) | hidden)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def main() -> int:
    """Runs the notebooks named on the command line, or all; one whose cell fails stays as it was."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("notebooks", nargs="*", type=Path, help="default: all notebooks of the course")
    try:
        for path, notebook in run_notebooks(arguments.parse_args().notebooks or all_notebooks()):
            save(notebook, path)
    except NotebookFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
