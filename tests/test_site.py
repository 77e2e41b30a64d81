"""`make course` and `make site` on small notebooks, `make notebooks`, the checks of the pages, what docs/ lists."""

import re
import sys
from pathlib import Path

import build_site
import check_site
import nbformat
import pytest
import update_notebooks
import yaml
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_runs import all_notebooks

import clsloc_utils

REPOSITORY = Path(__file__).resolve().parents[1]
SAVED = new_output("stream", name="stdout", text="the answer was saved")
BAR = "print('fit:   0%\\rfit:  50%', end='')\nprint('\\rfit: 100%')"
FIRST = [
    new_markdown_cell(
        "# First\n\n## Part\n\nOn to [the second](01_second.ipynb#last) and [its solution](solutions/01.ipynb)."
    ),
    new_markdown_cell("![A picture](../images/two.svg)\n\nHalf: $\\frac{1}{2}$\n\n$$a^2$$"),
    new_code_cell("value = 6 * 7\nprint('the answer is', value)", outputs=[SAVED]),
]
SECOND = [new_markdown_cell("# Second\n\n## Last"), new_code_cell(BAR), new_code_cell("print('<b>not bold</b>')")]
FAILING = [*SECOND, new_code_cell("boxes = {}"), new_code_cell("# what is missing\nboxes['label']"), new_code_cell("1")]
INDEX = """# Title

```{toctree}
:glob:

../notebooks/*
../notebooks/solutions/*
```
"""


