"""A TLS handshake, described as it went: valid, invalid or old alike."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.plain_words import plain_words
from jobforge.adapters.http.transport import to_host, trust_the_same, trusting_context
from jobforge.adapters.probes.certificates import describe_certificate
from jobforge.core.context import TlsFacts
from jobforge.core.egress import IpAddress
from jobforge.core.errors import TargetUnavailable

_OLD_CIPHERS = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
_LEGACY_SERVER_CONNECT = 0x4
"""OpenSSL's SSL_OP_LEGACY_SERVER_CONNECT; Python names it from 3.12 on."""
_DER = 2
"""OpenSSL's number for that encoding, as the `_ssl` module takes it."""


@dataclass(frozen=True, slots=True)
class _Handshake:
    """What one handshake showed; `chain` is DER, the server's own certificate first."""

    protocol: str
    cipher: str
    chain: tuple[bytes, ...]
    elapsed: timedelta


class TlsProbe:
    """Shakes hands up to three times: as a careful client does, then as any that still would."""

    def __init__(self, guard: AddressGuard, trusted: ssl.SSLContext | None = None) -> None:
        careful = trusted or trusting_context()
        self._guard = guard
        self._careful = careful
        self._verifying_old = _old_client()
        trust_the_same(self._verifying_old, careful)
        self._looking = _old_client()
        self._looking.check_hostname = False
        self._looking.verify_mode = ssl.CERT_NONE

    async def look(self, host: str, port: int, *, timeout: timedelta) -> TlsFacts:
        """Connect to a checked address and describe what the server showed.

        The chain is what the server sent, its own certificate first.

        Raises:
            EgressDenied: the address may not be reached.
            TargetUnavailable: no connection, no TLS, no protocol in common, or not in time.
        """
        seconds = timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._guard.admit(host, port)
                return await self._describe(host, port, addresses)
        except TimeoutError:
            raise TargetUnavailable(
                f"{host}:{port} shook no hands within {seconds:g} seconds"
            ) from None
        except ssl.SSLError as error:
            raise TargetUnavailable(
                f"{host}:{port}: no TLS handshake: {plain_words(error)}"
            ) from None
        except OSError as error:
            raise TargetUnavailable(f"{host}:{port}: {plain_words(error)}") from None

    async def _describe(self, host: str, port: int, addresses: Sequence[IpAddress]) -> TlsFacts:
        verify_error = None
        try:
            shown = await self._verified(host, port, addresses)
        except ssl.SSLCertVerificationError as error:
            verify_error = error.verify_message.rstrip(".")
            shown = await _shake_hands(self._looking, host, port, addresses)
        return TlsFacts(
            host=host,
            port=port,
            protocol=shown.protocol,
            cipher=shown.cipher,
            chain=tuple(describe_certificate(der) for der in shown.chain),
            verify_error=verify_error,
            elapsed=shown.elapsed,
        )

    async def _verified(self, host: str, port: int, addresses: Sequence[IpAddress]) -> _Handshake:
        try:
            return await _shake_hands(self._careful, host, port, addresses)
        except ssl.SSLCertVerificationError:
            raise
        except (ssl.SSLError, ConnectionResetError):
            # Perhaps only too old for a careful client: whether it is trusted is another question.
            return await _shake_hands(self._verifying_old, host, port, addresses)


def _old_client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(_OLD_CIPHERS)
    context.options |= _LEGACY_SERVER_CONNECT
    return context


async def _shake_hands(
    context: ssl.SSLContext, host: str, port: int, addresses: Sequence[IpAddress]
) -> _Handshake:
    failure: OSError | None = None
    for address in addresses:
        started = time.monotonic()
        try:
            _, writer = await asyncio.open_connection(
                to_host(address), port, ssl=context, server_hostname=host.removesuffix(".")
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            failure = error
            continue
        elapsed = timedelta(seconds=time.monotonic() - started)
        try:
            return _handshake(writer.get_extra_info("ssl_object"), elapsed)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    raise failure or OSError("no address")


def _handshake(connection: ssl.SSLObject, elapsed: timedelta) -> _Handshake:
    cipher = connection.cipher()
    return _Handshake(
        protocol=connection.version() or "unknown",
        cipher=cipher[0] if cipher else "unknown",
        chain=_shown_chain(connection),
        elapsed=elapsed,
    )


def _shown_chain(connection: ssl.SSLObject) -> tuple[bytes, ...]:
    whole_chain = getattr(connection, "get_unverified_chain", None)
    if whole_chain is not None:
        return tuple(whole_chain())
    # Before Python 3.13 the same is there, unofficially; where it is not, the leaf must do.
    inner = getattr(getattr(connection, "_sslobj", None), "get_unverified_chain", None)
    if inner is not None:
        return tuple(certificate.public_bytes(_DER) for certificate in inner() or ())
    leaf = connection.getpeercert(binary_form=True)
    return () if leaf is None else (leaf,)
