"""Runs all notebooks of the course and leaves them as web pages in build/, with a start page, build/index.html.

The notebooks themselves stay as they are. A build that fails leaves the pages of the one before in place.
"""

import argparse
import dataclasses
import html
import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import latex2mathml.converter
import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from notebook_runs import NOTEBOOKS, NotebookFailed, course_notebooks, run_notebook, solution_notebooks
from pygments.formatters import HtmlFormatter

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE_TEMPLATE = Path(__file__).resolve().parent / "course_page"
COURSE_TITLE = "What is in the picture, and where?"
COURSE_SUBTITLE = "Image classification and localization with Keras, hands on"
LIGHT_CODE_STYLE = "xcode"
DARK_CODE_STYLE = "github-dark"


@dataclasses.dataclass(frozen=True)
class Chapter:
    """One notebook that ran.

    Attributes:
        page: File name of its page.
        title: Its first heading.
        summary: The first paragraph after that heading, as plain text; empty when there is none.
        notebook: The notebook with its outputs.
        seconds: How long it ran.
    """

    page: str
    title: str
    summary: str
    notebook: nbformat.NotebookNode
    seconds: float


class _MathRenderer(IPythonRenderer):
    """Markdown to HTML with formulas as MathML, which browsers show without a script from the internet."""

    def inline_math(self, body: str) -> str:
        return latex2mathml.converter.convert(body)

    def block_math(self, body: str) -> str:
        return latex2mathml.converter.convert(body, display="block")

    def latex_environment(self, name: str, body: str) -> str:
        return latex2mathml.converter.convert(f"\\begin{{{name}}}{body}\\end{{{name}}}", display="block")


class _PageRenderer(_MathRenderer):
    """The same for pages that are read offline.

    Links from notebook to notebook become links from page to page. In the place of a picture from the internet, such as
    a badge, stand its words.
    """

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, re.sub(r"^(?:\.\./|solutions/)?([^:/]+)\.ipynb(?=#|$)", r"\1.html", url), title)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return html.escape(text) if urlsplit(url).netloc else super().image(text, url, title)


def markdown_to_html(source: str, pages: bool = True) -> str:
    """A Markdown cell as HTML, with formulas as MathML.

    Args:
        source: Its text.
        pages: Whether links to notebooks beside it become links to their pages.

    Returns:
        HTML.
    """
    renderer = _PageRenderer if pages else _MathRenderer
    return MarkdownWithMath(renderer=renderer(escape=False, anchor_link_text="#")).render(source)


def title_and_summary(notebook: nbformat.NotebookNode, default: str) -> tuple[str, str]:
    """The first heading of a notebook and the paragraph after it.

    Args:
        notebook: Any notebook.
        default: The title when it has no heading.

    Returns:
        Both as plain text; the summary is empty when there is none.
    """
    source = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    page = BeautifulSoup(markdown_to_html(source), "html.parser")
    heading = page.find("h1")
    if heading is None:
        return default, ""
    for anchor in heading.select("a.anchor-link"):
        anchor.decompose()
    paragraph = heading.find_next_sibling()
    is_paragraph = paragraph is not None and paragraph.name == "p" and paragraph.get_text(strip=True)
    return heading.get_text(" ", strip=True), " ".join(paragraph.get_text().split()) if is_paragraph else ""


def run_chapters(paths: list[Path]) -> list[Chapter]:
    """Runs the notebooks one after the other and says so.

    Args:
        paths: The notebooks.

    Returns:
        What came of each.

    Raises:
        NotebookFailed: A cell failed.
    """
    chapters = []
    for number, path in enumerate(paths, 1):
        print(f"[{number}/{len(paths)}] {path.name} ...", end=" ", flush=True)
        try:
            notebook, seconds = run_notebook(path)
        except NotebookFailed:
            print("failed", flush=True)
            raise
        print(f"{duration(seconds)}", flush=True)
        title, summary = title_and_summary(notebook, default=path.stem)
        chapters.append(Chapter(f"{path.stem}.html", title, summary, notebook, seconds))
    return chapters


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    Args:
        seconds: Not negative.

    Returns:
        For example `"42 s"` or `"2 min 5 s"`.
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def write_pages(chapters: list[Chapter], folder: Path) -> None:
    """Writes one page for each chapter.

    Args:
        chapters: In their order.
        folder: Where the pages go; it exists.
    """
    exporter = HTMLExporter(template_name=PAGE_TEMPLATE.name, extra_template_basedirs=[str(PAGE_TEMPLATE.parent)])
    exporter.register_filter("markdown2html", markdown_to_html)
    for position, chapter in enumerate(chapters):
        course = {
            "title": chapter.title,
            "previous": chapters[position - 1] if position else None,
            "next": chapters[position + 1] if position + 1 < len(chapters) else None,
        }
        page, _ = exporter.from_notebook_node(chapter.notebook, resources={"course": course})
        (folder / chapter.page).write_text(page, encoding="utf-8")


