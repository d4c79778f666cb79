"""Health and security of a name's DNS records."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from jobforge.autopilots.ops.finding import Check, Finding

UNRESOLVED = Check(
    "OPS_DNS_001", (), "The name resolves", "critical",
    "Add an A or AAAA record, or correct the name.", "health",
)  # fmt: skip
SINGLE_NAME_SERVER = Check(
    "OPS_DNS_002", (), "At least two name servers answer for the zone", "medium",
    "Add a second name server.", "health", ("RFC 1034 4.1", "NIST SC-22"),
)  # fmt: skip
NO_CAA = Check(
    "OPS_DNS_003", (), "A CAA record limits who may issue certificates", "low",
    "Add a CAA record that names your certificate authority.", "security", ("RFC 8659",),
)  # fmt: skip
PRIVATE_ADDRESS = Check(
    "OPS_DNS_004", (), "A public name does not point to a private address", "low",
    "Keep internal names in an internal zone.", "security", ("NIST SC-20",),
)  # fmt: skip

CHECKS = (UNRESOLVED, SINGLE_NAME_SERVER, NO_CAA, PRIVATE_ADDRESS)


def check_dns(target: str, host: str, records: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Addresses, name servers and CAA of `host`; an IP address as host gives nothing."""
    if _is_address(host):
        return
    addresses = [*records.get("A", ()), *records.get("AAAA", ())]
    if not addresses and not records.get("CNAME"):
        yield UNRESOLVED.fail(target, host, "neither A nor AAAA nor CNAME")
    servers = records.get("NS", ())
    if len(servers) == 1:
        yield SINGLE_NAME_SERVER.fail(target, host, f"NS {servers[0]}")
    if addresses and not records.get("CAA"):
        yield NO_CAA.fail(target, host, "no CAA record")
    private = [text for text in addresses if _is_address(text) and not _is_public(text)]
    if private and "." in host:
        yield PRIVATE_ADDRESS.fail(target, host, ", ".join(private))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_public(text: str) -> bool:
    return ipaddress.ip_address(text).is_global
