"""python -m notebooks.site: the pages of the course, to read in a browser without a kernel.

They are built by Sphinx with MyST-NB from the notebooks as they are, with `docs/conf.py`, and need
no network to be read: MathJax lies beside them.
"""

import io
import re
import shutil
import sys
import tarfile
from contextlib import redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory

import pooch
from sphinx.application import Sphinx

from lpc_scratch.errors import one_line
from notebooks import FOLDER, CourseError, run_command

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


def build(output: Path, script: Path) -> list[str]:
    """Build the pages into a folder, and return Sphinx's warnings.

    Parameters
    ----------
    output : Path
        The folder; made if need be.
    script : Path
        MathJax's tex-svg.js.
    """
    root, warnings = FOLDER.parent, io.StringIO()
    with TemporaryDirectory() as assets:
        shutil.copy(script, Path(assets, SCRIPT))
        app = Sphinx(
            srcdir=root,
            confdir=root / "docs",
            outdir=output,
            doctreedir=output / ".doctrees",
            buildername="html",
            confoverrides={"html_static_path": [assets], "mathjax_path": SCRIPT},
            status=None,
            warning=warnings,
            freshenv=True,
        )
        app.build()
    (output / "index.html").write_text(_REDIRECT, encoding="utf-8")
    return re.sub(r"\x1b\[[0-9;]*m", "", warnings.getvalue()).splitlines()  # without colours


def fetch_mathjax() -> Path:
    """Return MathJax's tex-svg.js, downloaded once, verified and kept in pooch's cache.

    Raises
    ------
    CourseError
        If it can neither be found nor downloaded.
    """
    try:
        with redirect_stderr(io.StringIO()):  # pooch's announcement
            archive = pooch.retrieve(MATHJAX, f"sha256:{MATHJAX_SHA256}", fname="mathjax-3.2.2.tgz")
    except (OSError, ValueError) as error:  # no connection or disk; another content
        raise CourseError(
            f"MathJax cannot be downloaded from {MATHJAX} ({one_line(error)}): connect to the "
            f"network once, or give its {SCRIPT} with --mathjax"
        ) from error
    script = Path(archive).with_name(f"mathjax-3.2.2-{SCRIPT}")
    if not script.exists():
        with tarfile.open(archive) as files:
            content = files.extractfile(f"package/es5/{SCRIPT}")
            assert content is not None  # it is a plain file in an archive of known content
            script.write_bytes(content.read())
    return script


def main(output: Path = Path("build/site"), mathjax: Path | None = None) -> int:
    """Build the pages of the course.

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
    warnings = build(output, mathjax or fetch_mathjax())
    for warning in warnings:
        print(warning, file=sys.stderr)
    print(f"{output / 'index.html'}")
    return int(bool(warnings))


if __name__ == "__main__":
    sys.exit(run_command(main, "python -m notebooks.site"))
