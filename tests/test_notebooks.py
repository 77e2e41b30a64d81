"""The notebooks of the course as files (their cells are run by nbval), and the tools that look after them."""

import importlib.util
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from check_notebooks import problems
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbval.plugin import coalesce_streams, get_sanitize_patterns

from clsloc_utils import cli, host
from clsloc_utils.progress import progress

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_in_order(path):
    assert problems(path) == []


def set_up_cells():
    """The source of each notebook's set-up cell, by the notebook's path."""
    paths = sorted((REPOSITORY / "notebooks").rglob("*_*.ipynb"))
    notebooks = {path: nbformat.read(path, as_version=4) for path in paths if ".ipynb_checkpoints" not in path.parts}
    assert len(notebooks) > len(NOTEBOOKS)
    return {path: notebook.cells[1].source for path, notebook in notebooks.items()}


def test_first_code_cell_is_the_same_everywhere():
    (source,) = set(set_up_cells().values())
    assert len(source.splitlines()) < 10


@pytest.mark.parametrize("is_installed", [True, False])
def test_first_code_cell_installs_the_course_only_where_it_is_missing(monkeypatch, is_installed):
    source = next(iter(set_up_cells().values()))
    shell = InteractiveShell()
    calls = []
    shell.register_magic_function(calls.append, magic_name="pip")
    shell.user_ns["input"] = lambda question: "https://example.org/course"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: is_installed or None)
    monkeypatch.setattr(host, "prepare", lambda: calls.append("prepared"))
    assert shell.run_cell(source).success
    install = [] if is_installed else ['install --quiet --no-deps "git+https://example.org/course"']
    assert calls == [*install, "prepared"]


