"""Builds the pages of the course into build/site: notebooks, docs/ and the docstrings. Start with its index.html.

    python tools/build_site.py --run       # runs all notebooks first: `make course`
    python tools/build_site.py --strict    # with the outputs that are saved, and without any fault: `make site`

The notebooks themselves stay as they are. A build that fails leaves the pages of the one before in place.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

import check_site
import nbformat
from notebook_runs import NotebookFailed, all_notebooks, run_notebooks
from sphinx.application import Sphinx
from sphinx.util.console import nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIGURATION = REPOSITORY / "docs"


def build(source: Path, target: Path, run: bool = False, strict: bool = False) -> list[str]:
    """Builds the pages and, when all went well, puts them in place; else `target` stays as it was.

    Args:
        source: The repository, or a folder with `docs/index.md` and `notebooks/` like it.
        target: Folder of the pages.
        run: Whether the pages show the notebooks as they run now, not as they were saved.
        strict: Whether warnings of Sphinx, and what `check_site` finds, are faults.

    Returns:
        The faults, one sentence each.

    Raises:
        NotebookFailed: A cell failed.
    """
    ran = run_notebooks(all_notebooks(source / "notebooks")) if run else ()
    outputs = {path: nbformat.writes(notebook) for path, notebook in ran}

    def show_outputs(app: Sphinx, page: str, content: list[str]) -> None:
        content[0] = outputs.get(Path(app.env.doc2path(page)), content[0])

    unfinished = target.with_name(f".{target.name}-unfinished")
    # The second holds the pages of the docstrings, of modules that are gone too.
    for leftover in (unfinished, source / "docs" / "api"):
        shutil.rmtree(leftover, ignore_errors=True)
    pages = unfinished / "new"
    nocolor()
    with patch_docutils(CONFIGURATION), docutils_namespace():
        places = (source, CONFIGURATION, pages, unfinished / "doctrees", "html")
        app = Sphinx(*places, status=None, warning=sys.stderr, warningiserror=strict)
        app.connect("source-read", show_outputs)
        app.build()
    faults = check_site.problems(pages) if strict else []
    if app.statuscode:
        faults.append("Sphinx warned; its warnings stand above.")
    if not faults:
        if target.exists():
            target.rename(unfinished / "old")
        pages.rename(target)
    shutil.rmtree(unfinished)
    return faults


def main() -> int:
    """Builds the pages of this repository."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="store_true", help="run the notebooks first")
    parser.add_argument("--strict", action="store_true", help="fail when a warning, a dead link or the like is found")
    options = parser.parse_args()
    begin = time.perf_counter()
    target = REPOSITORY / "build" / "site"
    try:
        faults = build(REPOSITORY, target, options.run, options.strict)
    except NotebookFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    print(f"Built in {time.perf_counter() - begin:.0f} s. Open {target / 'index.html'} in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
