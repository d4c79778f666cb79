from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from jobforge.adapters.http.address_guard import AddressGuard, resolve_by_system
from jobforge.core.egress import EgressPolicy, IpAddress
from jobforge.core.errors import EgressDenied, TargetUnavailable

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.8.9.10",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "any.localhost",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "0.0.0.0",  # noqa: S104 (an address that must be refused)
    "0",
    "::",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.254",
    "100.100.100.200",
    "169.254.169.254",
    "2852039166",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_an_internal_address_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(EgressDenied):
        await AddressGuard(EgressPolicy()).admit(host, 80)


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8"])
async def test_a_public_address_is_admitted_as_it_is(host: str) -> None:
    assert await AddressGuard(EgressPolicy()).admit(host, 443) == (ip_address(host),)


async def test_what_the_operator_lists_is_admitted_at_that_port_only() -> None:
    guard = AddressGuard(EgressPolicy.parse("127.0.0.1:8080"))

    assert await guard.admit("127.0.0.1", 8080) == (ip_address("127.0.0.1"),)
    with pytest.raises(EgressDenied):
        await guard.admit("127.0.0.1", 8081)


async def test_one_internal_address_among_public_ones_refuses_all() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[IpAddress]:
        return [ip_address("93.184.216.34"), ip_address("10.0.0.1")]

    with pytest.raises(EgressDenied, match=r"mixed\.example resolves to 10\.0\.0\.1"):
        await AddressGuard(EgressPolicy(), resolve=resolve).admit("mixed.example", 80)


async def test_a_name_without_an_address_is_unavailable() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[IpAddress]:
        return []

    with pytest.raises(TargetUnavailable):
        await AddressGuard(EgressPolicy(), resolve=resolve).admit("empty.example", 80)


@pytest.mark.parametrize("host", ["no-such-name.invalid", "x" * 300, "a..b", ""])
async def test_a_name_that_does_not_resolve_is_unavailable(host: str) -> None:
    with pytest.raises((TargetUnavailable, EgressDenied)):
        await AddressGuard(EgressPolicy()).admit(host, 80)


@pytest.mark.parametrize("port", [0, -1, 65_536])
async def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(EgressDenied, match="is not a port"):
        await AddressGuard(EgressPolicy()).admit("8.8.8.8", port)


async def test_the_system_gives_each_address_once() -> None:
    assert await resolve_by_system("127.0.0.1", 80) == (ip_address("127.0.0.1"),)
