"""The address of the repository in notebooks, badges and the README, and the tool that writes it."""

import ast
import subprocess
from pathlib import Path

import nbformat
import pytest
import repository_address as tool
from IPython.core.inputtransformer2 import TransformerManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ADDRESS = "https://github.com/teacher/course"


@pytest.fixture
def repository(tmp_path):
    """A small repository with one notebook that was run, and one remote."""
    folder = tmp_path / "course"
    (folder / "notebooks" / "solutions").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{tool.PLACEHOLDER}"\n', encoding="utf-8")
    (folder / "README.md").write_text(
        "before\n<!-- address: begin -->\nold\n<!-- address: end -->\nafter\n", encoding="utf-8"
    )
    outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    cells = [new_markdown_cell("# Title"), new_code_cell("1 + 1", execution_count=1, outputs=outputs)]
    for name in ("00_start", "solutions/00_start"):
        nbformat.write(new_notebook(cells=cells), folder / "notebooks" / f"{name}.ipynb")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run(
        ["git", "-C", str(folder), "remote", "add", "origin", "git@github.com:teacher/course.git"], check=True
    )
    return folder


def cells_of(repository, name="00_start"):
    return nbformat.read(repository / "notebooks" / f"{name}.ipynb", as_version=4).cells


def test_this_repository_holds_its_address_everywhere():
    assert [path.name for path in tool.outdated()] == [], "run `make address`"


def test_address_is_written_everywhere_and_once(repository):
    changed = tool.write(repository, tool.remote_address(repository))
    assert {path.relative_to(repository).as_posix() for path in changed} == {
        "README.md",
        "pyproject.toml",
        "notebooks/00_start.ipynb",
        "notebooks/solutions/00_start.ipynb",
    }
    assert tool.known_address(repository) == ADDRESS
    title, badge, setup, code = cells_of(repository)
    assert title.source == "# Title"
    assert "![Open in Colab]" in badge.source
    assert "/github/teacher/course/blob/main/notebooks/00_start.ipynb)" in badge.source
    assert "notebooks/solutions/00_start.ipynb)" in cells_of(repository, "solutions/00_start")[1].source
    assert f'%pip install --quiet --no-deps "git+{ADDRESS}"' in setup.source
    assert [setup.execution_count, code.execution_count, code.outputs[0].execution_count] == [1, 2, 2]
    readme = (repository / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("before\n<!-- address: begin -->\n- 00_start: [![Open in Colab]")
    assert readme.endswith("\n<!-- address: end -->\nafter\n")
    assert "solutions" not in readme
    assert tool.outdated(repository) == []
    assert tool.write(repository, ADDRESS) == []


def test_a_new_address_replaces_the_old_one(repository):
    tool.write(repository, ADDRESS)
    changed = tool.write(repository, "https://github.com/student/fork")
    assert len(changed) == 4
    assert len(cells_of(repository)) == 4
    for path in changed:
        assert "teacher" not in path.read_text(encoding="utf-8")


def test_until_the_address_is_known_each_place_says_how_to_write_it(repository):
    tool.write(repository, tool.PLACEHOLDER)
    _, badge, setup, _ = cells_of(repository)
    for text in (badge.source, setup.source, (repository / "README.md").read_text(encoding="utf-8")):
        assert "`make address`" in text
        assert "OWNER" not in text
    assert "%pip" not in setup.source


def test_a_server_that_colab_does_not_read_from(repository):
    tool.write(repository, "https://git.example.org/teacher/course")
    _, badge, setup, _ = cells_of(repository)
    assert "colab.research" not in badge.source
    assert "(https://git.example.org/teacher/course)" in badge.source
    assert '"git+https://git.example.org/teacher/course"' in setup.source
    assert "https://git.example.org/teacher/course" in (repository / "README.md").read_text(encoding="utf-8")


def test_cells_that_a_person_changed_are_found_and_nothing_else_is_touched(repository):
    tool.write(repository, ADDRESS)
    path = repository / "notebooks" / "00_start.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].source += "\nprint('more')"
    notebook.cells.append(new_code_cell("not_run"))
    nbformat.write(notebook, path)
    assert tool.outdated(repository) == [path]
    tool.write(repository, ADDRESS)
    after = cells_of(repository)
    assert after[2].source == tool.setup_source(f"git+{ADDRESS}")
    assert [cell.source for cell in after[3:]] == ["1 + 1", "not_run"]
    assert after[-1].execution_count is None, "only a notebook that was run is numbered anew"


@pytest.mark.parametrize("requirement", [None, f"git+{ADDRESS}"])
def test_first_cell_is_short_and_is_python_to_a_notebook(requirement):
    source = tool.setup_source(requirement)
    assert len([line for line in source.splitlines() if line]) <= 7
    ast.parse(TransformerManager().transform_cell(source))


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/teacher/course.git",
        "https://github.com/teacher/course",
        "https://teacher:token@github.com/teacher/course.git/",
        "git@github.com:teacher/course.git",
        "ssh://git@github.com:22/teacher/course.git",
        "git://github.com/teacher/course",
    ],
)
def test_every_form_of_a_remote_gives_the_address_for_a_browser(remote):
    assert tool.browser_address(remote) == ADDRESS


@pytest.mark.parametrize("remote", ["../course.git", "/srv/git/course.git", "file:///srv/git/course.git", ""])
def test_a_remote_on_no_server_is_refused(remote):
    with pytest.raises(ValueError, match="must be on a server"):
        tool.browser_address(remote)


def test_without_a_remote_the_remedy_is_named(repository):
    subprocess.run(["git", "-C", str(repository), "remote", "remove", "origin"], check=True)
    with pytest.raises(ValueError, match="git remote add origin"):
        tool.remote_address(repository)


def test_a_readme_without_markers_is_refused(repository):
    Path(repository / "README.md").write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="address: begin"):
        tool.write(repository, ADDRESS)
