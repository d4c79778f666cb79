"""The PostgreSQL queries of a scan, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
import pytest

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.autopilots.ops.live import postgres
from jobforge.autopilots.ops.live.postgres_queries import DEEP, SURFACE

QUERIES = SURFACE | DEEP
Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def session(empty_access: DatabaseAccess) -> AsyncIterator[Session]:
    connection: Session = await asyncpg.connect(empty_access.owner_dsn)
    await connection.execute(
        """
        CREATE TABLE parent (id int PRIMARY KEY);
        CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent, name text);
        CREATE INDEX child_name ON child (name);
        CREATE INDEX child_name_again ON child (name);
        INSERT INTO parent SELECT generate_series(1, 100);
        INSERT INTO child SELECT n, 1 + n % 100, md5(n::text) FROM generate_series(1, 20000) n;
        ANALYZE;
        CREATE SEQUENCE small MAXVALUE 100;
        SELECT setval('small', 90);
        GRANT CREATE ON SCHEMA public TO PUBLIC;
        """
    )
    yield connection
    await connection.close()


async def run(session: Session) -> dict[str, list[dict[str, Any]]]:
    async with session.transaction(readonly=True):
        return {name: [dict(r) for r in await session.fetch(q)] for name, q in QUERIES.items()}


async def test_every_query_runs_read_only_and_gives_plain_values(session: Session) -> None:
    tables = await run(session)

    values = [value for rows in tables.values() for row in rows for value in row.values()]
    assert {type(value) for value in values} <= {int, float, str, bool, type(None)}
    assert {row["name"] for row in tables["settings"]} >= {"fsync", "ssl", "autovacuum"}


async def test_what_is_wrong_with_a_real_database_is_found(session: Session) -> None:
    tables = await run(session)

    found = [
        *postgres.check_health("connection:db", tables),
        *postgres.check_security("connection:db", tables),
        *postgres.check_cost("connection:db", tables),
    ]

    shown = {finding.check_id: finding.resource for finding in found}
    assert shown["OPS_PG_012"] == "table child"
    assert shown["OPS_PG_013"] == "sequence public.small"
    assert shown["OPS_PG_024"] == "schema public"
    assert shown["OPS_PG_031"] == "table child"
    # Statistics of a new database say nothing about use.
    assert "OPS_PG_030" not in shown


async def test_an_index_on_the_key_settles_the_foreign_key(session: Session) -> None:
    await session.execute("CREATE INDEX child_parent ON child (parent_id, name)")

    tables = await run(session)

    assert tables["unindexed_foreign_keys"] == []
