from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import pytest
import trustme

from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.probes.postgres import MAX_ROWS, PostgresProbe
from jobforge.adapters.probes.postgres_sessions import PostgresSessions, parse_login
from jobforge.core.egress import EgressPolicy, IpAddress
from jobforge.core.errors import (
    ConnectionMissing,
    EgressDenied,
    SettingInvalid,
    SourceMalformed,
    TargetUnavailable,
)

IN_TIME = timedelta(seconds=10)
AUTHORITY = trustme.CA()
SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class Relay:
    """A TCP port on loopback in front of the test's database, with or without TLS."""

    def __init__(self, access: DatabaseAccess, tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        self.was_encrypted = False
        self.connections = 0
        self.port = 0
        parts = urlsplit(access.owner_dsn)
        options = parse_qs(parts.query)
        self.host = parts.hostname or options["host"][0]
        self.database_port = parts.port or int(options.get("port", ["5432"])[0])
        self.user, self.password = parts.username or options["user"][0], parts.password
        self.database = parts.path.removeprefix("/")

    async def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.host.startswith(("/", "%2F")):
            path = f"{self.host.replace('%2F', '/')}/.s.PGSQL.{self.database_port}"
            return await asyncio.open_unix_connection(path)
        return await asyncio.open_connection(self.host, self.database_port)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            first = await reader.readexactly(8)
            if first == SSL_REQUEST:
                writer.write(b"S" if self.tls else b"N")
                if self.tls:
                    await writer.start_tls(self.tls)
                    self.was_encrypted = True
                first = b""
            upstream_reader, upstream_writer = await self._upstream()
            upstream_writer.write(first)
            await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))
        writer.transport.abort()

    def url(self, host: str = "127.0.0.1", *, password: str | None = None, query: str = "") -> str:
        secret = quote(password or self.password or "", safe="")
        user = quote(self.user, safe="")
        return f"postgresql://{user}:{secret}@{host}:{self.port}/{self.database}{query}"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def relaying(
    access: DatabaseAccess, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Relay]:
    relay = Relay(access, tls)
    busy: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        busy.add(asyncio.ensure_future(relay.handle(reader, writer)))

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*busy), 5)


async def _loopback(_host: str, _port: int) -> Sequence[IpAddress]:
    return [ip_address("127.0.0.1")]


def probe(settings: Mapping[str, Any], allow: str = "127.0.0.1") -> PostgresProbe:
    async def find(name: str) -> Mapping[str, Any]:
        if name != "reporting":
            raise ConnectionMissing(f"there is no connection {name}")
        return settings

    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(trusted)
    guard = AddressGuard(EgressPolicy.parse(allow), resolve=_loopback)
    return PostgresProbe(PostgresSessions(guard, find, trusted))


@pytest.fixture
async def relay(database_access: DatabaseAccess) -> AsyncIterator[Relay]:
    async with relaying(database_access) as relay:
        yield relay


async def test_queries_are_answered_by_name(relay: Relay) -> None:
    found = await probe({"url": relay.url()}).read(
        "reporting",
        {
            "numbers": "SELECT n, n * 1.5 AS m FROM generate_series(1, 2) n",
            "none": "SELECT WHERE false",
        },
        timeout=IN_TIME,
    )

    assert found == {
        "numbers": [{"n": 1, "m": Decimal("1.5")}, {"n": 2, "m": Decimal("3.0")}],
        "none": [],
    }


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.made (x int)",
        "SELECT lo_create(4711)",
        "SET TRANSACTION READ WRITE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "COMMIT",
        "ROLLBACK",
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "SELECT 1; CREATE TABLE public.made (x int)",
    ],
)
async def test_nothing_is_written_whatever_is_asked(
    relay: Relay, database_access: DatabaseAccess, statement: str
) -> None:
    queries = {"first": statement, "then": "CREATE TABLE public.made (x int)"}

    with pytest.raises(TargetUnavailable):
        await probe({"url": relay.url()}).read("reporting", queries, timeout=IN_TIME)

    owner = await asyncpg.connect(database_access.owner_dsn)
    assert await owner.fetchval("SELECT to_regclass('public.made')") is None
    assert await owner.fetchval("SELECT count(*) FROM pg_largeobject_metadata") == 0
    await owner.close()


