"""A connection pool whose every connection goes to an address that was checked.

It stands on httpcore, the pool below httpx. Not on httpx-secure 2.0: that one finds the address by
connecting to it, so a denied host gets a TCP connection and ports can be told apart by time.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from ipaddress import IPv6Address

import httpcore
import httpx
from typing_extensions import override

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.core.egress import IpAddress

MAX_CONNECTIONS = 100
KEEPALIVE_SECONDS = 5.0


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to admitted addresses only; the host's name stays for TLS and Host."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._backend = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._guard.admit(host, port)
        failure: Exception | None = None
        for position, address in enumerate(addresses):
            # A silent first address must not eat the time of the others.
            share = None if timeout is None else timeout / (len(addresses) - position)
            try:
                return await self._backend.connect_tcp(
                    to_host(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")

    @override
    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.UnsupportedProtocol("no socket files")

    @override
    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


def to_host(address: IpAddress) -> str:
    """The address as connecting functions take it: an IPv4-mapped one as the IPv4 it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def trusting_context() -> ssl.SSLContext:
    """TLS that trusts the public authorities and those installed on this machine."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def trust_the_same(context: ssl.SSLContext, as_in: ssl.SSLContext) -> None:
    """Let `context` trust the authorities that `as_in` trusts."""
    authorities = b"".join(as_in.get_ca_certs(binary_form=True))
    if authorities:
        context.load_verify_locations(cadata=authorities)


def guarded_pool(guard: AddressGuard, ssl_context: ssl.SSLContext) -> httpcore.AsyncConnectionPool:
    """HTTP/1.1 connections, kept for a few seconds; no proxy, no retries, nothing ambient."""
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl_context,
        max_connections=MAX_CONNECTIONS,
        keepalive_expiry=KEEPALIVE_SECONDS,
        network_backend=_GuardedBackend(guard),
    )
