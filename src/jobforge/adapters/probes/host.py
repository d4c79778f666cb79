"""This machine, as psutil sees it."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import psutil

from jobforge.core.context import Filesystem, HostFacts, ListeningSocket

_ROOT = "/"


def describe_host(now: datetime) -> HostFacts:
    """Look at this machine. What the system keeps from this process is named in `unreadable`."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    filesystems, hidden_filesystems = _filesystems()
    listening, hidden_listening = _listening()
    return HostFacts(
        hostname=socket.gethostname(),
        system=_system(),
        kernel=platform.release(),
        uptime=now - datetime.fromtimestamp(psutil.boot_time(), UTC),
        cpu_count=psutil.cpu_count() or 1,
        load_average=psutil.getloadavg(),
        memory_total_bytes=memory.total,
        memory_available_bytes=memory.available,
        swap_total_bytes=swap.total,
        swap_used_bytes=swap.used,
        filesystems=filesystems,
        listening=listening,
        is_root=getattr(os, "geteuid", lambda: 1)() == 0,
        unreadable=(*hidden_filesystems, *hidden_listening),
    )


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.version()}"


def _filesystems() -> tuple[tuple[Filesystem, ...], tuple[str, ...]]:
    """Those on disks, and the root, which in a container lies on none."""
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=False)}
    if _ROOT not in mounts:
        everything = psutil.disk_partitions(all=True)
        mounts |= {p.mountpoint: p.fstype for p in everything if p.mountpoint == _ROOT}
    found: list[Filesystem] = []
    hidden: list[str] = []
    for mount, kind in sorted(mounts.items()):
        try:
            found.append(_filesystem(mount, kind))
        except OSError:
            hidden.append(f"filesystem {mount}")
    return tuple(found), tuple(hidden)


def _filesystem(mount: str, kind: str) -> Filesystem:
    usage = psutil.disk_usage(mount)
    inodes_total = inodes_used = None
    if hasattr(os, "statvfs"):
        facts = os.statvfs(mount)
        # File systems that make inodes as they need them report none.
        if facts.f_files:
            inodes_total, inodes_used = facts.f_files, facts.f_files - facts.f_ffree
    return Filesystem(
        mount=mount,
        kind=kind,
        total_bytes=usage.total,
        used_bytes=usage.used,
        inodes_total=inodes_total,
        inodes_used=inodes_used,
    )


def _listening() -> tuple[tuple[ListeningSocket, ...], tuple[str, ...]]:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return (), ("listening",)
    found = {
        (c.laddr.ip, c.laddr.port): _process_name(c.pid)
        for c in connections
        if c.status == psutil.CONN_LISTEN and c.laddr
    }
    return tuple(_sockets(found)), ()


def _sockets(found: dict[tuple[str, int], str | None]) -> Iterator[ListeningSocket]:
    for (address, port), process in sorted(found.items()):
        yield ListeningSocket(address=address, port=port, process=process)


def _process_name(pid: int | None) -> str | None:
    if pid is None:
        return None
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return None
