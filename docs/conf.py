"""Settings of the web pages, for Sphinx; `python -m notebooks.site` builds them."""

from datetime import date

project = "lpc_scratch"
author = "the authors of lpc_scratch"
project_copyright = f"{date.today().year}, {author}"

# The root of the repository is the source: notebooks and pages are where a code host shows them.
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "README.md",
    "CHANGELOG.md",
    "notebooks/README.md",
    "notebooks/0*.ipynb",
    "results/README.md",
    "results/cifar-10/README.md",
    "results/geometry/README.md",
    "results/generalisation/README.md",
    "results/robustness/README.md",
    "benchmarks/README.md",
]
extensions = ["myst_nb", "sphinx.ext.githubpages"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the outputs that are in the notebooks

html_theme = "sphinx_book_theme"
html_title = "lpc_scratch"
html_favicon = "favicon.svg"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "navbar_persistent": [],  # one field to search in, beside the chapters, is enough
}
html_context = {"default_mode": "light"}  # as the figures are
