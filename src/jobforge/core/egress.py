"""Which addresses may be reached from here: public ones, and those the operator lists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from jobforge.core.errors import SettingInvalid

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

_SETTING = "JOBFORGE_EGRESS_ALLOW"
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_MAX_HOST = 253
_MAX_PORT = 65_535

_SPECIAL: tuple[tuple[IpNetwork, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "reserved"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "platform metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b:1::/48", "private"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "reserved"),
    )
)
"""Addresses that are no public target; the first that matches names the reason.

Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890, RFC 8190); RFC
4291 section 2.5.5.1, RFC 7526 and RFC 4380 for IPv4 wrapped into IPv6; "What is IP address
168.63.129.16?" in the Azure documentation. They are written down here because Python's own
`is_global` differs between its versions.
"""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out of IPv6 so far. Source: RFC 4291 section 2.4 and its registry."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""Stands for the IPv4 address in its last 32 bits. Source: RFC 6052 section 2.1."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What may be reached although it is not public.

    `hosts` and the hosts in `endpoints` are lower case without a final dot; an address stands
    there in its shortest spelling.
    """

    networks: tuple[IpNetwork, ...] = ()
    hosts: frozenset[str] = frozenset()
    endpoints: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def parse(cls, allow: str) -> EgressPolicy:
        """Read comma-separated `host`, `host:port` and CIDR entries; blanks around them are fine.

        An IPv6 address with a port stands in brackets.

        Raises:
            SettingInvalid: names the entry that is none of these.
        """
        networks: list[IpNetwork] = []
        hosts: set[str] = set()
        endpoints: set[tuple[str, int]] = set()
        for entry in filter(None, (part.strip() for part in allow.split(","))):
            network = _parse_network(entry)
            if network is not None:
                networks.append(network)
                continue
            host, port = _parse_host(entry)
            if port is None:
                hosts.add(host)
            else:
                endpoints.add((host, port))
        return cls(tuple(networks), frozenset(hosts), frozenset(endpoints))

    def check_address(self, ip: IpAddress | str, host: str, port: int) -> str | None:
        """Why `ip`, which `host` resolved to, may not be reached at `port`; None where it may."""
        address = _to_address(ip)
        if address is None:
            return f"{ip} is not an IP address"
        what = special_kind(address)
        if what is None or self._allows(address, _normal_host(host), port):
            return None
        return f"{host} resolves to {address}, which is {what}"

    def _allows(self, address: IpAddress, host: str, port: int) -> bool:
        if host in self.hosts or (host, port) in self.endpoints:
            return True
        if (str(address), port) in self.endpoints:
            return True
        return any(address in network for network in self.networks)


def special_kind(address: IpAddress) -> str | None:
    """What kind of address it is, where it is not a public one."""
    address = _unwrap(address)
    for network, what in _SPECIAL:
        if address in network:
            return what
    if isinstance(address, IPv6Address) and address in _NAT64:
        inner = special_kind(IPv4Address(int(address) & 0xFFFF_FFFF))
        return None if inner is None else f"NAT64 of {inner}"
    is_unassigned = isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST
    return "reserved" if is_unassigned else None


def _unwrap(address: IpAddress) -> IpAddress:
    """An IPv4-mapped address is reached as the IPv4 address it is; a zone is no part of it."""
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def _to_address(ip: IpAddress | str) -> IpAddress | None:
    try:
        return _unwrap(ip_address(ip))
    except ValueError:
        return None


def _parse_network(entry: str) -> IpNetwork | None:
    """A CIDR or a bare address; None for anything else."""
    if "%" in entry:
        raise _invalid(entry, "an address with a zone")
    try:
        return ip_network(entry.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        if "/" in entry:
            raise _invalid(entry, str(error)) from None
        return None


def _parse_host(entry: str) -> tuple[str, int | None]:
    host, colon, port = entry.rpartition(":")
    if not colon:
        return _valid_host(entry, entry), None
    is_port = re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) <= _MAX_PORT
    if not is_port:
        raise _invalid(entry, "the port is a number from 1 to 65535")
    return _valid_host(host, entry), int(port)


def _valid_host(host: str, entry: str) -> str:
    address = _to_address(host.removeprefix("[").removesuffix("]"))
    if address is not None:
        return str(address)
    name = _normal_host(host)
    if len(name) > _MAX_HOST or not _HOST.fullmatch(name):
        raise _invalid(entry, "neither a host, a host with a port nor a CIDR")
    if name.rpartition(".")[2][:1].isdigit():
        raise _invalid(entry, "an address in an unusual spelling: write it with four numbers")
    return name


def _normal_host(host: str) -> str:
    return host.strip("[]").lower().removesuffix(".")


def _invalid(entry: str, why: str) -> SettingInvalid:
    return SettingInvalid(f"{_SETTING}: {entry!r} is not usable: {why}")
