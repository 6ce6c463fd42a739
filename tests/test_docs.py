"""README, changelog and docs/: what they tell people to type works, and where they point is."""

import ast
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import tyro

from lpc_scratch.commands import command_line
from lpc_scratch.compare import CompareCommand
from lpc_scratch.config import TrainConfig
from lpc_scratch.evaluate import EvaluateCommand
from lpc_scratch.export import ExportCommand
from lpc_scratch.generalise import GeneraliseCommand
from lpc_scratch.measure import MeasureCommand
from lpc_scratch.sweep import SweepCommand
from lpc_scratch.train import TrainCommand

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))]
TEXT = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
OURS = ("lpc_scratch", "data_utils")
SETTINGS = {
    "lpc_scratch.train": TrainCommand,
    "lpc_scratch.compare": CompareCommand,
    "lpc_scratch.sweep": SweepCommand,
    "lpc_scratch.generalise": GeneraliseCommand,
    "lpc_scratch.evaluate": EvaluateCommand,
    "lpc_scratch.export": ExportCommand,
    "lpc_scratch.measure": MeasureCommand,
}
COMMANDS = sorted(
    set(re.findall(r"(?:^    |`|&& )(python -m [^`&\n]+)", "".join(TEXT.values()), re.M))
)
SNIPPETS = {
    f"{page}-{number}": code
    for page, text in TEXT.items()
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command, monkeypatch):
    monkeypatch.chdir(ROOT)  # where the files of configs/ are
    _, _, module, *arguments = shlex.split(command.removesuffix(" --help"))
    if module not in SETTINGS:
        assert _is_module(module)
    elif issubclass(SETTINGS[module], TrainConfig):
        command_line.parse(SETTINGS[module], arguments, module)
    else:
        tyro.cli(SETTINGS[module], args=arguments)


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_compiles_and_finds_what_it_imports_of_ours(name):
    for statement in ast.parse(SNIPPETS[name]).body:
        if isinstance(statement, ast.ImportFrom) and statement.module.startswith(OURS):
            exec(ast.unparse(statement), {})


def test_the_changelog_says_where_modules_are_now():
    rows = re.findall(r"^\| `.*\| (.*) \|$", TEXT["CHANGELOG.md"], re.M)
    modules = {module for cell in rows for module in re.findall(r"`([\w.]+)`", cell)}
    assert len(modules) > 30
    assert [m for m in modules if m not in OURS and not _is_module(f"lpc_scratch.{m}")] == []


@pytest.mark.parametrize("page", TEXT)
def test_a_link_within_the_repository_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", TEXT[page]):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in _anchors(path.read_text(encoding="utf-8")), target


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # nor are those that it should be in
        return False


def _anchors(text):
    """Return what a code host and the site make of the headings."""
    headings = re.findall(r"^#+ (.*)", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_read_at_one_sitting():
    lines = TEXT["README.md"].splitlines()
    assert len(lines) < 200
    assert max(map(len, lines)) <= 100
