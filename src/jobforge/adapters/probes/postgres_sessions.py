"""Opening sessions on PostgreSQL servers that connections name, behind the egress check."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from typing_extensions import override

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.plain_words import plain_words
from jobforge.adapters.http.transport import to_host, trust_the_same, trusting_context
from jobforge.core.egress import IpAddress
from jobforge.core.errors import SettingInvalid
from jobforge.core.redaction import mask_text

if TYPE_CHECKING:
    Session = asyncpg.Connection[asyncpg.Record]

FindConnection = Callable[[str], Awaitable[Mapping[str, Any]]]
"""The opened settings of the tenant's connection of a name; raises ConnectionMissing."""

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]

DEFAULT_PORT: Final = 5432
_IGNORED_OPTIONS: Final = frozenset({"application_name", "connect_timeout"})
_APPLICATION: Final = "jobforge"


@dataclass(frozen=True, slots=True)
class ServerLogin:
    """Where a connection leads and who logs in. Nothing in it comes from the environment."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    sslmode: SslMode
    authorities: str | None = None


def parse_login(name: str, settings: Mapping[str, Any]) -> ServerLogin:
    """Read a connection's `url`, `sslmode` (in the URL or beside it) and `ca_certificate` (PEM).

    Without an `sslmode` it is `prefer`, as in libpq.

    Raises:
        SettingInvalid: the URL is none of PostgreSQL, names no host or user, or has an option that
            is not supported. The message never repeats the URL.
    """
    try:
        url = urlsplit(str(settings.get("url", "")))
        host, port = url.hostname, url.port or DEFAULT_PORT
    except ValueError:
        raise SettingInvalid(f"the connection {name} has no usable url") from None
    if url.scheme not in {"postgresql", "postgres"} or not host or not url.username:
        raise SettingInvalid(
            f"the connection {name} needs a url like postgresql://user:password@host:5432/database"
        )
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    user = unquote(url.username)
    return ServerLogin(
        host=host,
        port=port,
        user=user,
        password=unquote(url.password or ""),
        database=unquote(url.path.removeprefix("/")) or user,
        sslmode=_sslmode(name, options, settings),
        authorities=settings.get("ca_certificate"),
    )


def _sslmode(name: str, options: Mapping[str, str], settings: Mapping[str, Any]) -> SslMode:
    unknown = sorted(options.keys() - _IGNORED_OPTIONS - {"sslmode"})
    if unknown:
        raise SettingInvalid(
            f"the connection {name} has options that are not supported: {', '.join(unknown)}"
        )
    given = options.get("sslmode") or settings.get("sslmode") or "prefer"
    for mode in get_args(SslMode):
        if given == mode:
            return mode  # type: ignore[no-any-return]  # get_args gives Any
    raise SettingInvalid(
        f"the connection {name} has an unknown sslmode", hint=", ".join(get_args(SslMode))
    )


class _NamedContext(ssl.SSLContext):
    """Verifies the certificate for a name although the connection goes to a pinned address."""

    name: str

    @override
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.name, session)


class PostgresSessions:
    """Opens a session for each use, to a checked address."""

    def __init__(
        self,
        guard: AddressGuard,
        find_connection: FindConnection,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._find_connection = find_connection
        self._trusted = trusted

    @asynccontextmanager
    async def open(self, connection: str) -> AsyncIterator[Session]:
        """A session on the server of this connection; it ends with the block.

        Raises:
            ConnectionMissing: there is no such connection.
            SettingInvalid: its settings cannot be used.
            EgressDenied: its address may not be reached.
        """
        login = parse_login(connection, await self._find_connection(connection))
        addresses = await self._guard.admit(login.host, login.port)
        session = await self._connect(login, addresses)
        try:
            yield session
        finally:
            # No goodbye: a server that hangs would keep us beyond the time limit.
            session.terminate()

    async def _connect(self, login: ServerLogin, addresses: Sequence[IpAddress]) -> Session:
        tls = self._tls(login)
        try:
            return await _connect(login, addresses, tls)
        except ConnectionError as error:
            refuses_tls = type(error) is ConnectionError and "SSL" in str(error)
            if not (tls and refuses_tls and login.sslmode == "prefer"):
                raise
        return await _connect(login, addresses, None)

    def _tls(self, login: ServerLogin) -> ssl.SSLContext | None:
        if login.sslmode == "disable":
            return None
        context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.name = login.host
        context.check_hostname = login.sslmode == "verify-full"
        if login.sslmode in {"prefer", "require"}:
            context.verify_mode = ssl.CERT_NONE
        elif login.authorities is not None:
            context.load_verify_locations(cadata=login.authorities)
        else:
            trust_the_same(context, self._trusted or trusting_context())
        return context


async def _connect(
    login: ServerLogin, addresses: Sequence[IpAddress], tls: ssl.SSLContext | None
) -> Session:
    # Everything that asyncpg would else look up in the environment or the home folder is given.
    return await asyncpg.connect(
        host=[to_host(address) for address in addresses],
        port=login.port,
        user=login.user,
        password=login.password,
        database=login.database,
        ssl=tls or False,
        direct_tls=False,
        target_session_attrs=SessionAttribute.any,
        statement_cache_size=0,
        server_settings={"application_name": _APPLICATION},
    )


def plainly(error: Exception) -> str:
    """What the server or the network said, in one line and without secrets."""
    if isinstance(error, OSError):
        return plain_words(error)
    return mask_text(str(error).partition("\n")[0]) or type(error).__name__
