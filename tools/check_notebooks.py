"""Looks for what a reader or the strict comparison of outputs would stumble over in a notebook, and no page shows.

python tools/check_notebooks.py
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from nbval.plugin import find_comment_markers, find_metadata_tags
from notebook_runs import course_notebooks

MAX_CELL_LINES = 25
MIN_COMPARED_OUTPUTS = 8
WIDGET = re.compile(r"(VBox|HBox|GridBox|Box|Tab|Accordion)\(children=|(HTML|FileUpload|Button|\w*Slider)\(value=")
"""How ipywidgets writes a widget where there is only text."""


def problems(path: Path) -> list[str]:
    """Everything that is wrong with a notebook, executed and saved: one sentence each, with the cell it is about."""
    notebook = nbformat.read(path, as_version=4)
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        return [f"not a valid notebook: {error.message}"]
    return [problem for check in (_execution, _cells, _compared) for problem in check(notebook)]


def _execution(notebook: nbformat.NotebookNode) -> Iterator[str]:
    name = notebook.metadata.get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"its kernel is {name!r}; make it 'python3', which every installation has"
    counts = [cell.execution_count for cell in _code_cells(notebook) if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not run from top to bottom: its cells count {counts}; run `make notebooks`"


def _cells(notebook: nbformat.NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, 1):
        lines = len(cell.source.splitlines())
        if lines > MAX_CELL_LINES:
            yield f"cell {number} has {lines} lines, more than {MAX_CELL_LINES}; split it"
        may_fail = {"raises-exception", "nbval-raises-exception"} & set(cell.metadata.get("tags", []))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if output.output_type == "error" and not may_fail:
                yield f"cell {number} failed with {output.ename}: {output.evalue}"
            if output.output_type == "stream" and output.name == "stderr":
                yield f"cell {number} wrote to standard error: {output.text[:100]!r}"
            if "text/html" not in data and WIDGET.match(data.get("text/plain", "")):
                yield f"cell {number} shows a widget and nothing where it cannot move: {data['text/plain'][:60]!r}"
            pictures = BeautifulSoup(data.get("text/html", ""), "html.parser").find_all("img")
            if any(kind.startswith("image/") for kind in data) or not all(
                picture.get("alt", "").strip() for picture in pictures
            ):
                yield f"cell {number} draws a picture without alternative text; use plotting.show(figure, alt=...)"


def _compared(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Whether enough cells print or return something that the tests compare; pictures do not count."""
    count = sum(
        _is_compared(cell)
        and "exercise" not in cell.metadata.get("tags", ())  # "Not tried yet" is no answer of the package.
        and any(_says_something(output) for output in cell.outputs)
        for cell in _code_cells(notebook)
    )
    if count < MIN_COMPARED_OUTPUTS:
        yield f"only {count} of its cells have a text output that is compared; show at least {MIN_COMPARED_OUTPUTS}"


def _code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _is_compared(cell: nbformat.NotebookNode) -> bool:
    """Whether nbval compares the outputs of this cell."""
    options = dict(find_metadata_tags(cell.metadata)) | dict(find_comment_markers(cell.source))
    return options.get("check", True) and not options.get("skip", False)


def _says_something(output: nbformat.NotebookNode) -> bool:
    """Whether this output is text that could tell right from wrong: no picture, no mere progress bar."""
    if output.output_type == "stream":
        return any(line.strip() and "%|" not in line for line in output.text.splitlines())
    data = output.get("data", {})
    has_picture = any(kind.startswith("image/") for kind in data) or "<img" in data.get("text/html", "")
    return "text/plain" in data and not has_picture


if __name__ == "__main__":
    sys.exit("\n".join(f"{path.name}: {problem}" for path in course_notebooks() for problem in problems(path)) or 0)
