"""A name's DNS records by type, for names whose addresses may be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.txtbase import TXTBase

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.core.errors import EgressDenied, TargetUnavailable

_ALL_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "CAA")
_OWN_TYPES = ("CNAME", "MX", "TXT")
_LOCAL_ENDS = frozenset({"local", "localhost", "internal", "onion", "test", "invalid", "arpa"})
"""Names of the machine or its network, and of no zone of the public. Source: RFC 6761, 6762, 7686,
8375 (home.arpa) and ICANN's reservation of `internal` in 2024; `arpa` mirrors addresses."""


class DnsProbe:
    """Asks the system's name servers; `make_resolver` is dnspython's reader of their settings."""

    def __init__(
        self,
        guard: AddressGuard,
        make_resolver: Callable[[], dns.asyncresolver.Resolver] = dns.asyncresolver.Resolver,
    ) -> None:
        self._guard = guard
        self._make_resolver = make_resolver

    async def records(self, host: str, *, timeout: timedelta) -> dict[str, list[str]]:
        """A, AAAA, CNAME, MX, NS, TXT and CAA, each a list, empty where there is no such record.

        NS and CAA are those that hold for the name: of the closest name above that has any (RFC
        8659 section 3 for CAA). An address is its own only record. A name that does not exist has
        none.

        Raises:
            EgressDenied: a record leads to an address that may not be reached, or the name belongs
                to this machine's network.
            TargetUnavailable: no name server answers, or not in time. A type that could not be
                asked for is never shown as empty.
        """
        seconds = timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._ask_all(host)
        except TimeoutError:
            raise TargetUnavailable(
                f"no DNS answer for {host} within {seconds:g} seconds"
            ) from None

    async def _ask_all(self, host: str) -> dict[str, list[str]]:
        literal = _literal(host)
        if literal is not None:
            self._guard.check_lookup(host, [literal])
            nothing: dict[str, list[str]] = {kind: [] for kind in _ALL_TYPES}
            return nothing | {"AAAA" if ":" in literal else "A": [literal]}
        name = self._public_name(host)
        lookup = _Lookup(self._open_resolver())
        ipv4, ipv6 = await asyncio.gather(lookup.ask(name, "A"), lookup.ask(name, "AAAA"))
        self._guard.check_lookup(host, [*ipv4, *ipv6])
        own = await asyncio.gather(*(lookup.ask(name, kind) for kind in _OWN_TYPES))
        ns, caa = await asyncio.gather(lookup.climb(name, "NS", 2), lookup.climb(name, "CAA", 1))
        found = {"A": ipv4, "AAAA": ipv6, "NS": ns, "CAA": caa}
        return found | dict(zip(_OWN_TYPES, own, strict=True))

    def _public_name(self, host: str) -> dns.name.Name:
        try:
            name = dns.name.from_text(host)
        except dns.exception.DNSException as error:
            raise TargetUnavailable(f"{host} is not a DNS name: {error}") from None
        labels = [label.decode("ascii", "replace").lower() for label in name.labels if label]
        is_local = len(labels) < 2 or labels[-1] in _LOCAL_ENDS  # noqa: PLR2004 (one label: a host)
        if is_local and not self._guard.is_listed(host):
            raise EgressDenied(f"{host} is a name of the local network")
        return name

    def _open_resolver(self) -> dns.asyncresolver.Resolver:
        try:
            return self._make_resolver()
        except dns.resolver.NoResolverConfiguration:
            raise TargetUnavailable("this machine names no name server") from None


class _Lookup:
    """Questions to one resolver; absolute names only, so no search domain is tried."""

    def __init__(self, resolver: dns.asyncresolver.Resolver) -> None:
        self._resolver = resolver

    async def ask(self, name: dns.name.Name, kind: str) -> list[str]:
        """The records, sorted; none where the name or the type does not exist."""
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.resolver.LifetimeTimeout:
            raise TimeoutError from None
        except dns.exception.DNSException as error:
            raise TargetUnavailable(
                f"no DNS answer for {name.to_text(omit_final_dot=True)} {kind}: {error}"
            ) from None
        return sorted(_text(record) for record in answer.rrset or ())

    async def climb(self, name: dns.name.Name, kind: str, min_labels: int) -> list[str]:
        """The records of the name or of the closest one above it, down to `min_labels` labels."""
        while len(name.labels) - 1 >= min_labels:
            if found := await self.ask(name, kind):
                return found
            name = name.parent()
        return []


def _text(record: object) -> str:
    if isinstance(record, TXTBase):
        return b"".join(record.strings).decode("utf-8", "backslashreplace")
    return str(record)


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return None
