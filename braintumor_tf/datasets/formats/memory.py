"""How much memory there is, to refuse pictures that cannot fit before the machine stands still."""

from __future__ import annotations

import os
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files in which Linux names the limit of a container, by the version of its control groups."""


def memory_limit() -> int | None:
    """Returns the bytes of memory that a process can have at most; None where the system does not say.

    That is what the machine has, or less in a container or under a limit of address space (``ulimit -v``).
    """
    limits = []
    try:
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        import resource

        space = resource.getrlimit(resource.RLIMIT_AS)[0]
        limits += [space] if space != resource.RLIM_INFINITY else []
    except (AttributeError, ValueError, OSError, ImportError):  # Windows
        pass
    for path in _LIMITS:
        try:
            limits.append(int(Path(path).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min((limit for limit in limits if limit > 0), default=None)


def shortage(needed: int) -> str:
    """Returns "" where so many bytes can fit into memory; else a phrase with both figures.

    Example:
        >>> shortage(10**18).startswith("needs at least 1,000,000,000.0 GB of memory; there are ")
        True
    """
    limit = memory_limit()
    if limit is None or needed <= limit:
        return ""
    return f"needs at least {needed / 1e9:,.1f} GB of memory; there are {limit / 1e9:,.1f} GB"
