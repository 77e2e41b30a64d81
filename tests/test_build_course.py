"""`make course` on two notebooks small enough to run here, and `make notebooks`."""

import re
import sys
from pathlib import Path

import build_course
import nbformat
import pytest
import update_notebooks
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebook_runs import NotebookFailed, course_notebooks, run_notebook, solution_notebooks

SHOW = 'from IPython.display import HTML\nHTML(\'<img alt="A dot" src="data:image/png;base64,AAAA">\')'
FIRST = [
    new_markdown_cell(
        "# First & foremost\n\nWhat it *is* about.\n\n## Part\n\nOn to [the second](01_second.ipynb#Last)."
    ),
    new_markdown_cell("![A picture](../images/two.svg)\n\nHalf: $\\frac{1}{2}$\n\n$$a^2$$\n\n```python\nx = 1\n```"),
    new_code_cell("value = 6 * 7\nprint('the answer is', value)"),
    new_code_cell(SHOW.replace("A dot", "A question")),
    new_code_cell(SHOW),
]
SECOND = [new_markdown_cell("# Second"), new_code_cell("print('<b>not bold</b>')")]
FAILING = [*SECOND, new_code_cell("boxes = {}"), new_code_cell("# what is missing\nboxes['label']"), new_code_cell("1")]


