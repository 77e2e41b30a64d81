"""Widgets and pages in a real browser: what moves, and what a phone would have to scroll sideways."""

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")

# isort: split
import try_lab
import try_site
from browser import BROWSERS, find_browser

PAGE = "<!DOCTYPE html><html lang='en'><head><meta name='viewport' content='width=device-width'></head><body>{}</body>"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason=f"no Chromium on the PATH: {', '.join(BROWSERS)}"),
]


def test_widgets_move_in_jupyterlab_and_show_the_numbers_that_they_should(tmp_path):
    try_lab.try_all(tmp_path, find_browser())


def test_a_page_that_is_too_wide_is_named(tmp_path):
    (tmp_path / "narrow.html").write_text(PAGE.format("<p>Some words.</p>"))
    (tmp_path / "index.html").write_text('<meta http-equiv="refresh" content="0; url=wide.html">')
    (tmp_path / "wide.html").write_text(PAGE.format("<div style='width: 700px'>A wide thing.</div>"))
    shots = tmp_path / "shots"
    shots.mkdir()
    found = list(try_site.problems(tmp_path, find_browser(), screenshots=shots))
    assert [problem.split(":")[0] for problem in found] == ["wide.html, phone, light", "wide.html, phone, dark"]
    assert len(list(shots.iterdir())) == 8
