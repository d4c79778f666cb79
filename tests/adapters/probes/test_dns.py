from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import dns.asyncresolver
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
from typing_extensions import override

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.probes.dns import DnsProbe
from jobforge.core.egress import EgressPolicy
from jobforge.core.errors import EgressDenied, TargetUnavailable

PUBLIC = "93.184.216.34"
IN_TIME = timedelta(seconds=5)
NOTHING: dict[str, list[str]] = {
    kind: [] for kind in ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "CAA")
}


class Zone(asyncio.DatagramProtocol):
    """A DNS server on loopback with the records given; a code instead of records is an error."""

    def __init__(self, records: dict[tuple[str, str], list[str] | dns.rcode.Rcode]) -> None:
        self.records = records
        self.asked: list[tuple[str, str]] = []
        self.is_silent = False
        self.transport: asyncio.DatagramTransport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.is_silent:
            return
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        self.transport.sendto(self._answer(query, name, kind).to_wire(), addr)

    def _answer(self, query: dns.message.Message, name: str, kind: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        found = self.records.get((name, kind))
        if isinstance(found, dns.rcode.Rcode):
            answer.set_rcode(found)
        elif found:
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *found))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


@asynccontextmanager
async def asking(
    records: dict[tuple[str, str], list[str] | dns.rcode.Rcode], allow: str = ""
) -> AsyncIterator[tuple[DnsProbe, Zone]]:
    loop = asyncio.get_running_loop()
    transport, zone = await loop.create_datagram_endpoint(
        lambda: Zone(records), local_addr=("127.0.0.1", 0)
    )
    zone.transport = transport

    def make_resolver() -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = transport.get_extra_info("sockname")[1]
        resolver.search = [dns.name.from_text("corp.example")]
        return resolver

    try:
        yield DnsProbe(AddressGuard(EgressPolicy.parse(allow)), make_resolver), zone
    finally:
        transport.close()


async def test_every_type_is_answered_and_what_is_not_there_is_empty() -> None:
    records: dict[tuple[str, str], list[str] | dns.rcode.Rcode] = {
        ("shop.example", "A"): [PUBLIC, "93.184.216.35"],
        ("shop.example", "AAAA"): ["2606:2800:220:1::1"],
        ("shop.example", "MX"): ["10 mail.shop.example."],
        ("shop.example", "NS"): ["ns2.shop.example.", "ns1.shop.example."],
        ("shop.example", "TXT"): ['"v=spf1 " "-all"'],
        ("shop.example", "CAA"): ['0 issue "ca.example"'],
    }
    async with asking(records) as (probe, _):
        found = await probe.records("shop.example", timeout=IN_TIME)

    assert found == {
        "A": [PUBLIC, "93.184.216.35"],
        "AAAA": ["2606:2800:220:1::1"],
        "CNAME": [],
        "MX": ["10 mail.shop.example."],
        "NS": ["ns1.shop.example.", "ns2.shop.example."],
        "TXT": ["v=spf1 -all"],
        "CAA": ['0 issue "ca.example"'],
    }


async def test_name_servers_and_caa_are_those_that_hold_for_the_name() -> None:
    records: dict[tuple[str, str], list[str] | dns.rcode.Rcode] = {
        ("www.shop.example", "A"): [PUBLIC],
        ("shop.example", "NS"): ["ns1.shop.example."],
        ("shop.example", "CAA"): ['0 issue "ca.example"'],
        ("example", "NS"): ["tld.example."],
    }
    async with asking(records) as (probe, zone):
        found = await probe.records("www.shop.example", timeout=IN_TIME)

    assert (found["NS"], found["CAA"]) == (["ns1.shop.example."], ['0 issue "ca.example"'])
    assert ("example", "NS") not in zone.asked


async def test_a_name_that_does_not_exist_has_no_records() -> None:
    async with asking({}) as (probe, zone):
        found = await probe.records("gone.example", timeout=IN_TIME)

    assert found == NOTHING
    assert not any("corp" in name for name, _ in zone.asked)


