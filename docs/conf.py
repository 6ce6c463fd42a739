"""Settings of the web pages, for Sphinx; `python -m notebooks.site` builds them."""

import re
from datetime import date
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from lpc_scratch.course.figures.animation import gif_tag

project = "lpc_scratch"
author = "the authors of lpc_scratch"
project_copyright = f"{date.today().year}, {author}"

# The root of the repository is the source: notebooks and pages are where a code host shows them.
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "README.md",
    "CHANGELOG.md",
    "notebooks/README.md",
    "notebooks/[01]*.ipynb",
    "results/README.md",
    "results/cifar-10/README.md",
    "results/geometry/README.md",
    "results/generalisation/README.md",
    "results/robustness/README.md",
    "benchmarks/README.md",
]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.githubpages",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the outputs that are in the notebooks

default_role = "py:obj"  # what is between single backticks in a docstring
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it shorter, with shapes
napoleon_google_docstring = False
napoleon_use_param = False  # names that share a description share an entry, here and below
napoleon_custom_sections = [("Attributes", "returns_style")]
toc_object_entries_show_parents = "hide"

html_theme = "sphinx_book_theme"
html_title = "lpc_scratch"
html_favicon = "favicon.svg"
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_js_files = [("films.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "navbar_persistent": [],  # one field to search in, beside the chapters, is enough
}
html_context = {"default_mode": "auto"}  # light or dark, as the system is

# Code and emphasis of a docstring, which stay; and what else reStructuredText would read as marks.
_MARKS = re.compile(r"(`+[^`]+`+|\*\w+\*)|([*|])")


def escape_docstring(app: Sphinx, what: str, name: str, obj: Any, _: Any, lines: list[str]) -> None:
    """Escape the norms |x|, products and powers of a docstring, and mark its indented code."""
    text = _MARKS.sub(lambda mark: mark[1] or rf"\{mark[2]}", "\n".join(lines))
    lines[:] = re.sub(r"(^|\n)(\S.*\n)\n(?=    )", r"\1\2\n::\n\n", text).split("\n")


def embed_films(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write GIFs into their page, as notebooks do: a page opened as a file may read no other."""
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"])
        if path.suffix == ".gif":
            tag = gif_tag(path.read_bytes(), image["alt"])
            image.replace_self(nodes.raw("", tag, format="html"))


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    # With SVG there are no fonts, which some browsers refuse a page that is opened as a file.
    app.config.mathjax_path = "mathjax/tex-svg.js"
    app.connect("autodoc-process-docstring", escape_docstring, priority=400)  # before napoleon
    app.connect("doctree-resolved", embed_films)
