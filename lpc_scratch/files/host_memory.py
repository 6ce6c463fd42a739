"""How much memory this process may still take on the host."""

import os
from pathlib import Path

import psutil

_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Return the bytes that can be had without swapping, and without being killed for them.

    That is what the machine has available, or what is left of the limit of a control group, as of
    a container or a batch job, where that is less.
    """
    return min([psutil.virtual_memory().available, *_left_by_groups()])


def _left_by_groups() -> list[int]:
    """Return what the limits of this process's control groups (Linux, version 2) leave it."""
    try:
        lines = os.fsdecode(_OWN_GROUP.read_bytes()).splitlines()
    except OSError:  # not on Linux
        return []
    left = []
    for own in (line.removeprefix("0::/") for line in lines if line.startswith("0::/")):
        group = _GROUPS / own
        for folder in (group, *group.parents):  # the limits of the groups around it hold as well
            try:
                limit = (folder / "memory.max").read_text("ascii").strip()
                used = int((folder / "memory.current").read_text("ascii"))
                statistics = (folder / "memory.stat").read_text("ascii").split()
            except OSError:  # no limit can be set here
                continue
            if limit != "max":
                counts = dict(zip(statistics[::2], map(int, statistics[1::2]), strict=True))
                # Pages of files are counted as used, and given up when memory is asked for.
                cache = counts.get("active_file", 0) + counts.get("inactive_file", 0)
                left.append(max(int(limit) - used + cache, 0))
    return left
