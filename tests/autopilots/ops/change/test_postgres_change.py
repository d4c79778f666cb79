from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from tests.autopilots.ops.change.world import next_attempt, payload, states, with_postgres

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.autopilots.ops.apply import apply, plan, undo, verify
from jobforge.core.errors import NeedsPerson, PayloadInvalid, PlanStale
from jobforge.testing.context import MemoryContext

if TYPE_CHECKING:
    Session = asyncpg.Connection[asyncpg.Record]

INDEX = {"kind": "create_index", "name": "orders_customer", "table": "orders",
         "columns": ["customer", "placed"]}  # fmt: skip


@pytest.fixture
async def session(empty_access: DatabaseAccess) -> AsyncIterator[Session]:
    session = await asyncpg.connect(empty_access.owner_dsn)
    await session.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, customer integer, placed integer);"
        "INSERT INTO orders SELECT n, n % 10, n FROM generate_series(1, 1000) AS n"
    )
    yield session
    await session.close()


@pytest.fixture
def context(empty_access: DatabaseAccess, session: Session) -> MemoryContext:  # noqa: ARG001 (its table)
    return with_postgres(empty_access)


def change(operation: dict[str, Any]) -> dict[str, Any]:
    return {"adapter": "postgres", "connection": "shop", "operation": operation}


async def definition(session: Session, name: str = "orders_customer") -> str | None:
    found: str | None = await session.fetchval("SELECT pg_get_indexdef(to_regclass($1))", name)
    return found


async def test_an_index_is_built_and_dropped_again(
    context: MemoryContext, session: Session
) -> None:
    wanted = payload(change(INDEX))

    effects = await plan(wanted, context)
    result = await apply(wanted, effects, context)
    await verify(wanted, effects, context)

    assert effects[0].diff == (
        '+CREATE INDEX CONCURRENTLY "orders_customer" ON "public"."orders" '
        'USING btree ("customer", "placed")'
    )
    assert result.changes_made[0].after == "btree index on orders (customer, placed)"
    assert await definition(session)
    assert await plan(wanted, context) == ()
    await undo(wanted, effects, context)
    assert await definition(session) is None


async def test_a_dropped_index_comes_back_as_it_was(
    context: MemoryContext, session: Session
) -> None:
    await session.execute("CREATE UNIQUE INDEX orders_customer ON orders (id DESC) WHERE id > 3")
    before = await definition(session)
    wanted = payload(change({"kind": "drop_index", "name": "orders_customer"}))
    effects = await plan(wanted, context)

    await apply(wanted, effects, context)
    between = await definition(session)
    await undo(wanted, effects, context)

    assert between is None
    assert await definition(session) == before == effects[0].before


async def test_a_half_built_index_of_ours_is_built_anew_and_another_is_not_touched(
    context: MemoryContext, session: Session
) -> None:
    wanted = payload(change(INDEX))
    effects = await plan(wanted, context)
    with pytest.raises(asyncpg.UniqueViolationError):
        await session.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY orders_customer ON orders (customer)"
        )

    with pytest.raises(PlanStale, match="an invalid unique btree index"):
        await apply(wanted, effects, context)
    await context.journal.write(0, "begun")
    await apply(wanted, effects, context)

    valid = await session.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_customer'::regclass"
    )
    assert valid is True


async def test_a_setting_is_written_down_and_forgotten_again(
    context: MemoryContext, session: Session
) -> None:
    shown = (
        "SELECT setconfig[1] FROM pg_db_role_setting WHERE setdatabase = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    wanted = payload(change({"kind": "set", "name": "work_mem", "value": "64MB"}))
    effects = await plan(wanted, context)

    await apply(wanted, effects, context)
    await verify(wanted, effects, context)
    between = await session.fetchval(shown)
    await undo(wanted, effects, context)

    assert effects[0].diff == "-work_mem = (default)\n+work_mem = 64MB"
    assert between == "work_mem=64MB"
    assert await session.fetchval(shown) is None


async def test_a_vacuum_whose_end_was_lost_is_not_done_twice(
    context: MemoryContext, session: Session
) -> None:
    wanted = payload(change({"kind": "vacuum", "table": "orders"}))
    effects = await plan(wanted, context)
    await context.journal.write(0, "begun", "count 0")
    await session.execute("VACUUM orders")

    await apply(wanted, effects, next_attempt(context))
    await verify(wanted, effects, context)

    assert await session.fetchval(
        "SELECT vacuum_count FROM pg_stat_all_tables WHERE relname = 'orders'"
    ) == 1  # fmt: skip
    assert await states(context) == [(0, "begun"), (0, "done"), (None, "verified")]


async def test_a_count_that_went_back_needs_a_person(context: MemoryContext) -> None:
    wanted = payload(change({"kind": "analyze", "table": "orders"}))
    effects = await plan(wanted, context)
    await context.journal.write(0, "begun", "count 7")

    with pytest.raises(NeedsPerson, match=r"analyze public\.orders"):
        await apply(wanted, effects, next_attempt(context))

    assert (await states(context))[-1] == (0, "needs_person")
    assert any("journal" in name for name in context.artifacts.stored)


async def test_a_table_is_analysed(context: MemoryContext, session: Session) -> None:
    wanted = payload(change({"kind": "analyze", "table": "orders"}))
    effects = await plan(wanted, context)

    await apply(wanted, effects, context)
    await undo(wanted, effects, context)

    query = "SELECT analyze_count FROM pg_stat_all_tables WHERE relname = 'orders'"
    assert await session.fetchval(query) == 1
    assert await asyncio.wait_for(session.fetchval(query), 5) == 1


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (INDEX | {"table": "absent"}, "no column customer"),
        (INDEX | {"columns": ["absent"]}, "no column absent"),
        ({"kind": "drop_index", "name": "orders_pkey"}, "holds a constraint"),
        ({"kind": "vacuum", "table": "absent"}, "no table"),
        ({"kind": "set", "name": "absent_setting", "value": "1"}, "no setting"),
        ({"kind": "set", "name": "max_connections", "value": "9"}, "takes a restart"),
        ({"kind": "set", "name": "archive_command", "value": "rm"}, "is a text"),
    ],
)
async def test_what_the_server_does_not_have_or_should_not_change_is_refused(
    context: MemoryContext, operation: dict[str, Any], why: str
) -> None:
    with pytest.raises(PayloadInvalid, match=why):
        await plan(payload(change(operation)), context)


@pytest.mark.parametrize(
    "operation",
    [
        INDEX | {"name": 'x"; DROP TABLE orders; --'},
        INDEX | {"columns": ["(1)); DROP TABLE orders; --"]},
        {"kind": "set", "name": "work_mem", "value": "1'; DROP TABLE orders; --"},
        {"kind": "vacuum", "table": "orders; DROP TABLE orders"},
        {"kind": "execute", "statement": "DROP TABLE orders"},
    ],
)
def test_a_name_that_is_more_than_a_name_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        payload(change(operation))