async def test_a_failing_query_is_named_with_the_servers_reason(relay: Relay) -> None:
    with pytest.raises(
        TargetUnavailable, match='query bad: relation "no_such_table" does not exist'
    ):
        await probe({"url": relay.url()}).read(
            "reporting", {"bad": "SELECT * FROM no_such_table"}, timeout=IN_TIME
        )


async def test_a_slow_query_ends_in_time_here_and_on_the_server(
    relay: Relay, database_access: DatabaseAccess
) -> None:
    started = time.monotonic()
    with pytest.raises(TargetUnavailable):
        await probe({"url": relay.url()}).read(
            "reporting",
            {"slow": "SELECT pg_sleep(30)"},
            timeout=timedelta(milliseconds=400),
        )
    assert time.monotonic() - started < 5

    owner = await asyncpg.connect(database_access.owner_dsn)
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    while await owner.fetchval(running):
        assert time.monotonic() - started < 5
        await asyncio.sleep(0.02)
    await owner.close()


async def test_the_server_itself_stops_a_query_at_the_limit(relay: Relay) -> None:
    found = await probe({"url": relay.url()}).read(
        "reporting",
        {"limit": "SELECT current_setting('statement_timeout') AS given"},
        timeout=timedelta(seconds=7),
    )

    assert found == {"limit": [{"given": "7s"}]}


async def test_more_rows_than_the_limit_are_refused(relay: Relay) -> None:
    reading = probe({"url": relay.url()})
    query = "SELECT n FROM generate_series(1, {}) n"

    found = await reading.read("reporting", {"n": query.format(MAX_ROWS)}, timeout=IN_TIME)
    assert len(found["n"]) == MAX_ROWS
    with pytest.raises(SourceMalformed, match="query n gives more than 10,000 rows"):
        await reading.read("reporting", {"n": query.format(MAX_ROWS + 1)}, timeout=IN_TIME)


async def test_a_wrong_password_is_said_without_repeating_it(relay: Relay) -> None:
    url = relay.url(password="wrong-hunter2")  # noqa: S106 (a made-up one)
    with pytest.raises(TargetUnavailable, match="password authentication failed") as caught:
        await probe({"url": url}).read("reporting", {}, timeout=IN_TIME)

    assert "hunter2" not in caught.value.message


async def test_the_operators_own_settings_of_the_environment_are_not_used(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", relay.password or "")
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(relay.port))
    monkeypatch.setenv("PGUSER", relay.user)
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    user = quote(relay.user, safe="")

    with pytest.raises(TargetUnavailable, match=r"password authentication failed|password"):
        await probe({"url": f"postgresql://{user}@127.0.0.1:{relay.port}/{relay.database}"}).read(
            "reporting", {}, timeout=IN_TIME
        )


async def test_an_address_that_is_not_allowed_gets_no_packet(relay: Relay) -> None:
    with pytest.raises(EgressDenied, match="loopback"):
        await probe({"url": relay.url()}, allow="").read("reporting", {}, timeout=IN_TIME)

    assert relay.connections == 0


async def test_a_closed_port_is_unavailable() -> None:
    with pytest.raises(TargetUnavailable, match="reporting: connection refused"):
        await probe({"url": "postgresql://me@127.0.0.1:9/app"}).read(
            "reporting", {}, timeout=IN_TIME
        )


async def test_a_missing_connection_is_missing() -> None:
    with pytest.raises(ConnectionMissing):
        await probe({}).read("absent", {}, timeout=IN_TIME)


