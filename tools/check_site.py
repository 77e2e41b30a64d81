"""Looks for what a reader would stumble over in the built pages, and Sphinx does not warn of."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

LOADED = "img[src], script[src], iframe[src], source[src], link[rel~=stylesheet][href], link[rel~=icon][href]"


def problems(site: Path) -> list[str]:
    """Dead links, files from the internet, pictures without words, headings out of order: a sentence each."""
    pages = {
        path.resolve(): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(site.rglob("*.html"))
    }
    anchors = {path: {tag["id"] for tag in page.select("[id]")} for path, page in pages.items()}
    return [
        f"{path.relative_to(site.resolve())}: {problem}"
        for path, page in pages.items()
        for problem in (*_dead_links(path, page, anchors), *_faults(page))
    ]


def _dead_links(path: Path, page: BeautifulSoup, anchors: dict[Path, set[str]]) -> Iterator[str]:
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


def _faults(page: BeautifulSoup) -> Iterator[str]:
    """What is wrong with a page by itself."""
    for tag in page.select(LOADED):
        address = tag.get("href", tag.get("src"))
        if urlsplit(address).netloc:
            yield f"{address} is loaded from the internet"
    for image in page.select("img"):
        if not image.get("alt", "").strip():
            yield f"a picture without alternative text: {image.get('src', '')[:60]}"
    for heading in page.select("article th"):
        if not heading.get_text(strip=True):
            row = heading.find_parent("tr").get_text(" ", strip=True)
            yield f"a column without a name in the table of {row!r}"
    levels = [int(tag.name[1]) for tag in page.select("h1, h2, h3, h4, h5, h6")]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} main headings"
    for before, after in itertools.pairwise(levels):
        if after > before + 1:
            yield f"a heading of level {after} after one of level {before}"
