"""The one gate for every outgoing connection: resolve first, check every address, connect to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address

from jobforge.core.egress import EgressPolicy, IpAddress
from jobforge.core.errors import EgressDenied, TargetUnavailable

MAX_PORT = 65_535
_NO_PORT = 0

Resolve = Callable[[str, int], Awaitable[Sequence[IpAddress]]]
"""Gives a host's addresses in the order to try; raises TargetUnavailable where there is none."""


async def resolve_by_system(host: str, port: int) -> tuple[IpAddress, ...]:
    """Ask the system's resolver, which also reads addresses in their unusual spellings.

    Raises:
        TargetUnavailable: the name does not resolve.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(_to_asked(host), port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise TargetUnavailable(f"{host} does not resolve: {error.strerror}") from None
    except UnicodeError:
        raise TargetUnavailable(f"{host} does not resolve: not a host name") from None
    # Kept as text until here: a link-local address has its zone in the text only.
    return tuple(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))


def _to_asked(host: str) -> str:
    """Not every system knows every spelling of localhost. Source: RFC 6761 section 6.3."""
    name = host.lower().removesuffix(".")
    return "localhost" if name == "localhost" or name.endswith(".localhost") else host


class AddressGuard:
    """Admits a host's addresses by the egress policy; who connects, connects to those.

    A name is resolved once for each connection and the answer is used as it was checked, so a
    second answer (DNS rebinding) has nowhere to come in.
    """

    def __init__(self, policy: EgressPolicy, *, resolve: Resolve = resolve_by_system) -> None:
        self._policy = policy
        self._resolve = resolve

    async def admit(self, host: str, port: int) -> tuple[IpAddress, ...]:
        """Every address of the host, in the order to try.

        Raises:
            EgressDenied: one of them may not be reached (then none is), or the port is none.
            TargetUnavailable: there is none.
        """
        if not 0 < port <= MAX_PORT:
            raise EgressDenied(f"{port} is not a port")
        addresses = tuple(await self._resolve(host, port))
        if not addresses:
            raise TargetUnavailable(f"{host} does not resolve: no address")
        for address in addresses:
            self.check(address, host, port)
        return addresses

    def check(self, address: IpAddress | str, host: str, port: int) -> None:
        """Check one address that `host` resolved to.

        Raises:
            EgressDenied: it may not be reached at `port`.
        """
        refusal = self._policy.check_address(address, host, port)
        if refusal is not None:
            raise EgressDenied(refusal, hint="JOBFORGE_EGRESS_ALLOW lists what may be reached")

    def check_lookup(self, host: str, addresses: Iterable[IpAddress | str]) -> None:
        """Check what a DNS answer says, where no port is at stake.

        Raises:
            EgressDenied: an address is not public, and neither it nor the host is listed.
        """
        if not self.is_listed(host):
            for address in addresses:
                self.check(address, host, _NO_PORT)

    def is_listed(self, host: str) -> bool:
        """Whether the operator lists this very name, with a port or without."""
        name = host.lower().removesuffix(".")
        return name in self._policy.hosts or any(name == h for h, _ in self._policy.endpoints)
