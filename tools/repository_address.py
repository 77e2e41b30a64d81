"""Writes where this repository lives into everything that names it: the notebooks' first cells, badges, the README.

    python tools/repository_address.py            # the address of `git remote`; the same as `make address`
    python tools/repository_address.py --check    # says what is not as this tool would write it

The address is kept in pyproject.toml (`Repository`), and all else is written from there. On a host that does not know
the course, such as Colab, a notebook's first code cell installs it from that address.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import marked_blocks
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell
from notebook_runs import course_notebooks

REPOSITORY = Path(__file__).resolve().parent.parent
PLACEHOLDER = "https://github.com/OWNER/REPOSITORY"
BADGE_ID, SETUP_ID = "open-in-colab", "set-up-host"
SETUP = """\
# Where the course is not installed, as on Colab, this installs it and keeps the host's own TensorFlow.
import importlib.util

if importlib.util.find_spec("clsloc_utils") is None:
    {install}
from clsloc_utils import host

host.prepare()
"""
NOT_YET = 'raise RuntimeError("This copy does not know where to install from: run `make address` where it was cloned.")'


# --- The address ------------------------------------------------------------------------------------------------------


def remote_address(folder: Path = REPOSITORY) -> str:
    """The address of a repository for a browser, from the remote that git calls `origin`.

    Args:
        folder: Of the repository.

    Returns:
        Such as `https://github.com/OWNER/REPOSITORY`.

    Raises:
        ValueError: There is no such remote, or its address is not one of a server.
    """
    command = ["git", "-C", str(folder), "remote", "get-url", "origin"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(
            f"{folder}: git knows no remote named origin ({done.stderr.strip()}). Add one, "
            f"`git remote add origin {PLACEHOLDER}.git`, and run this again."
        )
    return browser_address(done.stdout.strip())


def browser_address(remote: str) -> str:
    """The address for a browser of a git remote.

    Args:
        remote: `https://[user@]host/path.git`, `ssh://git@host[:port]/path.git` or `git@host:path.git`.

    Returns:
        `https://host/path`.

    Raises:
        ValueError: It is none of these.
    """
    found = re.fullmatch(
        r"(?:(?:https?|ssh|git)://)?(?:[^@/]+@)?([\w.-]+\.\w+)(?::\d+/|[:/])/?(.+?)(?:\.git)?/?", remote
    )
    if not found:
        raise ValueError(f"git's remote is {remote!r}; it must be on a server, such as {PLACEHOLDER}.git.")
    return f"https://{found[1]}/{found[2]}"


def known_address(repository: Path = REPOSITORY) -> str:
    """The address that pyproject.toml holds, or its placeholder."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"]


# --- What is written --------------------------------------------------------------------------------------------------


def setup_source(requirement: str | None) -> str:
    """The first code cell of a notebook.

    Args:
        requirement: What pip is to install: `git+https://...`, or the path of an archive; `None` while it is not known.

    Returns:
        Its source. It does and prints nothing where the package is installed by hand or by make.
    """
    install = NOT_YET if requirement is None else f'%pip install --quiet --no-deps "{requirement}"'
    return SETUP.format(install=install).strip()


def badge_source(address: str, notebook: str) -> str:
    """The Markdown that opens a notebook in Colab.

    Args:
        address: Of the repository, for a browser.
        notebook: Its path in the folder of the notebooks.

    Returns:
        A badge with a link; words where Colab cannot know the notebook.
    """
    if address == PLACEHOLDER:
        return "*Open in Colab*: a link will be here when `make address` has been run in a clone that has a remote."
    if not address.startswith("https://github.com/"):
        return f"*Open in Colab*: download this notebook from [its repository]({address}) and upload it there."
    return (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github{address.removeprefix('https://github.com')}/blob/main/notebooks/{notebook})"
    )