def write(course: Path, name: str, cells: list) -> Path:
    path = course / "notebooks" / name
    metadata = {"kernelspec": update_notebooks.KERNEL, "language_info": {"name": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    return path


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder with two notebooks, a solution, a picture and a start page, which `make course` takes for its own."""
    for folder in ("docs", "images", "notebooks/solutions"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "docs" / "index.md").write_text(INDEX, encoding="utf-8")
    (tmp_path / "images" / "two.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    write(tmp_path, "00_first.ipynb", FIRST)
    write(tmp_path, "01_second.ipynb", SECOND)
    write(tmp_path, "solutions/01.ipynb", [new_markdown_cell("# Solutions\n\n[Back](../01_second.ipynb)")])
    monkeypatch.setattr(build_site, "REPOSITORY", tmp_path)
    return tmp_path


def call(command, *arguments) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["command", *map(str, arguments)])
        return command()


def page(course: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((course / "build" / "site" / name).read_text(encoding="utf-8"), "html.parser")


# --- Building the pages -----------------------------------------------------------------------------------------------


def test_course_runs_all_notebooks_and_leaves_pages_without_fault(course, capsys):
    before = {path: path.read_bytes() for path in all_notebooks(course / "notebooks")}
    assert call(build_site.main, "--run", "--strict") == 0
    assert {path: path.read_bytes() for path in before} == before, "the notebooks themselves stay as they are"
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r"\d+ s", "N s", line) for line in lines] == [
        "[1/3] 00_first.ipynb ... N s",
        "[2/3] 01_second.ipynb ... N s",
        "[3/3] 01.ipynb ... N s",
        f"Built in N s. Open {course / 'build' / 'site' / 'index.html'} in a browser.",
    ]
    first = page(course, "notebooks/00_first.html")
    assert "the answer is 42" in first.get_text()
    assert "saved" not in first.get_text()
    assert first.find("img", alt="A picture")
    assert [formula.get("display") for formula in first.find_all("math")] == ["inline", "block"]
    assert first.find("a", string="the second")["href"] == "01_second.html#last"
    assert first.find("a", string="its solution")["href"] == "solutions/01.html"
    second = page(course, "notebooks/01_second.html")
    assert "<b>not bold</b>" in second.get_text()
    assert second.select_one(".output").get_text().strip() == "fit: 100%", "only the last state of a bar"
    assert page(course, "index.html").find("a")["href"] == "docs/index.html"


def test_failing_cell_is_named_and_the_last_pages_stay(course, capsys):
    assert call(build_site.main) == 0
    assert "the answer was saved" in page(course, "notebooks/00_first.html").get_text()
    before = (course / "build" / "site" / "notebooks" / "00_first.html").read_bytes()
    write(course, "02_failing.ipynb", FAILING)
    assert call(build_site.main, "--run") == 1
    captured = capsys.readouterr()
    assert "[3/4] 02_failing.ipynb ... failed" in captured.out
    assert "02_failing.ipynb, code cell 4 failed with KeyError: 'label'" in captured.err
    assert "# what is missing" in captured.err
    assert "\x1b" not in captured.err
    assert (course / "build" / "site" / "notebooks" / "00_first.html").read_bytes() == before
    assert not (course / "build" / "site" / "notebooks" / "02_failing.html").exists()


def test_interrupted_build_leaves_no_pages_and_the_next_one_replaces_all(course, monkeypatch):
    def interrupt(site):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(check_site, "problems", interrupt)
        with pytest.raises(KeyboardInterrupt):
            call(build_site.main, "--strict")
    assert not (course / "build" / "site").exists()
    assert call(build_site.main) == 0
    (course / "docs" / "api").mkdir()
    (course / "docs" / "api" / "module_that_is_gone.md").write_text("# Gone", encoding="utf-8")
    (course / "notebooks" / "01_second.ipynb").rename(course / "notebooks" / "01_other.ipynb")
    assert call(build_site.main) == 0
    pages = sorted(path.name for path in (course / "build" / "site" / "notebooks").glob("*.html"))
    assert pages == ["00_first.html", "01_other.html"]
    assert not list((course / "build" / "site" / "docs").rglob("module_that_is_gone*"))
    assert [path.name for path in (course / "build").iterdir()] == ["site"], "nothing is left over"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("### Deep", "Non-consecutive header level increase; H1 to H3"),
        ("[next](04_absent.ipynb)", "cross-reference target not found: '04_absent.ipynb'"),
        ("[there](00_first.ipynb#gone)", "local id not found in doc 'notebooks/00_first': 'gone'"),
        ("![](../images/two.svg)", "02_faulty.html: a picture without alternative text: ../_images/two.svg"),
    ],
)
def test_fault_of_a_page_is_named_and_only_the_strict_builder_minds(course, capsys, source, complaint):
    write(course, "02_faulty.ipynb", [new_markdown_cell(f"# Faulty\n\n{source}")])
    assert call(build_site.main, "--strict") == 1
    assert complaint in capsys.readouterr().err
    assert not (course / "build").exists() or not list((course / "build").iterdir())
    assert call(build_site.main) == 0


# --- Running notebooks ------------------------------------------------------------------------------------------------


def test_notebooks_come_in_order_and_there_must_be_some(course):
    names = [path.name for path in all_notebooks(course / "notebooks")]
    assert names == ["00_first.ipynb", "01_second.ipynb", "01.ipynb"]
    with pytest.raises(FileNotFoundError, match=r"holds no \.ipynb file"):
        all_notebooks(course / "docs")


def test_update_saves_outputs_without_traces_of_the_machine(course, capsys):
    widget = "import ipywidgets\nipywidgets.IntSlider()"
    cells = [new_code_cell(BAR, metadata={"tags": ["kept"], "collapsed": True}), new_code_cell(widget)]
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


def test_update_leaves_a_failing_notebook_as_it_was_and_names_the_cell(course, capsys):
    path = write(course, "00_failing.ipynb", FAILING)
    before = path.read_bytes()
    assert call(update_notebooks.main, path) == 1
    assert path.read_bytes() == before
    assert "code cell 4 failed with KeyError" in capsys.readouterr().err
    path = write(course, "00_dies.ipynb", [new_code_cell("1"), new_code_cell("import os\nos._exit(1)")])
    assert call(update_notebooks.main, path) == 1
    assert "00_dies.ipynb, code cell 2 failed with DeadKernelError" in capsys.readouterr().err


# --- Checking pages ---------------------------------------------------------------------------------------------------

GOOD = """<html><body><h1>Title</h1><h2 id="part">Part</h2>
<a href="deep/other.html#there">other</a> <a href="#part">up</a>
<a href="https://example.org/x#y">away</a><img src="data:image/png;base64,AA==" alt="A dog in a box"></body></html>"""
OTHER = '<h1>Other</h1><p id="there">there</p><a href="../index.html">back</a>'


@pytest.fixture
def site(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "index.html").write_text(GOOD, encoding="utf-8")
    (tmp_path / "deep" / "other.html").write_text(OTHER, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("deep/other.html#there", "deep/missing.html", "deep/missing.html leads nowhere"),
        ("#there", "#gone", "deep/other.html#gone names a place that the page does not have"),
        ("#part", "#parts", "#parts names a place that the page does not have"),
        ("data:image/png;base64,AA==", "missing.png", "missing.png leads nowhere"),
        (' alt="A dog in a box"', "", "a picture without alternative text: data:image/png;base64,AA=="),
        ("A dog in a box", " ", "a picture without alternative text: data:image/png;base64,AA=="),
        ("<h1>Title</h1>", "", "0 main headings"),
        ("h2", "h3", "a heading of level 3 after one of level 1"),
        ("</body>", '<script src="https://example.org/a.js">', "https://example.org/a.js is loaded from the internet"),
        ("</body>", '<link rel="stylesheet" href="//a.org/b.css">', "//a.org/b.css is loaded from the internet"),
        ("</body>", "<article><table><tr><th></th><th>IoU</th>", "a column without a name in the table of 'IoU'"),
    ],
)
def test_what_is_wrong_is_named_with_its_page(site, old, new, problem):
    assert check_site.problems(site) == []
    (site / "index.html").write_text(GOOD.replace(old, new), encoding="utf-8")
    assert f"index.html: {problem}" in check_site.problems(site)


# --- What docs/ lists -------------------------------------------------------------------------------------------------


def test_reference_lists_the_modules_in_their_order():
    listed = re.findall(r"^   clsloc_utils\.(\w+)$", (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8"), re.M)
    assert listed == re.findall(r"`(\w+)`", clsloc_utils.__doc__)


def test_bibliography_holds_what_the_course_cites():
    bibliography = (REPOSITORY / "docs" / "bibliography.md").read_text(encoding="utf-8")
    sources = [*(REPOSITORY / "notebooks").rglob("*.ipynb"), *(REPOSITORY / "clsloc_utils").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    cited = set(re.findall(r"(?i)arxiv\W{1,2}(?:org/abs/)?(\d{4}\.\d{5}|\d{4}\.\d{4})", text))
    cited |= set(re.findall(r"doi[:.](?:org/)?(10\.\d{4,}/[\w./-]*\w)", text))
    assert len(cited) > 15
    assert {identifier for identifier in cited if identifier not in bibliography} == set()


def test_workflow_builds_and_publishes_the_site():
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8"))
    build = workflow["jobs"]["build"]["steps"]
    assert "make site" in [step.get("run") for step in build]
    (upload,) = [step for step in build if "upload-pages-artifact" in step.get("uses", "")]
    assert upload["with"]["path"] == "build/site"
