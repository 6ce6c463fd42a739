"""python -m notebooks.site: the pages of the course and of `docs/`, to read in a browser.

They are built by Sphinx with MyST-NB from the notebooks and the Markdown as they are, with
`docs/conf.py`. Neither to build nor to read them takes a kernel or the network: MathJax is
installed with the course, and lies beside them.
"""

import io
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from lpc_scratch.errors import one_line
from notebooks import COURSE, FOLDER, CourseError, notebook_path, run_command
from notebooks.reading import read

_REDIRECT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>lpc_scratch</title>
<link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0; url=docs/index.html">
</head>
<body><a href="docs/index.html">The course</a></body>
</html>
"""


def build(output: Path) -> list[str]:
    """Build the pages into a folder, and return Sphinx's warnings.

    Parameters
    ----------
    output : Path
        The folder; made if need be. Files of other names in it stay.

    Raises
    ------
    CourseError
        If a notebook is missing or damaged, or Sphinx cannot build the pages.
    """
    for name in COURSE:
        read(notebook_path(name))
    root, warnings = FOLDER.parent, io.StringIO()
    # Not in its place: MyST-NB writes beside the folder of the pages too.
    with TemporaryDirectory() as scratch:
        pages = Path(scratch, "pages")
        try:
            app = Sphinx(
                srcdir=root,
                confdir=root / "docs",
                outdir=pages,
                doctreedir=Path(scratch, "doctrees"),
                buildername="html",
                status=None,
                warning=warnings,
                freshenv=True,
            )
            app.build()
        except SphinxError as error:
            raise CourseError(
                f"the pages cannot be built: {one_line(error)}"
            ) from error
        (pages / "index.html").write_text(_REDIRECT, encoding="utf-8")
        shutil.copytree(pages, output, dirs_exist_ok=True)
    return re.sub(
        r"\x1b\[[0-9;]*m", "", warnings.getvalue()
    ).splitlines()  # without colours


def main(output: Path = Path("build/site")) -> int:
    """Build the pages of the course and of docs/.

    Parameters
    ----------
    output : Path
        Folder for the pages; open index.html in it.

    Returns
    -------
    int
        0, or 1 if a link or picture is missing; the pages are built all the same.
    """
    if output.exists() and not output.is_dir():
        raise CourseError(f"--output {output} is a file: name a folder")
    warnings = build(output)
    for warning in warnings:
        print(warning, file=sys.stderr)
    print(f"{output / 'index.html'}")
    return int(bool(warnings))


if __name__ == "__main__":
    sys.exit(run_command(main, "python -m notebooks.site"))
