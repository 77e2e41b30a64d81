"""Looks for what a reader would stumble over in the built site: dead links, pictures or columns without words, remote
files.

python tools/check_site.py build/site
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

LOADED = "img[src], script[src], iframe[src], source[src], link[rel~=stylesheet][href], link[rel~=icon][href]"


def problems(site: Path) -> list[str]:
    """Everything that is wrong with the pages of a site.

    Args:
        site: Its folder.

    Returns:
        One sentence each, with the page it is about; empty when all is well.

    Raises:
        FileNotFoundError: The folder holds no page.
    """
    pages = {
        path.resolve(): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(site.rglob("*.html"))
    }
    if not pages:
        raise FileNotFoundError(f"{site} holds no .html file; `make site` builds the pages.")
    checks = (_remote, _unresolved, _pictures, _headings, _tables)
    anchors = {path: {tag["id"] for tag in page.select("[id]")} for path, page in pages.items()}
    return [
        f"{path.relative_to(site.resolve())}: {problem}"
        for path, page in pages.items()
        for found in (_links(path, page, anchors), *(check(page) for check in checks))
        for problem in found
    ]


def _links(path: Path, page: BeautifulSoup, anchors: dict[Path, set[str]]) -> Iterator[str]:
    """Links to files that are not there, or to places that a page does not have."""
    for tag in page.select("[href], [src]"):
        address = tag.get("href", tag.get("src"))
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file():
            yield f"{address} leads nowhere"
        elif parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]:
            yield f"{address} names a place that the page does not have"


def _remote(page: BeautifulSoup) -> Iterator[str]:
    """Files that a browser would fetch from the internet to show the page."""
    for tag in page.select(LOADED):
        address = tag.get("href", tag.get("src"))
        if urlsplit(address).netloc:
            yield f"{address} is loaded from the internet"


def _unresolved(page: BeautifulSoup) -> Iterator[str]:
    """References that Sphinx could not resolve: it leaves their text, without a link."""
    for tag in page.select("a.xref:not([href]), span.xref.myst, .problematic"):
        yield f"{tag.get_text()!r} was meant to be a link"


def _pictures(page: BeautifulSoup) -> Iterator[str]:
    """Pictures of the content without alternative text."""
    for image in page.select("img"):
        if not image.get("alt", "").strip():
            yield f"a picture without alternative text: {image.get('src', '')[:60]}"


def _headings(page: BeautifulSoup) -> Iterator[str]:
    """Not exactly one main heading, or a heading two levels below the one before."""
    levels = [int(tag.name[1]) for tag in page.select("h1, h2, h3, h4, h5, h6")]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} main headings"
    for before, after in itertools.pairwise(levels):
        if after > before + 1:
            yield f"a heading of level {after} after one of level {before}"


def _tables(page: BeautifulSoup) -> Iterator[str]:
    """Columns without a name."""
    for heading in page.select("article th"):
        if not heading.get_text(strip=True):
            row = heading.find_parent("tr").get_text(" ", strip=True)
            yield f"a column without a name in the table of {row!r}"


def main() -> int:
    """Prints what is wrong; the exit status says whether anything is."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("site", type=Path)
    site = arguments.parse_args().site
    found = problems(site)
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    if not found:
        pages = [BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in site.rglob("*.html")]
        print(f"{len(pages)} pages, {sum(len(page.select('img')) for page in pages)} pictures: nothing is wrong.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
