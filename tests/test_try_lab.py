"""The widgets move in a real JupyterLab, and show the numbers that they should."""

import importlib.util

import pytest
import try_lab


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="playwright is not installed")
@pytest.mark.skipif(try_lab.find_browser() is None, reason=f"no Chromium on the PATH: {', '.join(try_lab.BROWSERS)}")
def test_widgets_move_in_jupyterlab(tmp_path):
    try_lab.try_all(tmp_path, try_lab.find_browser())
