"""Who may import whom. `python tests/test_rooms.py [folder]` counts rooms, floors and imports.

A room is a folder of `lpc_scratch`, a module beside these folders, or `data_utils`.
"""

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = {"train", "compare", "sweep", "evaluate", "export", "measure"}
MAY_IMPORT = {
    "errors": set(),
    "version": set(),
    "data_utils": set(),
    "theory": set(),
    "metrics": {"theory"},
    "backend": {"errors"},
    "nn": {"backend", "errors"},
    "settings": {"errors"},
    "config": {"nn", "settings", "errors"},
    "files": {"backend", "errors"},
    "training": {"backend", "nn", "metrics", "theory", "config", "errors", "data_utils"},
    "plots": {"metrics", "theory", "files"},
}
NEIGHBOURS = [{"exports", "tensorboard", "attacks"}, {"evaluation", "experiments"}]
OPEN_NO_FILE = ("theory", "metrics", "backend", "nn", "config", "training", "plots", "course")
OPENS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "savez", "tofile"}


@cache
def modules(root=ROOT):
    """Return room, path and syntax tree of every module."""
    found = []
    for package in ("lpc_scratch", "data_utils"):
        for path in sorted((root / package).rglob("*.py")):
            first = path.relative_to(root / package).with_suffix("").parts[0]
            room = package if package == "data_utils" or first == "__init__" else first
            found.append((room, path, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def imported(tree):
    """Return the full names of what a module imports, at its top or later."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def arrows(root=ROOT):
    """Return who imports whom, as pairs of rooms, but for the package's `load_run`."""
    rooms = {room for room, *_ in modules(root)}
    found = set()
    for room, _, tree in modules(root):
        for name in imported(tree):
            package, *rest = name.split(".")
            target = package if package == "data_utils" else rest[0] if rest else ""
            if package in ("lpc_scratch", "data_utils") and target in rooms:
                found.add((room, target))
    return {(a, b) for a, b in found if a not in (b, "lpc_scratch")}


@cache
def floors(root=ROOT):
    """Return the floor of every room: 1, or one above the highest that it imports."""
    found = {}

    def floor(room, below=()):
        assert room not in below, f"a circle: {' -> '.join((*below, room))}"
        if room not in found:
            targets = [b for a, b in arrows(root) if a == room]
            found[room] = 1 + max((floor(b, (*below, room)) for b in targets), default=0)
        return found[room]

    return {room: floor(room) for room in sorted({room for room, *_ in modules(root)})}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_room_imports_only_what_it_may(room):
    assert {b for a, b in arrows() if a == room} <= MAY_IMPORT[room]


def test_nobody_imports_a_command_or_a_neighbour_and_there_is_no_circle():
    assert not [(a, b) for a, b in arrows() if b in COMMANDS]
    assert not [(a, b) for a, b in arrows() for near in NEIGHBOURS if {a, b} <= near]
    drawing = {a for a, b in arrows() if b == "plots"} - {"course"}
    assert all(floors()[room] > floors()["runs"] for room in drawing)
    assert max(floors().values()) <= 9


def test_metrics_and_theory_need_numpy_scipy_and_scikit_learn_alone():
    known = sys.stdlib_module_names | {"numpy", "scipy", "sklearn", "lpc_scratch"}
    for room, path, tree in modules():
        if room in ("metrics", "theory"):
            assert {name.split(".")[0] for name in imported(tree)} <= known, path


def test_cupy_is_imported_for_the_gpu_alone():
    importers = [
        p for _, p, tree in modules() if any(n.split(".")[0] == "cupy" for n in imported(tree))
    ]
    assert {path.parent.name for path in importers} == {"cuda"}


def test_lower_rooms_open_no_file():
    opened = [
        f"{path.name}:{node.lineno}"
        for room, path, tree in modules()
        if room in OPEN_NO_FILE
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) in OPENS
    ]
    assert [place.split(":")[0] for place in opened] == ["kernels.py"]  # reads the kernels


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    for name, number in sorted(floors(folder).items(), key=lambda item: item[::-1]):
        print(number, name, "->", *sorted(b for a, b in arrows(folder) if a == name))
    print(f"{len(floors(folder))} rooms, {max(floors(folder).values())} floors, ", end="")
    print(f"{len(arrows(folder))} imports between rooms")
