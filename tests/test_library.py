"""What importing the package does to the program that imports it: as little as can be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
LOOK = """
import json, os, signal, sys
import numpy
before = dict(os.environ), signal.getsignal(signal.SIGINT)
import {module}
changed = [name for name in os.environ if os.environ[name] != before[0].get(name)]
large = {{"sklearn", "scipy", "matplotlib", "pandas", "numba"}} & set(sys.modules)
print(json.dumps([changed, signal.getsignal(signal.SIGINT) is before[1], sorted(large)]))
"""


@pytest.mark.parametrize(
    "module", ["lpc_scratch.training.loop", "lpc_scratch.runs.load", "lpc_scratch.metrics"]
)
def test_importing_the_package_changes_nothing_and_loads_no_large_library(module):
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"}
    look = [sys.executable, "-c", LOOK.format(module=module)]
    shown = subprocess.run(look, capture_output=True, text=True, check=True, env=environment)
    assert json.loads(shown.stdout) == [[], True, []]
