"""Sphinx configuration of the course's pages, which tools/build_site.py builds: notebooks, docs/ and the docstrings.

The source folder is the repository, so that links between notebooks, pages and pictures are the same here and there.
"""

from pathlib import Path

import latex2mathml.converter
from docutils import nodes

import clsloc_utils
from clsloc_utils import quiet

quiet.start_tensorflow()  # the docstrings are those of the imported package

project = "What is it, and where?"
copyright = "the authors of the course, Apache License 2.0"
version = release = clsloc_utils.__version__
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "docs/**", "notebooks/**"]
exclude_patterns = ["build", ".*", "docs/_*", "**/.ipynb_checkpoints"]
templates_path = [str(Path(__file__).resolve().parent / "_templates")]  # autosummary looks from the source folder
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]

# --- Notebooks and Markdown -------------------------------------------------------------------------------------------

nb_execution_mode = "off"  # tools/build_site.py runs them: myst-nb does not say which cell failed, and why
nb_merge_streams = True
nb_ipywidgets_js = {}  # no scripts from the internet: a widget's text or table is shown instead
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

# --- Docstrings -------------------------------------------------------------------------------------------------------

highlight_language = "none"  # a block that names no language is not Python
default_role = "code"  # docstrings write code as Markdown does, between single backticks
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_default_options = {"members": True, "show-inheritance": True}
autosummary_ignore_module_all = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [
    "Returns",  # as text: what stands before its first colon is no type
    ("Call arguments", "params_style"),
]

# --- Look -------------------------------------------------------------------------------------------------------------

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_additional_pages = {"index": "forward.html"}  # the start page is docs/index.html
html_copy_source = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


# --- Formulas as MathML: no script, no font, no internet --------------------------------------------------------------


def inline_formula(translator, node: nodes.math) -> None:
    """Writes a formula within a line."""
    translator.body.append(latex2mathml.converter.convert(node.astext()))
    raise nodes.SkipNode


def block_formula(translator, node: nodes.math_block) -> None:
    """Writes a formula of its own line, which scrolls by itself where the screen is narrow."""
    formula = latex2mathml.converter.convert(node.astext(), display="block")
    translator.body.append(f'<div class="formula">{formula}</div>')
    raise nodes.SkipNode


def setup(app) -> None:
    """Registers the two."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (block_formula, None))