def picture_of_the_result(chapters: list[Chapter]) -> str:
    """The last picture of the first notebook that drew some: there the course shows what it is about.

    Args:
        chapters: In their order.

    Returns:
        An `<img>` element with its alternative text, or an empty string when no notebook drew one.
    """
    for chapter in chapters:
        outputs = [output for cell in chapter.notebook.cells for output in cell.get("outputs", [])]
        for output in reversed(outputs):
            image = BeautifulSoup(output.get("data", {}).get("text/html", ""), "html.parser").find("img", alt=True)
            if image is not None:
                return str(image)
    return ""


def start_page(chapters: list[Chapter], total_seconds: float) -> str:
    """The page that a reader opens first.

    Args:
        chapters: In their order.
        total_seconds: How long the whole build took.

    Returns:
        HTML.
    """
    rows = "\n".join(
        f'<tr><td><a href="notebooks/{chapter.page}">{html.escape(chapter.title)}</a>'
        f"{f'<p>{html.escape(chapter.summary)}</p>' if chapter.summary else ''}</td>"
        f'<td class="time">{duration(chapter.seconds)}</td></tr>'
        for chapter in chapters
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras"))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{COURSE_TITLE}</title>
<link rel="stylesheet" href="course.css">
</head>
<body class="start">
<main>
<h1>{COURSE_TITLE}</h1>
<p>{COURSE_SUBTITLE}. The pages below are the notebooks as they ran on this computer, with all they printed and drew.
To work in them yourself, type <code>make lab</code>.</p>
{picture_of_the_result(chapters)}
<h2>The notebooks</h2>
<table>
<thead><tr><th scope="col">Notebook</th><th scope="col" class="time">Ran for</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p class="muted">The whole build took {duration(total_seconds)} on {os.cpu_count()} processor cores, with Python
{platform.python_version()}, {versions}.</p>
</main>
</body>
</html>
"""


def style_sheet() -> str:
    """The style of all pages: the course's own, and colours of code for light and for dark."""
    light = HtmlFormatter(style=LIGHT_CODE_STYLE).get_style_defs(".highlight")
    dark = HtmlFormatter(style=DARK_CODE_STYLE).get_style_defs(".highlight")
    own = (PAGE_TEMPLATE / "course.css").read_text(encoding="utf-8")
    # The ground behind code is the course's own colour, in both.
    ground = ".highlight { background: none; }"
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{ground}\n{own}"


def replace_folder(new: Path, old: Path) -> None:
    """Puts one folder in the place of another.

    Args:
        new: The folder that moves.
        old: Where it goes. What was there is removed, except what the new one has nothing of the same name for, such as
            the site of `make site`: that stays.
    """
    if old.exists():
        for entry in list(old.iterdir()):
            if not (new / entry.name).exists():
                entry.rename(new / entry.name)
        retired = Path(tempfile.mkdtemp(prefix=".build-", dir=old.parent))
        old.rename(retired / "old")
        new.rename(old)
        shutil.rmtree(retired)
    else:
        new.rename(old)


def build(notebooks: Path, images: Path, target: Path) -> None:
    """Runs the notebooks and puts the pages in place.

    Args:
        notebooks: Folder of the notebooks.
        images: Folder of the pictures that they refer to as `../images/...`.
        target: Where the pages go; replaced only when all went well. What others left there, such as `site`, stays.

    Raises:
        NotebookFailed: A cell failed; `target` is as it was.
    """
    begin = time.perf_counter()
    chapters = run_chapters([*course_notebooks(notebooks), *solution_notebooks(notebooks)])
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as temporary:
        pages = Path(temporary) / "pages"
        (pages / "notebooks").mkdir(parents=True)
        write_pages(chapters, pages / "notebooks")
        if images.is_dir():
            shutil.copytree(images, pages / "images")
        (pages / "course.css").write_text(style_sheet(), encoding="utf-8")
        total = time.perf_counter() - begin
        (pages / "index.html").write_text(start_page(chapters, total), encoding="utf-8")
        replace_folder(pages, target)
    print(f"Built in {duration(total)}. Open {target / 'index.html'} in a browser.")


def main() -> int:
    """Builds the course."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--notebooks", type=Path, default=NOTEBOOKS)
    arguments.add_argument("--images", type=Path, default=REPOSITORY / "images")
    arguments.add_argument("--build", type=Path, default=REPOSITORY / "build")
    options = arguments.parse_args()
    try:
        build(options.notebooks.resolve(), options.images.resolve(), options.build.resolve())
    except NotebookFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
