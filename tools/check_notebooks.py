"""Looks for what a reader, a screen reader or the strict comparison of outputs would stumble over in a notebook.

python tools/check_notebooks.py                                  # all of them
python tools/check_notebooks.py notebooks/01_problem_framing.ipynb
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from build_course import markdown_to_html
from nbval.plugin import find_comment_markers, find_metadata_tags
from notebook_runs import course_notebooks

MAX_CELL_LINES = 25
MIN_COMPARED_OUTPUTS = 8
WIDGET = re.compile(r"(VBox|HBox|GridBox|Box|Tab|Accordion)\(children=|(HTML|FileUpload|Button|\w*Slider)\(value=")
"""How ipywidgets writes a widget where there is only text."""


def problems(path: Path) -> list[str]:
    """Everything that is wrong with a notebook.

    Args:
        path: The notebook, executed and saved.

    Returns:
        One sentence each, with the cell it is about; empty when all is well.
    """
    notebook = nbformat.read(path, as_version=4)
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        return [f"not a valid notebook: {error.message}"]
    checks = (_kernel, _execution, _outputs, _lengths, _pictures, _headings, _links, _compared)
    return [problem for check in checks for problem in check(notebook, path.parent)]


def compared_outputs(notebook: nbformat.NotebookNode) -> int:
    """How many cells print or return something that the tests compare; pictures do not count.

    Args:
        notebook: The notebook with its outputs.

    Returns:
        The number of cells.
    """
    return sum(
        _is_compared(cell)
        and "exercise" not in cell.metadata.get("tags", ())  # "Not tried yet" is no answer of the package.
        and any(_says_something(output) for output in cell.outputs)
        for cell in _code_cells(notebook)
    )


def _kernel(notebook: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    name = notebook.metadata.get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"its kernel is {name!r}; make it 'python3', which every installation has"


def _execution(notebook: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    counts = [cell.execution_count for cell in _code_cells(notebook) if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not run from top to bottom: its cells count {counts}; run `make notebooks`"


def _outputs(notebook: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    for number, cell in enumerate(_code_cells(notebook), 1):
        may_fail = {"raises-exception", "nbval-raises-exception"} & set(cell.metadata.get("tags", []))
        for output in cell.outputs:
            if output.output_type == "error" and not may_fail:
                yield f"code cell {number} failed with {output.ename}: {output.evalue}"
            if output.output_type == "stream" and output.name == "stderr":
                yield f"code cell {number} wrote to standard error: {output.text[:100]!r}"
            text = output.get("data", {}).get("text/plain", "")
            if "text/html" not in output.get("data", {}) and WIDGET.match(text):
                yield f"code cell {number} shows a widget and nothing where it cannot move: {text[:60]!r}"


def _lengths(notebook: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, 1):
        lines = len(cell.source.splitlines())
        if lines > MAX_CELL_LINES:
            yield f"cell {number} has {lines} lines, more than {MAX_CELL_LINES}; split it"


def _pictures(notebook: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, 1):
        pages = [markdown_to_html(cell.source)] if cell.cell_type == "markdown" else []
        for output in cell.get("outputs", []):
            pages.append(output.get("data", {}).get("text/html", ""))
            for kind in output.get("data", {}):
                if kind.startswith("image/") and not output.metadata.get(kind, {}).get("alt", "").strip():
                    yield f"cell {number} draws a picture without alternative text; use plotting.show(figure, alt=...)"
        for image in (image for page in pages for image in BeautifulSoup(page, "html.parser").find_all("img")):
            if not image.get("alt", "").strip():
                yield f"cell {number} has a picture without alternative text: {image.get('src', '')[:60]}"


def _headings(notebook: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    headings = BeautifulSoup(_prose(notebook), "html.parser").find_all(["h1", "h2", "h3", "h4", "h5", "h6"])
    levels = [int(heading.name[1]) for heading in headings]
    if levels.count(1) != 1 or levels[0] != 1:
        yield f"it has {levels.count(1)} headings of the first level; give it one, its title, as the first heading"
    for previous, heading, level in zip(levels, headings[1:], levels[1:], strict=False):
        if level > previous + 1:
            yield f"the heading {heading.get_text()!r} jumps from level {previous} to {level}"


def _links(notebook: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    source = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    page = BeautifulSoup(markdown_to_html(source, pages=False), "html.parser")
    targets = [element.get("href") or element.get("src") for element in page.select("a[href], img[src]")]
    for target in targets:
        file = target.split("#")[0]
        if file and ":" not in file and not (folder / file).exists():
            yield f"its link to {target} leads nowhere"


def _compared(notebook: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    count = compared_outputs(notebook)
    if count < MIN_COMPARED_OUTPUTS:
        yield f"only {count} of its cells have a text output that is compared; show at least {MIN_COMPARED_OUTPUTS}"


def _code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _prose(notebook: nbformat.NotebookNode) -> str:
    """All Markdown cells as one page."""
    return "\n".join(markdown_to_html(cell.source) for cell in notebook.cells if cell.cell_type == "markdown")


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


def main() -> int:
    """Checks the notebooks named on the command line, or all."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("notebooks", nargs="*", type=Path, help="default: all notebooks of the course")
    found = 0
    for path in arguments.parse_args().notebooks or course_notebooks():
        for problem in problems(path):
            print(f"{path.name}: {problem}")
            found += 1
    print(f"{found} problems" if found else "All is well.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
