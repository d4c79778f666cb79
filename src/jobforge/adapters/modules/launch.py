"""Becomes a module's command: limits first, then the program in this process's place.

Arguments: the largest file it may write in bytes, its CPU seconds, the names of the variables it
gets, and the command's words. It is run as a file and needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""Source: prctl(2)."""

NOT_FOUND = 127
"""What shells answer where a program cannot be started."""


def main() -> None:
    """Set the limits and become the program."""
    file_bytes, cpu_seconds, allowed, *words = sys.argv[1:]
    if "LC_CTYPE" not in allowed.split(","):
        # Python sets it by itself where there is none.
        os.unsetenv("LC_CTYPE")
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_bytes), int(file_bytes)))
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_seconds), int(cpu_seconds)))
    if sys.platform == "linux":
        # A worker that is killed takes its modules along.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        os.execv(words[0], words)  # noqa: S606 (no shell: an argument list that an operator registered)
    except OSError as error:
        sys.stderr.write(f"cannot start {words[0]}: {error.strerror}\n")
        sys.exit(NOT_FOUND)


if __name__ == "__main__":
    main()
