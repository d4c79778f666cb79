"""Read-only questions to a PostgreSQL server that a connection names."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from typing_extensions import override

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.plain_words import plain_words
from jobforge.adapters.http.transport import to_host, trust_the_same, trusting_context
from jobforge.core.context import Row
from jobforge.core.egress import IpAddress
from jobforge.core.errors import SettingInvalid, SourceMalformed, TargetUnavailable
from jobforge.core.redaction import mask_text

FindConnection = Callable[[str], Awaitable[Mapping[str, Any]]]
"""The opened settings of the tenant's connection of a name; raises ConnectionMissing."""

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]

MAX_ROWS: Final = 10_000
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


class PostgresProbe:
    """Opens a connection for each call, to a checked address, and reads."""

    def __init__(
        self,
        guard: AddressGuard,
        find_connection: FindConnection,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._find_connection = find_connection
        self._trusted = trusted

    async def read(
        self, connection: str, queries: Mapping[str, str], *, timeout: timedelta
    ) -> dict[str, list[Row]]:
        """Run each query in a read-only transaction of its own; all within `timeout`.

        Raises:
            ConnectionMissing: there is no such connection.
            SettingInvalid: its settings cannot be used.
            EgressDenied: its address may not be reached.
            TargetUnavailable: no connection, no login, a query that fails, or not in time.
            SourceMalformed: a query gives more than 10,000 rows.
        """
        login = parse_login(connection, await self._find_connection(connection))
        seconds = timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds), self._open(login) as session:
                return {
                    name: await _read(session, name, query, timeout)
                    for name, query in queries.items()
                }
        except TimeoutError:
            raise TargetUnavailable(
                f"{connection} did not answer within {seconds:g} seconds"
            ) from None
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise TargetUnavailable(f"{connection}: {_plainly(error)}") from None

    @asynccontextmanager
    async def _open(self, login: ServerLogin) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        addresses = await self._guard.admit(login.host, login.port)
        session = await self._connect(login, addresses)
        try:
            yield session
        finally:
            # No goodbye: a server that hangs would keep us beyond the time limit.
            session.terminate()

    async def _connect(
        self, login: ServerLogin, addresses: Sequence[IpAddress]
    ) -> asyncpg.Connection[asyncpg.Record]:
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
) -> asyncpg.Connection[asyncpg.Record]:
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


async def _read(
    session: asyncpg.Connection[asyncpg.Record], name: str, query: str, timeout: timedelta
) -> list[Row]:
    # One transaction a query: a query that ends it, or opens it for writing, gains nothing.
    try:
        async with session.transaction(readonly=True):
            milliseconds = max(1, int(timeout.total_seconds() * 1000))
            await session.execute(
                "SELECT set_config('statement_timeout', $1, true)", str(milliseconds)
            )
            cursor = await session.cursor(query)
            rows = await cursor.fetch(MAX_ROWS + 1)
    except asyncpg.PostgresError as error:
        raise TargetUnavailable(f"query {name}: {_plainly(error)}") from None
    if len(rows) > MAX_ROWS:
        raise SourceMalformed(f"query {name} gives more than {MAX_ROWS:,} rows")
    return [dict(row) for row in rows]


def _plainly(error: Exception) -> str:
    if isinstance(error, OSError):
        return plain_words(error)
    return mask_text(str(error).partition("\n")[0]) or type(error).__name__
