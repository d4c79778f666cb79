"""Keeps a worker's secrets from the processes it starts."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_DUMPABLE = 4
"""Source: prctl(2)."""


def hide_from_own_children() -> None:
    """Let no other process of this user read this one's memory, environment or open files.

    On Linux only. Root can read everything all the same: handlers that are not trusted need
    another user, see SECURITY.md.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
