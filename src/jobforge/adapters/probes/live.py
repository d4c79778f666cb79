"""`core.context.Probes` on the real world, behind the same gate as outgoing HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from ssl import SSLContext

import dns.asyncresolver

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.probes.dns import DnsProbe
from jobforge.adapters.probes.host import describe_host
from jobforge.adapters.probes.postgres import PostgresProbe
from jobforge.adapters.probes.postgres_sessions import FindConnection, PostgresSessions
from jobforge.adapters.probes.tls import TlsProbe
from jobforge.adapters.system import SystemClock
from jobforge.core.context import HostFacts, Row, TlsFacts
from jobforge.core.errors import EgressDenied
from jobforge.ports.system import Clock


class LiveProbes:
    """Implements `core.context.Probes` for one job of one tenant."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        find_connection: FindConnection,
        is_host_allowed: bool,
        trusted: SSLContext | None = None,
        make_resolver: Callable[[], dns.asyncresolver.Resolver] = dns.asyncresolver.Resolver,
        clock: Clock | None = None,
    ) -> None:
        self._guard = guard
        self._is_host_allowed = is_host_allowed
        self._trusted = trusted
        self._clock = clock or SystemClock()
        self._dns = DnsProbe(guard, make_resolver)
        self._postgres = PostgresProbe(PostgresSessions(guard, find_connection, trusted))

    @cached_property
    def _tls(self) -> TlsProbe:
        # Reading the authorities takes a tenth of a second, and many jobs never need them.
        return TlsProbe(self._guard, self._trusted)

    async def tls(self, host: str, port: int, *, timeout: timedelta) -> TlsFacts:
        """Shake hands and describe what the server showed, valid or not."""
        return await self._tls.look(host, port, timeout=timeout)

    async def resolve(self, host: str, *, timeout: timedelta) -> dict[str, list[str]]:
        """DNS records by type (A, AAAA, CNAME, MX, NS, TXT, CAA)."""
        return await self._dns.records(host, timeout=timeout)

    async def host(self) -> HostFacts:
        """This machine.

        Raises:
            EgressDenied: this tenant may not look at it.
        """
        if not self._is_host_allowed:
            raise EgressDenied(
                "this host is for the local operator and the tenants he allows",
                hint="jobforge tenant create --allow-host",
            )
        return await asyncio.to_thread(describe_host, self._clock.now())

    async def postgres(
        self, connection: str, queries: Mapping[str, str], *, timeout: timedelta
    ) -> dict[str, list[Row]]:
        """Run read-only queries on a named connection; the answer has one list per query name."""
        return await self._postgres.read(connection, queries, timeout=timeout)
