import os

import psutil
import pytest

from lpc_scratch.files import host_memory

GIB = 2**30


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Put the process into the control group job/step of a made-up tree."""
    own = tmp_path / "cgroup"
    own.write_text("4:memory:/elsewhere\n0::/job/step\n")
    monkeypatch.setattr(host_memory, "_OWN_GROUP", own)
    monkeypatch.setattr(host_memory, "_GROUPS", tmp_path / "groups")
    machine = type("Memory", (), {"available": 64 * GIB})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)

    def limit(group, maximum, used, cache=0):
        folder = tmp_path / "groups" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{maximum}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        text = f"anon 1\nactive_file {cache // 2}\ninactive_file {cache - cache // 2}\n"
        (folder / "memory.stat").write_text(text)

    return limit


def test_memory_is_what_the_machine_has_without_a_limit(groups):
    groups("job/step", "max", GIB)
    assert host_memory.free_memory() == 64 * GIB


def test_limit_of_the_own_group_holds(groups):
    groups("job/step", 8 * GIB, 3 * GIB)
    assert host_memory.free_memory() == 5 * GIB


def test_group_may_have_any_name(groups, tmp_path):
    name = b"job/\xff"  # no text in any encoding
    (tmp_path / "cgroup").write_bytes(b"0::/" + name)
    groups(os.fsdecode(name), 8 * GIB, 3 * GIB)
    assert host_memory.free_memory() == 5 * GIB


def test_limit_of_a_group_around_it_holds(groups):
    groups("job/step", 8 * GIB, 1 * GIB)
    groups("job", 4 * GIB, 2 * GIB)
    assert host_memory.free_memory() == 2 * GIB


def test_cached_files_do_not_count_as_used(groups):
    groups("job/step", 8 * GIB, 7 * GIB, cache=5 * GIB)
    assert host_memory.free_memory() == 6 * GIB


def test_group_beyond_its_limit_has_nothing_left(groups):
    groups("job/step", GIB, 2 * GIB)
    assert host_memory.free_memory() == 0


def test_systems_without_control_groups_have_no_limit(groups, tmp_path, monkeypatch):
    monkeypatch.setattr(host_memory, "_OWN_GROUP", tmp_path / "missing")
    assert host_memory.free_memory() == 64 * GIB


def test_free_memory_of_the_host_is_that_of_the_machine():
    total = psutil.virtual_memory().total
    assert 0 < host_memory.free_memory() <= total
