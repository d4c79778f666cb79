"""Listening: each notification once, and a word after every gap."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jobforge.adapters.postgres import database as database_module
from jobforge.adapters.postgres import listener as listener_module
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.postgres.database import Database
from jobforge.core.errors import Unavailable

if TYPE_CHECKING:
    from tests.adapters.postgres.conftest import Line


async def _notify(database: Database, channel: str, payload: str) -> None:
    async with database.system_transaction() as connection:
        await connection.execute("SELECT pg_notify($1, $2)", channel, payload)


async def _next(heard: asyncio.Queue[str | None]) -> str | None:
    return await asyncio.wait_for(heard.get(), 10)


async def _next_payload(heard: asyncio.Queue[str | None]) -> str:
    while (payload := await _next(heard)) is None:
        pass
    return payload


async def test_what_is_sent_after_the_start_of_the_block_is_heard(database: Database) -> None:
    heard: asyncio.Queue[str | None] = asyncio.Queue()

    async with database.listen("runs", heard.put_nowait):
        await _notify(database, "other", "not for us")
        await _notify(database, "runs", "one")
        await _notify(database, "runs", "two")

        assert [await _next_payload(heard), await _next_payload(heard)] == ["one", "two"]


async def test_what_a_rolled_back_transaction_sent_is_not_heard(database: Database) -> None:
    heard: asyncio.Queue[str | None] = asyncio.Queue()

    async def send_and_fail() -> None:
        async with database.system_transaction() as connection:
            await connection.execute("SELECT pg_notify('runs', 'never')")
            raise LookupError

    async with database.listen("runs", heard.put_nowait):
        with pytest.raises(LookupError):
            await send_and_fail()
        await _notify(database, "runs", "one")

        assert await _next_payload(heard) == "one"


async def test_everybody_who_listens_hears_it_once_over_one_connection(database: Database) -> None:
    first: asyncio.Queue[str | None] = asyncio.Queue()
    second: asyncio.Queue[str | None] = asyncio.Queue()

    async with (
        database.listen("runs", first.put_nowait),
        database.listen("runs", second.put_nowait),
        database.listen("jobs", second.put_nowait),
    ):
        await _notify(database, "runs", "one")
        await _notify(database, "jobs", "two")

        assert await _next_payload(first) == "one"
        assert [await _next_payload(second), await _next_payload(second)] == ["one", "two"]
        async with database.system_transaction() as connection:
            connections = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
        # The one in the pool that asks, and the one that listens.
        assert connections == 2


async def test_after_the_block_nothing_is_heard(database: Database) -> None:
    ended: list[str | None] = []
    heard: asyncio.Queue[str | None] = asyncio.Queue()

    async with database.listen("runs", heard.put_nowait):
        async with database.listen("runs", ended.append):
            pass
        ended.clear()
        await _notify(database, "runs", "one")
        assert await _next_payload(heard) == "one"

    assert ended == []


async def test_a_gap_is_told_and_what_comes_after_it_is_heard(
    line: Line, database: Database, database_access: DatabaseAccess
) -> None:
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    access = database_access

    async with (
        Database.open(line.through(access.app_dsn), role=access.app_role) as listening,
        listening.listen("runs", heard.put_nowait),
    ):
        await _notify(database, "runs", "one")
        assert await _next_payload(heard) == "one"

        await line.cut()
        await _notify(database, "runs", "missed")
        line.join()

        assert await _next(heard) is None
        await _notify(database, "runs", "two")
        assert await _next(heard) == "two"


async def test_a_line_that_is_silent_is_found_out(
    line: Line,
    database: Database,
    database_access: DatabaseAccess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "_HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(listener_module, "_HEARTBEAT_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(database_module, "_CLOSE_SECONDS", 0.2)
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    access = database_access

    async with (
        Database.open(line.through(access.app_dsn), role=access.app_role) as listening,
        listening.listen("runs", heard.put_nowait),
    ):
        assert await _next(heard) is None
        line.swallow()

        assert await _next(heard) is None
        await _notify(database, "runs", "two")
        assert await _next_payload(heard) == "two"


async def test_listening_where_no_server_answers_is_unavailable(
    line: Line, database_access: DatabaseAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "_READY_TIMEOUT_SECONDS", 0.2)
    access = database_access
    async with Database.open(line.through(access.app_dsn), role=access.app_role) as database:
        await line.cut()

        with pytest.raises(Unavailable, match="does not answer"):
            async with database.listen("runs", lambda _: None):
                pass


async def test_a_callback_that_fails_takes_nobody_elses_notification(database: Database) -> None:
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(context["exception"])
    )

    def fail(_: str | None) -> None:
        raise LookupError

    async with database.listen("runs", fail), database.listen("runs", heard.put_nowait):
        await _notify(database, "runs", "one")

        assert await _next_payload(heard) == "one"

    assert {type(failure) for failure in failures} == {LookupError}
