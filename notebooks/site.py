"""python -m notebooks.site: the pages of the course and of `docs/`, to read in a browser.

They are built by Sphinx with MyST-NB from the notebooks and the Markdown as they are, with
`docs/conf.py`, and need neither a kernel nor the network to be read: MathJax lies beside them.
"""

import io
import re
import shutil
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pooch
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from lpc_scratch.errors import one_line
from notebooks import COURSE, FOLDER, CourseError, notebook_path, run_command
from notebooks.reading import read

MATHJAX = "https://registry.npmjs.org/mathjax/-/mathjax-3.2.2.tgz"
MATHJAX_SHA256 = "1b9c0a1c44df864e915690558e72adb9cc5203360daefd385084ced3b6c64c09"
SCRIPT = "tex-svg.js"  # all of MathJax that the pages need, its fonts included

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


def build(output: Path, script: bytes) -> list[str]:
    """Build the pages into a folder, and return Sphinx's warnings.

    Parameters
    ----------
    output : Path
        The folder; made if need be. Files of other names in it stay.
    script : bytes
        MathJax's tex-svg.js.

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
        pages, assets = Path(scratch, "pages"), Path(scratch, "assets")
        assets.mkdir()
        (assets / SCRIPT).write_bytes(script)
        try:
            app = Sphinx(
                srcdir=root,
                confdir=root / "docs",
                outdir=pages,
                doctreedir=Path(scratch, "doctrees"),
                buildername="html",
                confoverrides={"html_static_path": [str(assets)], "mathjax_path": SCRIPT},
                status=None,
                warning=warnings,
                freshenv=True,
            )
            app.build()
        except SphinxError as error:
            raise CourseError(f"the pages cannot be built: {one_line(error)}") from error
        (pages / "index.html").write_text(_REDIRECT, encoding="utf-8")
        shutil.copytree(pages, output, dirs_exist_ok=True)
    return re.sub(r"\x1b\[[0-9;]*m", "", warnings.getvalue()).splitlines()  # without colours


def fetch_mathjax() -> bytes:
    """Return MathJax's tex-svg.js from its archive, downloaded once into pooch's cache.

    The archive is verified each time.

    Raises
    ------
    CourseError
        If it can neither be found nor downloaded.
    """
    try:
        archive = pooch.retrieve(MATHJAX, f"sha256:{MATHJAX_SHA256}", fname="mathjax-3.2.2.tgz")
    except (OSError, ValueError) as error:  # no connection or disk; another content
        raise CourseError(
            f"MathJax cannot be downloaded from {MATHJAX} ({one_line(error)}): connect to the "
            f"network once, or give its {SCRIPT} with --mathjax"
        ) from error
    with tarfile.open(archive) as files:
        content = files.extractfile(f"package/es5/{SCRIPT}")
        assert content is not None  # it is a plain file in an archive of known content
        return content.read()


def main(output: Path = Path("build/site"), mathjax: Path | None = None) -> int:
    """Build the pages of the course and of docs/.

    Parameters
    ----------
    output : Path
        Folder for the pages; open index.html in it.
    mathjax : Path or None
        File tex-svg.js of MathJax 3; downloaded from the npm registry by default.

    Returns
    -------
    int
        0, or 1 if a link or picture is missing; the pages are built all the same.
    """
    if mathjax is not None and not mathjax.is_file():
        raise CourseError(f"--mathjax {mathjax} is no file: give the path of {SCRIPT}")
    if output.exists() and not output.is_dir():
        raise CourseError(f"--output {output} is a file: name a folder")
    warnings = build(output, mathjax.read_bytes() if mathjax else fetch_mathjax())
    for warning in warnings:
        print(warning, file=sys.stderr)
    print(f"{output / 'index.html'}")
    return int(bool(warnings))


if __name__ == "__main__":
    sys.exit(run_command(main, "python -m notebooks.site"))