def test_commands_in_the_text_exist():
    cells = [cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    commands = [line for source in cells for line in source.splitlines() if line.startswith("clsloc ")]
    assert len(commands) >= 4
    for command in commands:
        assert cli.parser().parse_args(shlex.split(command)[1:]).command, command


# --- The checks themselves --------------------------------------------------------------------------------------------


def code(number, source="1 + 1", outputs=None, **metadata):
    """A code cell that ran as the number-th, by default with one compared output."""
    result = new_output("execute_result", {"text/plain": "2"}, execution_count=number)
    return new_code_cell(source, execution_count=number, outputs=[result] if outputs is None else outputs, **metadata)


@pytest.fixture
def notebook():
    """A notebook without faults."""
    cells = [new_markdown_cell("# Title\n\nWords."), *(code(number) for number in range(1, 9))]
    return new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


@pytest.fixture
def problems_of(tmp_path):
    """Saves a notebook and checks it."""

    def check(notebook):
        path = tmp_path / "some.ipynb"
        nbformat.write(notebook, path)
        return problems(path)

    return check


def html(source):
    return new_output("display_data", {"text/html": source, "text/plain": "words"})


def add(*outputs, number=9, source="1 + 1"):
    """Spoils a notebook by a cell more."""
    return lambda notebook: notebook.cells.append(code(number, source=source, outputs=list(outputs)))


def change(**fields):
    """Spoils a notebook's second cell."""
    return lambda notebook: notebook.cells[1].update(**fields)


def tag(name):
    return lambda notebook: notebook.cells[1].metadata.update(tags=[name])


NO_ALT, TOO_FEW = "cell 10 draws a picture without alternative text", "only 7 of its cells"
FAULTS = {
    "kernel": (lambda n: n.metadata.kernelspec.update(name="my_environment"), "kernel is 'my_environment'"),
    "order": (lambda n: n.cells.insert(1, code(9)), "not run from top to bottom"),
    "not run": (add(number=None), "not run from top to bottom"),
    "error": (
        add(new_output("error", ename="KeyError", evalue="box", traceback=[])),
        "cell 10 failed with KeyError: box",
    ),
    "stderr": (
        add(new_output("stream", name="stderr", text="Warning!")),
        "cell 10 wrote to standard error: 'Warning!'",
    ),
    "bare widget": (
        add(new_output("display_data", {"text/plain": "VBox(children=(Bu…"})),
        "cell 10 shows a widget and nothing where it cannot move: 'VBox(children=(Bu",
    ),
    "length": (add(source="x = 1\n" * 26), "cell 10 has 26 lines"),
    "picture": (add(new_output("display_data", {"image/png": "aaaa"})), NO_ALT),
    "html picture": (add(html('<img src="a.png">')), NO_ALT),
    "empty alt": (add(html('<img alt=" ">')), NO_ALT),
    "ignored output": (tag("nbval-ignore-output"), TOO_FEW),
    "ignored by comment": (change(source="# NBVAL_IGNORE_OUTPUT\n1"), TOO_FEW),
    "skipped": (tag("nbval-skip"), TOO_FEW),
    "only pictures": (change(outputs=[html('<img alt="a" src="b">')]), TOO_FEW),
    "only a bar": (change(outputs=[new_output("stream", text="fit: 100%|###| 2/2 [00:01<00:00]\n")]), TOO_FEW),
}


@pytest.mark.parametrize(("spoil", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_found(notebook, problems_of, spoil, expected):
    assert problems_of(notebook) == []
    spoil(notebook)
    found = problems_of(notebook)
    assert len(found) == 1
    assert expected in found[0]


def test_what_is_allowed(notebook, problems_of):
    failing = [new_output("error", ename="ValueError", evalue="as meant", traceback=[])]
    notebook.cells += [
        code(9, outputs=failing, metadata={"tags": ["raises-exception"]}),
        code(10, outputs=[html('<img alt="A dog" src="data:...">')]),
    ]
    assert problems_of(notebook) == []


# --- What the comparison of outputs overlooks -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def comparable():
    """What nbval compares of a text that a cell printed."""
    patterns = get_sanitize_patterns((REPOSITORY / "tests" / "nbval_sanitize.cfg").read_text(encoding="utf-8"))
    assert len(patterns) == 3

    def sanitize(text):
        (stream,) = coalesce_streams([new_output("stream", name="stdout", text=text)])
        for pattern, replacement in patterns:
            stream.text = re.sub(pattern, replacement, stream.text)
        return stream.text

    return sanitize


def printed_bar(capsys, elapsed, **arguments):
    """What a progress bar prints that began so many seconds ago."""
    with progress(description="training", **arguments) as bar:
        bar.start_t -= elapsed
        bar.update(5)
        bar.set_postfix(loss=elapsed / 7)
        bar.refresh()
        bar.update(7)
    return capsys.readouterr().out


@pytest.mark.parametrize("arguments", [{"total": 12}, {}], ids=["known length", "unknown length"])
def test_progress_bars_that_took_different_times_are_equal(capsys, comparable, arguments):
    fast, slow = (printed_bar(capsys, seconds, **arguments) for seconds in (0.5, 4000.0))
    assert fast.splitlines()[-1] != slow.splitlines()[-1]
    assert comparable(fast) == comparable(slow)
    assert "training: " in comparable(fast)
    assert "12" in comparable(fast), "the count is compared"


def test_progress_bars_of_other_counts_or_names_differ(comparable):
    bar = "training: 100%|██████████| 12/12 [00:03<00:00,  3.40it/s]\n"
    others = [bar.replace("12/12", "13/13"), bar.replace("training", "testing"), bar + bar, bar.replace("100%", " 99%")]
    assert all(comparable(bar) != comparable(other) for other in others)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("accuracy 0.951", "accuracy 0.952"),
        ("shape (32, 4)", "shape (4, 32)"),
        ("| cat | 12/20 [best] |", "| cat | 13/20 [best] |"),
        ("| cat | 12/20 [0.5] |", "| cat | 12/20 [0.6] |"),
        ("box [0.10, 0.20, 0.30, 0.40]", "box [0.20, 0.10, 0.30, 0.40]"),
        ("12it [3, 4]", "12it [3, 5]"),
        ("took 3.4 s", "took 3.5 s"),
    ],
)
def test_everything_else_is_compared(comparable, text, other):
    assert comparable(text) != comparable(other)


def test_pixels_of_a_shown_figure_are_not_compared_but_its_text_is(comparable):
    image = '<img alt="A {}" width="960" src="data:image/png;base64,{}">'
    assert comparable(image.format("cat", "iVBORw0KGgo+/=")) == comparable(image.format("cat", "AAAA"))
    assert comparable(image.format("cat", "AAAA")) != comparable(image.format("dog", "AAAA"))
