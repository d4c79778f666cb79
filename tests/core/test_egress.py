"""Which addresses may be reached, however they are spelled."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobforge.core.egress import EgressPolicy, special_kind
from jobforge.core.errors import SettingInvalid

PUBLIC_ONLY = EgressPolicy.parse("")

REFUSED = {
    "0.0.0.0": "unspecified",  # noqa: S104 (an address to refuse, nothing is bound)
    "0.1.2.3": "reserved",
    "10.0.0.1": "private",
    "100.64.0.1": "carrier-grade NAT",
    "100.100.100.200": "carrier-grade NAT",
    "100.127.255.255": "carrier-grade NAT",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "platform metadata",
    "169.254.169.254": "link-local",
    "169.254.170.2": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "reserved",
    "192.0.2.1": "reserved",
    "192.88.99.1": "reserved",
    "192.168.1.1": "private",
    "198.18.0.1": "reserved",
    "198.19.255.255": "reserved",
    "198.51.100.1": "reserved",
    "203.0.113.1": "reserved",
    "224.0.0.1": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "0:0:0:0:0:0:0:1": "loopback",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:7f00:1": "loopback",
    "::ffff:169.254.169.254": "link-local",
    "::127.0.0.1": "IPv4-compatible",
    "::8.8.8.8": "IPv4-compatible",
    "64:ff9b::127.0.0.1": "NAT64 of loopback",
    "64:ff9b::a00:1": "NAT64 of private",
    "64:ff9b:1::1": "private",
    "2002:7f00:1::": "6to4",
    "2002:808:808::1": "6to4",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "Teredo",
    "2001:2::1": "reserved",
    "2001:db8::1": "reserved",
    "3fff::1": "reserved",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "::1%lo": "loopback",
    "fec0::1": "private",
    "ff02::1": "multicast",
    "ff0e::1": "multicast",
    "100::1": "reserved",
    "4000::1": "reserved",
    "5f00::1": "reserved",
    "::ffff:0:127.0.0.1": "reserved",
}
ACCEPTED = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.169.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]


@pytest.mark.parametrize(("address", "what"), REFUSED.items())
def test_an_address_that_is_not_public_is_refused_by_its_kind(address: str, what: str) -> None:
    reason = PUBLIC_ONLY.check_address(address, "example.org", 443)

    assert reason is not None
    assert reason.startswith("example.org resolves to ")
    assert reason.endswith(f"which is {what}")


@pytest.mark.parametrize("address", ACCEPTED)
def test_a_public_address_is_accepted(address: str) -> None:
    assert PUBLIC_ONLY.check_address(address, "example.org", 443) is None


@pytest.mark.parametrize(
    "text", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "", "1.2.3.4.5", "é"]
)
def test_what_is_no_address_is_never_reached(text: str) -> None:
    assert PUBLIC_ONLY.check_address(text, "example.org", 443) == f"{text} is not an IP address"


@pytest.mark.parametrize(
    ("allow", "address", "host", "port", "is_allowed"),
    [
        ("127.0.0.0/8", "127.0.0.1", "site.test", 80, True),
        ("127.0.0.0/8", "::ffff:127.0.0.1", "site.test", 80, True),
        ("127.0.0.0/8", "::1", "site.test", 80, False),
        ("127.0.0.0/8", "64:ff9b::127.0.0.1", "site.test", 80, False),
        ("127.0.0.1", "127.0.0.1", "site.test", 80, True),
        ("127.0.0.1", "127.0.0.2", "site.test", 80, False),
        ("::1", "::1", "localhost", 80, True),
        ("[::1]", "::1", "localhost", 80, True),
        ("127.0.0.1:8080", "127.0.0.1", "127.0.0.1", 8080, True),
        ("127.0.0.1:8080", "127.0.0.1", "site.test", 8080, True),
        ("127.0.0.1:8080", "127.0.0.1", "127.0.0.1", 8081, False),
        ("[::1]:8080", "::1", "[::1]", 8080, True),
        ("[::1]:8080", "::1", "[::1]", 80, False),
        ("site.test", "10.0.0.1", "site.test", 443, True),
        ("site.test", "10.0.0.1", "SITE.test.", 443, True),
        ("Site.Test.", "10.0.0.1", "site.test", 443, True),
        ("site.test", "10.0.0.1", "other.test", 443, False),
        ("site.test", "10.0.0.1", "a.site.test", 443, False),
        ("site.test:443", "10.0.0.1", "site.test", 443, True),
        ("site.test:443", "10.0.0.1", "site.test", 80, False),
        (" a.test ,, 10.0.0.0/8 ", "10.9.9.9", "b.test", 80, True),
        ("fe80::/10", "fe80::1%eth0", "b.test", 80, True),
    ],
)
def test_the_list_allows_exactly_what_it_names(
    allow: str, address: str, host: str, port: int, is_allowed: bool
) -> None:
    reason = EgressPolicy.parse(allow).check_address(address, host, port)

    assert (reason is None) == is_allowed


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "host/24",
        "*",
        "*.example.org",
        "http://example.org",
        "user@example.org",
        "exa mple.org",
        "example.org:",
        "example.org:0",
        "example.org:65536",
        "example.org:http",
        "example.org:" + "9" * 5_000,
        "example.org:٨٠",
        ":80",
        "-example.org",
        "a..b",
        "2130706433",
        "0x7f000001",
        "127.1",
        "1.2.3.4.5",
        "fe80::1%eth0",
        "bücher.example",
        "a" * 64,
        ".".join(["a" * 60] * 5),
    ],
)
def test_a_bad_entry_is_named(entry: str) -> None:
    with pytest.raises(SettingInvalid) as refusal:
        EgressPolicy.parse(f"good.example, {entry}")

    assert "JOBFORGE_EGRESS_ALLOW" in refusal.value.message
    assert repr(entry) in refusal.value.message


@pytest.mark.parametrize("entry", ["a.test:1", "a.test:65535", ".".join(["a" * 49] * 5) + ".abc"])
def test_an_entry_at_the_edge_of_what_is_possible_is_taken(entry: str) -> None:
    EgressPolicy.parse(entry)


def test_a_longer_host_than_dns_has_is_refused() -> None:
    with pytest.raises(SettingInvalid):
        EgressPolicy.parse(".".join(["a" * 49] * 5) + ".abcd")


def test_a_bad_network_says_what_is_wrong_with_it() -> None:
    with pytest.raises(SettingInvalid, match="host bits set"):
        EgressPolicy.parse("10.0.0.1/8")


@given(address=st.ip_addresses())
def test_the_reason_never_depends_on_the_spelling(address: IPv4Address | IPv6Address) -> None:
    spellings = {address.compressed, address.exploded, address.compressed.upper()}

    reasons = {PUBLIC_ONLY.check_address(text, "h", 1) for text in spellings}

    assert reasons == {PUBLIC_ONLY.check_address(address, "h", 1)}


@given(address=st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_like_the_address_it_is(address: IPv4Address) -> None:
    mapped = ip_address(f"::ffff:{address}")

    assert special_kind(mapped) == special_kind(address)


@given(address=st.ip_addresses(v=4))
def test_what_python_calls_not_global_is_never_public_to_us(address: IPv4Address) -> None:
    # 192.0.0.9 and .10 are the only ones that newer versions call global inside 192.0.0.0/24.
    if not address.is_global:
        assert special_kind(address) is not None


@given(address=st.ip_addresses(v=6))
def test_of_ipv6_only_what_iana_gave_out_is_public(address: IPv6Address) -> None:
    is_unicast = address in ip_network("2000::/3")
    wraps_ipv4 = address.ipv4_mapped is not None or address in ip_network("64:ff9b::/96")

    if not is_unicast and not wraps_ipv4:
        assert special_kind(address) is not None


@given(network=st.ip_addresses(v=4).map(lambda ip: IPv4Network((ip, 24), strict=False)))
def test_an_allowed_network_is_allowed_to_its_last_address(network: IPv4Network) -> None:
    policy = EgressPolicy.parse(str(network))

    assert policy.check_address(network[0], "h", 1) is None
    assert policy.check_address(network[-1], "h", 1) is None
