"""The checker of the built site, on small pages, and what docs/ lists. The site itself is built by `make site`."""

import re
import runpy
from pathlib import Path

import check_site
import pytest
import yaml

import clsloc_utils

REPOSITORY = Path(__file__).resolve().parents[1]
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


def test_nothing_is_wrong_with_good_pages(site):
    assert check_site.problems(site) == []


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
        (
            "</body>",
            '<script src="https://example.org/a.js"></script>',
            "https://example.org/a.js is loaded from the internet",
        ),
        (
            "</body>",
            '<link rel="stylesheet" href="//example.org/a.css">',
            "//example.org/a.css is loaded from the internet",
        ),
        ("</body>", '<span class="xref myst">lost</span>', "'lost' was meant to be a link"),
        (
            "</body>",
            "<article><table><tr><th></th><th>IoU</th></tr></table></article>",
            "a column without a name in the table of 'IoU'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_page(site, old, new, problem):
    (site / "index.html").write_text(GOOD.replace(old, new), encoding="utf-8")
    assert f"index.html: {problem}" in check_site.problems(site)


def test_an_empty_folder_is_no_site(tmp_path):
    with pytest.raises(FileNotFoundError, match="make site"):
        check_site.problems(tmp_path)


def test_words_stand_for_pictures_from_the_internet(monkeypatch):
    nodes = pytest.importorskip("docutils.nodes", reason="Sphinx comes with the extra `site`")
    monkeypatch.setattr("clsloc_utils.quiet.start_tensorflow", lambda: None)
    configuration = runpy.run_path(str(REPOSITORY / "docs" / "conf.py"))
    document = nodes.paragraph()
    for address in ("https://example.org/badge.svg", "images/two.svg"):
        document += nodes.reference("", "", nodes.image(uri=address, alt="Open in Colab"))
    configuration["words_for_remote_pictures"](None, document)
    assert [image["uri"] for image in document.findall(nodes.image)] == ["images/two.svg"]
    assert document.children[0].astext() == "Open in Colab"


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