@pytest.fixture
def course(tmp_path):
    """A folder with notebooks and images; `course.write(name, cells)` adds to it."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "two.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return tmp_path


def write(course: Path, name: str, cells: list) -> Path:
    path = course / "notebooks" / name
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    return path


def build(course: Path) -> int:
    """Runs the command on this folder and returns its exit status."""
    folders = [f"--{name}={course / name}" for name in ("notebooks", "images", "build")]
    return call(build_course.main, *folders)


def call(command, *arguments) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["command", *map(str, arguments)])
        return command()


def page(course: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((course / "build" / name).read_text(encoding="utf-8"), "html.parser")


def test_build_runs_all_notebooks_and_leaves_pages(course, capsys):
    paths = [write(course, "00_first.ipynb", FIRST), write(course, "01_second.ipynb", SECOND)]
    before = [path.read_bytes() for path in paths]
    assert build(course) == 0
    assert [path.read_bytes() for path in paths] == before, "the notebooks themselves stay as they are"
    printed = capsys.readouterr().out
    assert re.search(r"\[1/2\] 00_first\.ipynb \.\.\. \d+ s\n\[2/2\] 01_second\.ipynb \.\.\. \d+ s\nBuilt in", printed)

    first = page(course, "notebooks/00_first.html")
    assert first.title.get_text() == "First & foremost"
    assert "the answer is 42" in first.get_text()
    assert [image["src"] for image in first.find_all("img", alt="A picture")] == ["../images/two.svg"]
    assert len(first.find_all("math")) == 2
    assert first.find("math", display="block") is not None
    assert "$" not in first.select_one("main").get_text()
    assert first.find("a", string="the second")["href"] == "01_second.html#Last"
    assert first.select_one("nav a[rel=next]")["href"] == "01_second.html"
    second = page(course, "notebooks/01_second.html")
    assert second.select_one("nav a[rel=prev]")["href"] == "00_first.html"
    assert second.find("b") is None
    assert "<b>not bold</b>" in second.get_text()

    start = page(course, "index.html")
    rows = [[cell.get_text() for cell in row.find_all("td")] for row in start.select("tbody tr")]
    assert [row[0] for row in rows] == ["First & foremostWhat it is about.", "Second"]
    assert all(re.fullmatch(r"\d+ s", row[1]) for row in rows)
    assert [link["href"] for link in start.select("tbody a")] == ["notebooks/00_first.html", "notebooks/01_second.html"]
    assert start.find("img")["alt"] == "A dot", "the last picture of the first notebook"


def test_pages_load_nothing_from_elsewhere(course):
    write(course, "00_first.ipynb", FIRST)
    assert build(course) == 0
    for name in ("index.html", "notebooks/00_first.html"):
        document = page(course, name)
        assert document.find("script") is None
        assert document.html["lang"] == "en"
        loaded = [element.get("src") or element.get("href") for element in document.select("[src], link[href]")]
        assert loaded
        for target in loaded:
            assert target.startswith("data:") or (course / "build" / name).parent.joinpath(target).exists(), target
    style = (course / "build" / "course.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "prefers-color-scheme: dark" in style


def test_solutions_come_after_the_notebooks_and_links_lead_to_their_pages(course):
    write(course, "01_b.ipynb", SECOND)
    (course / "notebooks" / "solutions").mkdir()
    for number in ("02", "01"):
        write(course, f"solutions/{number}_solutions.ipynb", SECOND)
    found = solution_notebooks(course / "notebooks")
    assert [path.name for path in found] == ["01_solutions.ipynb", "02_solutions.ipynb"]
    assert [path.name for path in course_notebooks(course / "notebooks")] == ["01_b.ipynb"]
    links = "[there](solutions/01_solutions.ipynb#top) [back](../01_b.ipynb) [no](https://example.org/a.ipynb)"
    targets = [
        link["href"] for link in BeautifulSoup(build_course.markdown_to_html(links), "html.parser").find_all("a")
    ]
    assert targets == ["01_solutions.html#top", "01_b.html", "https://example.org/a.ipynb"]


def test_words_stand_for_pictures_from_the_internet():
    badge = "[![Open <in> Colab](https://example.org/badge.svg)](https://example.org/a.ipynb) ![Two](../images/two.svg)"
    page = BeautifulSoup(build_course.markdown_to_html(badge), "html.parser")
    assert [image["src"] for image in page.find_all("img")] == ["../images/two.svg"]
    assert page.find("a", href="https://example.org/a.ipynb").get_text() == "Open <in> Colab"


def test_failing_notebook_is_named_and_the_last_build_stays(course, capsys):
    write(course, "00_first.ipynb", SECOND)
    assert build(course) == 0
    before = (course / "build" / "index.html").read_bytes()
    write(course, "01_failing.ipynb", FAILING)
    assert build(course) == 1
    captured = capsys.readouterr()
    assert "01_failing.ipynb ... failed" in captured.out
    assert "01_failing.ipynb, code cell 3 failed with KeyError: 'label'" in captured.err
    assert "# what is missing" in captured.err
    assert "\x1b" not in captured.err
    assert (course / "build" / "index.html").read_bytes() == before
    assert sorted(path.name for path in course.iterdir()) == ["build", "images", "notebooks"], "nothing is left over"


def test_second_build_replaces_all_of_the_first_and_nothing_else(course):
    path = write(course, "00_first.ipynb", SECOND)
    assert build(course) == 0
    path.rename(path.with_name("00_other.ipynb"))
    (course / "build" / "site").mkdir()
    (course / "build" / "site" / "index.html").write_text("of make site")
    assert build(course) == 0
    assert (course / "build" / "site" / "index.html").read_text() == "of make site", "not its own"
    assert [file.name for file in (course / "build" / "notebooks").iterdir()] == ["00_other.html"]
    assert sorted(path.name for path in course.iterdir()) == ["build", "images", "notebooks"]


def test_notebooks_come_in_order_and_there_must_be_some(course):
    with pytest.raises(FileNotFoundError, match=r"holds no \.ipynb file"):
        course_notebooks(course / "notebooks")
    write(course, "01_b.ipynb", SECOND)
    write(course, "00_a.ipynb", SECOND)
    assert [path.name for path in course_notebooks(course / "notebooks")] == ["00_a.ipynb", "01_b.ipynb"]


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (605, "10 min 5 s")])
def test_duration(seconds, words):
    assert build_course.duration(seconds) == words


def test_killed_kernel_names_the_cell(course):
    path = write(course, "00_dies.ipynb", [new_code_cell("1"), new_code_cell("import os\nos._exit(1)")])
    with pytest.raises(NotebookFailed, match=r"00_dies.ipynb, code cell 2 failed with DeadKernelError"):
        run_notebook(path)


def test_update_saves_outputs_without_traces_of_the_machine(course, capsys):
    bar = "print('fit:   0%\\rfit:  50%', end='')\nprint('\\rfit: 100%')"
    widget = "import ipywidgets\nipywidgets.IntSlider()"
    cells = [new_code_cell(bar, metadata={"tags": ["kept"], "collapsed": True}), new_code_cell(widget)]
    path = write(course, "00_first.ipynb", cells)
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.language_info = {"name": "python", "version": "3.11.2"}
    nbformat.write(notebook, path)
    assert call(update_notebooks.main, path) == 0
    notebook = nbformat.read(path, as_version=4)
    cell, with_widget = notebook.cells
    assert cell.execution_count == 1
    assert list(with_widget.outputs[0].data) == ["text/plain"], "the widget's kernel is gone"
    assert [output.text for output in cell.outputs] == ["fit: 100%\n"], "only the last state of a progress bar"
    assert cell.metadata == {"tags": ["kept"]}
    assert "3.11" not in path.read_text(encoding="utf-8")


def test_update_leaves_a_failing_notebook_as_it_was(course, capsys):
    path = write(course, "00_failing.ipynb", FAILING)
    before = path.read_bytes()
    assert call(update_notebooks.main, path) == 1
    assert path.read_bytes() == before
    assert "code cell 3 failed with KeyError" in capsys.readouterr().err
