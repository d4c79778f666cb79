from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Mapping
from typing import Any

import psutil
import pytest

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.probes import LiveProbes
from jobforge.adapters.probes.host import describe_host
from jobforge.core.context import Probes
from jobforge.core.egress import EgressPolicy
from jobforge.core.errors import ConnectionMissing, EgressDenied


async def no_connection(name: str) -> Mapping[str, Any]:
    raise ConnectionMissing(f"there is no connection {name}")


def live_probes(*, is_host_allowed: bool) -> Probes:
    return LiveProbes(
        AddressGuard(EgressPolicy()),
        find_connection=no_connection,
        is_host_allowed=is_host_allowed,
    )


async def test_this_host_is_described_only_to_who_may_look() -> None:
    assert (await live_probes(is_host_allowed=True).host()).hostname == socket.gethostname()
    with pytest.raises(EgressDenied, match="local operator"):
        await live_probes(is_host_allowed=False).host()


async def test_every_probe_passes_the_gate() -> None:
    probes = live_probes(is_host_allowed=True)
    in_time = dt.timedelta(seconds=2)

    with pytest.raises(EgressDenied):
        await probes.tls("127.0.0.1", 443, timeout=in_time)
    with pytest.raises(EgressDenied):
        await probes.resolve("127.0.0.1", timeout=in_time)
    with pytest.raises(ConnectionMissing):
        await probes.postgres("absent", {}, timeout=in_time)


def test_the_facts_of_this_host_are_those_of_the_system() -> None:
    booted = dt.datetime.fromtimestamp(psutil.boot_time(), dt.UTC)

    facts = describe_host(booted + dt.timedelta(hours=3))

    assert facts.uptime == dt.timedelta(hours=3)
    assert facts.cpu_count == os.cpu_count()
    assert facts.kernel == os.uname().release
    assert facts.is_root == (os.geteuid() == 0)
    assert facts.memory_total_bytes == psutil.virtual_memory().total
    assert 0 < facts.memory_available_bytes < facts.memory_total_bytes
    assert 0 <= facts.swap_used_bytes <= facts.swap_total_bytes
    assert facts.load_average is not None


def test_the_root_file_system_is_described() -> None:
    facts = describe_host(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))

    (root,) = [part for part in facts.filesystems if part.mount == "/"]
    expected = os.statvfs("/")
    assert root.total_bytes == expected.f_blocks * expected.f_frsize
    assert 0 < root.used_bytes <= root.total_bytes
    assert root.kind


def test_a_listening_socket_is_seen_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        facts = describe_host(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))

    if "listening" in facts.unreadable:
        pytest.skip("this system shows its sockets to root only")
    (seen,) = [s for s in facts.listening if s.port == port]
    assert (seen.address, seen.process) == ("127.0.0.1", psutil.Process().name())
