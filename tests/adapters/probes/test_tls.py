from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.probes.tls import TlsProbe
from jobforge.core.context import TlsFacts
from jobforge.core.egress import EgressPolicy, IpAddress
from jobforge.core.errors import EgressDenied, TargetUnavailable

AUTHORITY = trustme.CA()
AUTHORITY_SUBJECT = x509.load_pem_x509_certificate(
    AUTHORITY.cert_pem.bytes()
).subject.rfc4514_string()
NOW = dt.datetime.now(dt.UTC)  # noqa: TID251 (OpenSSL judges validity by the machine's clock)
IN_TIME = timedelta(seconds=5)


def trusted() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    return context


def issued(name: str, not_before: dt.datetime, not_after: dt.datetime) -> trustme.LeafCert:
    return AUTHORITY.issue_cert(name, not_before=not_before, not_after=not_after)


def server_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def self_signed(folder: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shown.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(255)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=10))
        .sign(key, hashes.SHA384())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "self-signed.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def serving(context: ssl.SSLContext | None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A port on loopback that shakes hands (None: not even that), and what it was sent."""
    received: list[bytes] = []
    busy: set[asyncio.Task[object]] = set()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            while sent := await reader.read(1000):
                received.append(sent)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], received
    finally:
        server.close()
        await asyncio.sleep(0.01)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


async def _loopback(_host: str, _port: int) -> Sequence[IpAddress]:
    return [ip_address("127.0.0.1")]


def probe(allow: str = "127.0.0.1") -> TlsProbe:
    return TlsProbe(AddressGuard(EgressPolicy.parse(allow), resolve=_loopback), trusted())


async def look(context: ssl.SSLContext, host: str = "shown.example") -> TlsFacts:
    async with serving(context) as (port, _):
        return await probe().look(host, port, timeout=IN_TIME)


async def test_a_valid_server_is_described_without_an_error() -> None:
    not_after = (NOW + timedelta(days=90)).replace(microsecond=0)
    facts = await look(server_of(issued("shown.example", NOW - timedelta(days=1), not_after)))

    assert facts.verify_error is None
    assert (facts.host, facts.protocol) == ("shown.example", "TLSv1.3")
    assert "AES" in facts.cipher or "CHACHA" in facts.cipher
    assert timedelta() < facts.elapsed < IN_TIME
    leaf = facts.chain[0]
    assert leaf.names == ("shown.example",)
    assert leaf.not_after == not_after
    assert leaf.issuer == AUTHORITY_SUBJECT
    assert leaf.key.startswith("EC 256")
    assert leaf.signature.startswith("sha256")


async def test_an_expired_certificate_is_described_with_its_error() -> None:
    not_after = (NOW - timedelta(days=2)).replace(microsecond=0)
    facts = await look(server_of(issued("shown.example", NOW - timedelta(days=9), not_after)))

    assert facts.verify_error == "certificate has expired"
    assert facts.chain[0].not_after == not_after
    assert facts.protocol == "TLSv1.3"


async def test_a_certificate_that_is_not_valid_yet_is_described_with_its_error() -> None:
    certificate = issued("shown.example", NOW + timedelta(days=1), NOW + timedelta(days=2))

    facts = await look(server_of(certificate))

    assert facts.verify_error == "certificate is not yet valid"


async def test_a_certificate_for_another_name_is_described_with_its_error() -> None:
    facts = await look(server_of(AUTHORITY.issue_cert("other.example")))

    assert facts.verify_error is not None
    assert "Hostname mismatch" in facts.verify_error
    assert facts.chain[0].names == ("other.example",)


async def test_an_address_as_name_is_verified_as_an_address() -> None:
    facts = await look(server_of(AUTHORITY.issue_cert("127.0.0.1")), "127.0.0.1")

    assert facts.verify_error is None
    assert facts.chain[0].names == ("127.0.0.1",)


async def test_an_unknown_authority_is_described_with_its_error() -> None:
    facts = await look(server_of(trustme.CA().issue_cert("shown.example")))

    assert facts.verify_error is not None
    assert "unable to get local issuer certificate" in facts.verify_error


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA 2048"),
        (ec.generate_private_key(ec.SECP384R1()), "EC 384 (secp384r1)"),
    ],
)
async def test_a_self_signed_certificate_is_described_to_the_last_field(
    tmp_path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, words: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path, key))

    facts = await look(context)

    assert facts.verify_error == "self-signed certificate"
    (shown,) = facts.chain
    assert shown.subject == shown.issuer == "CN=shown.example"
    assert shown.names == ("shown.example",)
    assert shown.serial == "ff"
    assert shown.key == words
    assert shown.signature.startswith("sha384 (1.2.840.")
    assert shown.not_before.tzinfo is not None


async def test_the_whole_chain_is_described_its_own_certificate_first() -> None:
    intermediate = AUTHORITY.create_child_ca()

    facts = await look(server_of(intermediate.issue_cert("shown.example")))

    assert facts.verify_error is None
    assert facts.chain[0].names == ("shown.example",)
    assert facts.chain[1].subject == facts.chain[0].issuer
    assert facts.chain[1].issuer == AUTHORITY_SUBJECT


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
@pytest.mark.parametrize("name", ["shown.example", "other.example"])
async def test_an_old_protocol_is_described_and_trust_is_judged_all_the_same(
    version: str, name: str
) -> None:
    context = server_of(AUTHORITY.issue_cert(name))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

    facts = await look(context)

    assert facts.protocol == version.replace("_", ".")
    assert (facts.verify_error is None) == (name == "shown.example")


async def test_what_does_not_speak_tls_is_unavailable() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    with pytest.raises(TargetUnavailable, match="no TLS handshake: wrong version number"):
        await probe().look("shown.example", server.sockets[0].getsockname()[1], timeout=IN_TIME)
    server.close()


async def test_a_closed_port_is_unavailable() -> None:
    with pytest.raises(TargetUnavailable, match="connection refused"):
        await probe().look("shown.example", 9, timeout=IN_TIME)


async def test_a_silent_server_is_unavailable_in_time() -> None:
    started = time.monotonic()

    async with serving(None) as (port, _):
        with pytest.raises(TargetUnavailable, match=r"no hands within 0\.2 seconds"):
            await probe().look("shown.example", port, timeout=timedelta(milliseconds=200))

    assert time.monotonic() - started < 2


async def test_an_address_that_is_not_allowed_gets_no_packet() -> None:
    async with serving(None) as (port, received):
        with pytest.raises(EgressDenied, match="loopback"):
            await probe(allow="").look("shown.example", port, timeout=IN_TIME)

    assert received == []