def with_cells(notebook: nbformat.NotebookNode, name: str, address: str) -> nbformat.NotebookNode:
    """Puts badge and set-up, in their current form, behind the title of a notebook; changes nothing else.

    Args:
        notebook: It is changed in place. When its cells were all run, they are numbered anew.
        name: Its path in the folder of the notebooks.
        address: Of the repository, for a browser.

    Returns:
        The notebook.
    """
    run = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    in_order = [cell.execution_count for cell in run] == list(range(1, len(run) + 1))
    requirement = None if address == PLACEHOLDER else f"git+{address}"
    cells = [cell for cell in notebook.cells if cell.id not in (BADGE_ID, SETUP_ID)]
    cells[1:1] = [
        new_markdown_cell(badge_source(address, name), id=BADGE_ID),
        new_code_cell(setup_source(requirement), id=SETUP_ID),
    ]
    notebook.cells = cells
    if in_order:
        _number(cells)
    return notebook


def _number(cells: list[nbformat.NotebookNode]) -> None:
    """Numbers the code cells as a run from top to bottom would."""
    code = (cell for cell in cells if cell.cell_type == "code" and cell.source.strip())
    for number, cell in enumerate(code, 1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number


def with_block(readme: str, address: str, notebooks: list[str]) -> str:
    """The README with the links to Colab between its two markers.

    Args:
        readme: Its text.
        address: Of the repository, for a browser.
        notebooks: Names of the files.

    Returns:
        Its new text.

    Raises:
        ValueError: The markers are missing.
    """
    if address == PLACEHOLDER:
        block = "The links to Colab will be here when `make address` has been run in a clone that has a remote.\n"
    elif address.startswith("https://github.com/"):
        block = "".join(f"- {name.removesuffix('.ipynb')}: {badge_source(address, name)}\n" for name in notebooks)
    else:
        block = f"Colab opens notebooks from GitHub only: download them from {address} and upload them there.\n"
    return marked_blocks.replaced(readme, "address", block)


def written(repository: Path, address: str) -> dict[Path, str]:
    """Every file that names the address, as it should be.

    Args:
        repository: Its folder.
        address: For a browser.

    Returns:
        The text of each file by its path.
    """
    folder = repository / "notebooks"
    texts = {}
    for path in sorted(folder.rglob("*.ipynb")):
        if ".ipynb_checkpoints" not in path.parts:
            notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
            texts[path] = nbformat.writes(with_cells(notebook, path.relative_to(folder).as_posix(), address)) + "\n"
    project, readme = repository / "pyproject.toml", repository / "README.md"
    line = f'Repository = "{address}"'
    texts[project] = re.sub(r'^Repository = ".*"$', line, project.read_text(encoding="utf-8"), flags=re.MULTILINE)
    course = [path.name for path in course_notebooks(folder)]
    texts[readme] = with_block(readme.read_text(encoding="utf-8"), address, course)
    return texts


def outdated(repository: Path = REPOSITORY) -> list[Path]:
    """The files that are not as this tool would write them with the address of pyproject.toml."""
    texts = written(repository, known_address(repository))
    return [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]


def write(repository: Path, address: str) -> list[Path]:
    """Writes an address into all files.

    Args:
        repository: Its folder.
        address: For a browser.

    Returns:
        The files that changed.
    """
    changed = {
        path: text for path, text in written(repository, address).items() if path.read_text(encoding="utf-8") != text
    }
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return list(changed)


def main() -> int:
    """Writes the address, or checks that it is written."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--check", action="store_true", help="change nothing; fail when a file is not up to date")
    if arguments.parse_args().check:
        for path in (paths := outdated()):
            print(f"{path.relative_to(REPOSITORY)}: not as this tool would write it; run `make address`")
        return 1 if paths else 0
    try:
        address = remote_address()
    except ValueError as error:
        address = known_address()
        print(f"{error} Until then: {address}")
    for path in write(REPOSITORY, address):
        print(f"{path.relative_to(REPOSITORY)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