def server_tls(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("mode", ["", "?sslmode=prefer", "?sslmode=require"])
async def test_tls_is_used_where_the_server_has_it(
    database_access: DatabaseAccess, mode: str
) -> None:
    async with relaying(database_access, server_tls("elsewhere.example")) as relay:
        await probe({"url": relay.url(query=mode)}).read("reporting", {}, timeout=IN_TIME)

        assert relay.was_encrypted


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_without_tls_is_refused_where_tls_is_required(
    relay: Relay, mode: str
) -> None:
    with pytest.raises(TargetUnavailable, match="SSL"):
        await probe({"url": relay.url(), "sslmode": mode}).read("reporting", {}, timeout=IN_TIME)


async def test_the_certificate_is_verified_for_the_name_although_the_address_is_pinned(
    database_access: DatabaseAccess,
) -> None:
    async with relaying(database_access, server_tls("db.example")) as relay:
        full = "?sslmode=verify-full"
        good = probe({"url": relay.url("db.example", query=full)})
        assert await good.read("reporting", {"one": "SELECT 1 AS x"}, timeout=IN_TIME) == {
            "one": [{"x": 1}]
        }
        bad = probe({"url": relay.url("other.example", query=full)})
        with pytest.raises(TargetUnavailable, match="Hostname mismatch"):
            await bad.read("reporting", {}, timeout=IN_TIME)
        by_authority = probe({"url": relay.url("other.example", query="?sslmode=verify-ca")})
        await by_authority.read("reporting", {}, timeout=IN_TIME)


async def test_an_authority_of_the_connections_own_is_the_only_one_trusted(
    database_access: DatabaseAccess,
) -> None:
    own, other = AUTHORITY.cert_pem.bytes().decode(), trustme.CA().cert_pem.bytes().decode()
    async with relaying(database_access, server_tls("db.example")) as relay:
        settings = {"url": relay.url("db.example"), "sslmode": "verify-full"}
        await probe(settings | {"ca_certificate": own}).read("reporting", {}, timeout=IN_TIME)
        with pytest.raises(TargetUnavailable, match="certificate verify failed"):
            await probe(settings | {"ca_certificate": other}).read("reporting", {}, timeout=IN_TIME)


def test_a_url_is_read_to_the_last_part() -> None:
    login = parse_login(
        "c", {"url": "postgres://me%40corp:p%2Fw@db.example:6432/app%20db?sslmode=require"}
    )

    assert (login.host, login.port, login.user, login.password) == (
        "db.example",
        6432,
        "me@corp",
        "p/w",
    )
    assert (login.database, login.sslmode) == ("app db", "require")
    assert "p/w" not in repr(login)


def test_what_a_url_leaves_out_has_its_usual_value() -> None:
    login = parse_login("c", {"url": "postgresql://me@db.example"})

    assert (login.port, login.database, login.password, login.sslmode) == (5432, "me", "", "prefer")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url": "mysql://me:hunter2@db.example/app"},
        {"url": "postgresql:///app?host=/run/postgresql"},
        {"url": "postgresql://me:hunter2@/app"},
        {"url": "postgresql://db.example/app"},
        {"url": "postgresql://me:hunter2@a.example:1,b.example:2/app"},
        {"url": "postgresql://me:hunter2@[oops/app"},
        {"url": "postgresql://me:hunter2@db.example/app?sslmode=maybe"},
        {"url": "postgresql://me:hunter2@db.example/app?passfile=/etc/passwd"},
        {"url": "postgresql://me:hunter2@db.example/app?sslkey=/etc/key"},
        {"url": "postgresql://me:hunter2@db.example/app?service=other"},
        {"url": "postgresql://me:hunter2@db.example/app?host=inside"},
    ],
)
def test_a_url_that_is_not_understood_whole_is_refused_without_repeating_it(
    settings: Mapping[str, str],
) -> None:
    with pytest.raises(SettingInvalid, match="the connection c ") as caught:
        parse_login("c", settings)

    assert "hunter2" not in caught.value.message
