"""What a run ran on, for people who want to repeat it."""

import platform
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from lpc_scratch.backend import Backend
from lpc_scratch.version import __version__

_PACKAGES = ("numpy", "scipy", "scikit-learn", "cupy-cuda12x", "cupy-cuda13x")


def describe_environment(backend: Backend, parameters: int = 0) -> dict[str, Any]:
    """Return date, command, versions, device, BLAS and git revision, ready for JSON.

    The bits of a result depend on all of them but the date and numba, which is null unless it
    compiles the optimiser's step of so many parameters.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": ["python", *sys.orig_argv[1:]],  # `-m module` instead of the path of a file
        "lpc_scratch": __version__,
        "git_revision": _git_revision(),
        "python": platform.python_version(),
        "packages": package_versions(_PACKAGES),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "device": backend.description,
        "numba": version("numba") if backend.ops.compiles(parameters) else None,
        "blas": [
            {key: library[key] for key in ("internal_api", "version", "num_threads")}
            for library in threadpool_info()
            if library["user_api"] == "blas"
        ],
    }


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of the packages that are installed."""
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _git_revision() -> str | None:
    """Return the checkout's commit, marked where files were changed; None outside a checkout."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():  # an installed package lies in nobody's checkout
        return None
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.decode("ascii").strip()