@pytest.mark.parametrize("kind", ["A", "AAAA", "MX", "CAA"])
async def test_a_type_that_could_not_be_asked_for_is_an_error_not_an_empty_list(kind: str) -> None:
    async with asking(
        {
            ("shop.example", "TXT"): ['"here"'],
            ("shop.example", kind): dns.rcode.SERVFAIL,
        }
    ) as (probe, _):
        with pytest.raises(TargetUnavailable, match=rf"shop\.example {kind}"):
            await probe.records("shop.example", timeout=IN_TIME)


async def test_a_silent_name_server_is_unavailable_in_time() -> None:
    started = time.monotonic()
    async with asking({}) as (probe, zone):
        zone.is_silent = True
        with pytest.raises(TargetUnavailable, match=r"within 0\.2 seconds"):
            await probe.records("shop.example", timeout=timedelta(milliseconds=200))

    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("kind", "address"), [("A", "10.0.0.1"), ("A", "127.0.0.1"), ("AAAA", "fd00::1")]
)
async def test_a_name_that_leads_inside_is_refused_and_asked_no_further(
    kind: str, address: str
) -> None:
    async with asking(
        {
            ("db.example", kind): [address],
            ("db.example", "TXT"): ['"inside"'],
        }
    ) as (probe, zone):
        with pytest.raises(EgressDenied, match=r"db\.example resolves to"):
            await probe.records("db.example", timeout=IN_TIME)

    assert {kind for _, kind in zone.asked} == {"A", "AAAA"}


@pytest.mark.parametrize("allow", ["db.example", "DB.example:5432", "10.0.0.0/8"])
async def test_a_name_that_leads_inside_is_answered_where_it_is_listed(allow: str) -> None:
    async with asking({("db.example", "A"): ["10.0.0.1"]}, allow) as (probe, _):
        found = await probe.records("db.example", timeout=IN_TIME)

    assert found["A"] == ["10.0.0.1"]


@pytest.mark.parametrize(
    "host",
    ["localhost", "printer.local", "db.prod.internal", "router.home.arpa", "fileserver",
     "1.0.0.10.in-addr.arpa", "a.onion", "x.localhost."],
)  # fmt: skip
async def test_names_of_the_local_network_are_refused_unasked(host: str) -> None:
    async with asking({}) as (probe, zone):
        with pytest.raises(EgressDenied, match="local network"):
            await probe.records(host, timeout=IN_TIME)

    assert zone.asked == []


async def test_a_local_name_is_answered_where_it_is_listed() -> None:
    async with asking({("db.internal", "A"): ["10.0.0.1"]}, "db.internal:5432") as (probe, _):
        found = await probe.records("db.internal", timeout=IN_TIME)

    assert found["A"] == ["10.0.0.1"]


async def test_an_address_is_its_own_only_record() -> None:
    async with asking({}) as (probe, zone):
        ipv4 = await probe.records(PUBLIC, timeout=IN_TIME)
        ipv6 = await probe.records("[2606:2800:220:1::1]", timeout=IN_TIME)
        with pytest.raises(EgressDenied):
            await probe.records("169.254.169.254", timeout=IN_TIME)

    assert ipv4 == NOTHING | {"A": [PUBLIC]}
    assert ipv6 == NOTHING | {"AAAA": ["2606:2800:220:1::1"]}
    assert zone.asked == []


async def test_what_is_no_name_is_unavailable() -> None:
    async with asking({}) as (probe, _):
        with pytest.raises(TargetUnavailable, match="not a DNS name"):
            await probe.records(f"{'x' * 64}.example", timeout=IN_TIME)


async def test_a_machine_without_name_servers_says_so() -> None:
    def unconfigured() -> dns.asyncresolver.Resolver:
        raise dns.resolver.NoResolverConfiguration

    with pytest.raises(TargetUnavailable, match="no name server"):
        await DnsProbe(AddressGuard(EgressPolicy()), unconfigured).records(
            "shop.example", timeout=IN_TIME
        )
