"""The pages of the reference name all that a package offers, and nothing else."""

import re
from importlib import import_module

import pytest

from notebooks import FOLDER

PAGES = sorted(FOLDER.parent.glob("docs/reference/*.md"))
TEXT = "".join(page.read_text(encoding="utf-8") for page in PAGES)
NAMED = {
    (module, name)
    for module, text in re.findall(r"^\.\. currentmodule:: (\S+)\n(.*?)^```", TEXT, re.M | re.S)
    for name in re.findall(r"^\.\. auto\w+:: (?:\S+\.)?(\w+)$", text, re.M)
}


@pytest.mark.parametrize("package", ["metrics", "nn.layers", "estimator", "attacks", "training"])
def test_all_that_a_package_offers_is_named(package):
    module = f"lpc_scratch.{package}"
    assert {name for of, name in NAMED if of == module} == set(import_module(module).__all__)


def test_what_is_named_is_there():
    assert [entry for entry in NAMED if not hasattr(import_module(entry[0]), entry[1])] == []
