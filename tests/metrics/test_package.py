import subprocess
import sys

IMPORT = """
import sys
import lpc_scratch.metrics
print(*sys.modules)
"""


def test_importing_it_loads_no_more_than_numpy_and_itself():
    process = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    modules = set(process.stdout.split())
    assert "lpc_scratch.metrics.measure" in modules
    assert not modules & {"sklearn", "scipy", "matplotlib", "tyro", "pooch", "data_utils"}
    own = {name for name in modules if name.startswith("lpc_scratch.")}
    own -= {"lpc_scratch.version"}
    assert all(name.startswith(("lpc_scratch.metrics", "lpc_scratch.theory")) for name in own)
