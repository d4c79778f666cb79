"""Keeps a worker's secrets from the processes it starts."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from pathlib import Path

_PR_SET_DUMPABLE = 4
"""Source: prctl(2)."""


def hide_from_own_children() -> None:
    """Let no other process of this user read this one's memory, environment or open files.

    On Linux only. Root can read everything all the same: handlers that are not trusted need
    another user, see SECURITY.md.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def overwrite_environment(names: Iterable[str]) -> None:
    """Overwrite these variables where every process of this user, and root, can read them.

    `/proc/PID/environ` shows the memory that a process was started with, whatever it took from its
    environment since. Python has its own copy, which stays. On Linux only.
    """
    if sys.platform != "linux":
        return
    fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    start, end = (int(field) for field in fields.rpartition(")")[2].split()[47:49])
    block = ctypes.string_at(start, end - start)
    for name in names:
        before = b"\0%b=" % name.encode()
        place = (b"\0" + block).find(before)
        if place >= 0:
            value = place + len(before) - 1
            length = len(block[value:].partition(b"\0")[0])
            ctypes.memset(start + value, ord("x"), length)
