"""Opens every page of the built site in a headless Chromium, wide and narrow, light and dark.

    python -m pip install playwright
    npm install --prefix build axe-core
    python tools/try_site.py build/site --axe build/node_modules/axe-core/axe.min.js --screenshots build/site_shots

Reports the pages that have to be scrolled sideways and, with `--axe`, what axe-core finds that is serious or critical,
such as too little contrast. Exit code 1 if there is anything.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from browser import find_browser, launched

WIDTHS = {"desktop": 1280, "phone": 390}
LEADS_ON = 'http-equiv="refresh"'


def problems(site: Path, browser: str, axe: Path | None = None, screenshots: Path | None = None) -> Iterator[str]:
    """Everything that is wrong with the pages of a site as a browser shows them: a sentence each, with the page.

    Args:
        site: Its folder.
        browser: Path of a Chromium.
        axe: The file `axe.min.js` of axe-core; `None` leaves accessibility out.
        screenshots: Folder for a picture of each page; `None` for none.
    """
    files = sorted(site.resolve().rglob("*.html"))
    # A page that only leads on to another one is gone before anybody can look at it.
    pages = [file for file in files if LEADS_ON not in file.read_text(encoding="utf-8")]
    with launched(browser) as chromium:
        for (device, width), scheme in itertools.product(WIDTHS.items(), ("light", "dark")):
            tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            for path in pages:
                page = path.relative_to(site.resolve())
                tab.goto(path.as_uri())
                yield from (f"{page}, {device}, {scheme}: {problem}" for problem in _problems_of(tab, width, axe))
                if screenshots is not None:
                    name = "_".join(page.with_suffix("").parts)
                    tab.screenshot(path=screenshots / f"{name}_{device}_{scheme}.png", full_page=True)
            tab.close()


def _problems_of(tab, width: int, axe: Path | None) -> Iterator[str]:
    """What is wrong with the page that is open."""
    needed = tab.evaluate("document.documentElement.scrollWidth")
    if needed > width:
        yield f"it is {needed} pixels wide and must be scrolled sideways"
    if axe is None:
        return
    tab.add_script_tag(path=axe)
    for found in tab.evaluate("axe.run().then(results => results.violations)"):
        if found["impact"] in ("serious", "critical"):
            first = found["nodes"][0]["target"][0]
            yield f"{found['help']} ({found['id']}), {len(found['nodes'])} times, first at {first}"


def main() -> int:
    """Tries the site that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path, help="its folder")
    parser.add_argument("--axe", type=Path, help="axe.min.js, to look for barriers")
    parser.add_argument("--screenshots", type=Path, help="folder for a picture of each page")
    arguments = parser.parse_args()
    browser = find_browser()
    if browser is None or not (arguments.site / "index.html").is_file():
        parser.error("it needs a Chromium on the PATH, and the pages that `make site` builds")
    if arguments.screenshots is not None:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)
    found = list(problems(arguments.site, browser, arguments.axe, arguments.screenshots))
    print("\n".join([*found, f"{len(found)} problems"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
