"""The way in by SQL: within the caller's transaction, for the tenant of whoever is logged in."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.adapters.postgres.sql_rows import OPEN_TO_CALLERS
from tests.application import OPERATOR, Harness, change, look, say

from jobforge.core.actor import Actor, Role
from jobforge.core.errors import AlreadyExists, Denied, InvalidInput, Missing
from jobforge.core.scopes import READ_SCOPES
from jobforge.ports.records import TenantRecord

_MAY_CALL = """
    SELECT routine.proname AS name FROM pg_proc AS routine
    WHERE routine.pronamespace IN ('jobforge'::regnamespace, 'pgqueuer'::regnamespace)
        AND has_function_privilege(routine.oid, 'EXECUTE')
"""
_MAY_TOUCH = """
    SELECT class.oid::regclass::text AS name FROM pg_class AS class
    WHERE class.relnamespace IN ('jobforge'::regnamespace, 'pgqueuer'::regnamespace)
        AND class.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND (CASE WHEN class.relkind = 'S' THEN has_sequence_privilege(class.oid, 'USAGE, SELECT')
             ELSE has_any_column_privilege(class.oid, 'SELECT, INSERT, UPDATE')
                 OR has_table_privilege(class.oid, 'DELETE, TRUNCATE, TRIGGER') END)
"""


@dataclass(frozen=True)
class Caller:
    """A program that is logged in as a role of its own."""

    role: str
    connection: asyncpg.Connection[asyncpg.Record]

    async def submit(self, raw: bytes, mode: str = "execute") -> UUID:
        query = "SELECT jobforge.submit_bundle($1, $2)"
        return UUID(str(await self.connection.fetchval(query, raw.decode(), mode)))

    async def status(self, run_id: UUID) -> dict[str, Any] | None:
        text = await self.connection.fetchval("SELECT jobforge.run_status($1)", run_id)
        return None if text is None else dict(json.loads(text))


@asynccontextmanager
async def caller_of(
    app: Harness, tenant: TenantRecord, project_id: UUID | None = None
) -> AsyncIterator[Caller]:
    role = f"shop_{secrets.token_hex(6)}"
    url = await app.app.sql_grants.grant(role, tenant, OPERATOR, project_id=project_id, is_new=True)
    connection = await asyncpg.connect(url)
    try:
        yield Caller(role, connection)
    finally:
        await connection.close()
        if role in {grant.role_name for grant in await app.app.sql_grants.all(tenant)}:
            await app.app.sql_grants.revoke(role, tenant, OPERATOR)
        owner = await asyncpg.connect(app.access.owner_dsn)
        await owner.execute(f"DROP ROLE {role}")
        await owner.close()


async def test_a_bundle_is_admitted_once_its_transaction_has_committed(app: Harness) -> None:
    async with caller_of(app, app.tenant) as caller:
        async with caller.connection.transaction():
            run_id = await caller.submit(app.bundle(say(1), look(2)))
            assert await app.app.admit_intakes() == 0
            waiting = await caller.status(run_id)
        assert await app.app.admit_intakes() == 1
        queued = await caller.status(run_id)
        await app.work()
        done = await caller.status(run_id)

    assert waiting is not None
    assert (waiting["state"], waiting["children"]) == ("waiting", [])
    assert queued is not None
    assert [child["status"] for child in queued["children"]] == ["queued", "queued"]
    assert len(queued["plan"]["requests"]) == 2
    assert [decision["status"] for decision in queued["decisions"]] == ["queued", "queued"]
    assert done is not None
    assert done["state"] == "closed"
    assert [child["status"] for child in done["children"]] == ["executed", "executed"]
    assert await app.count("sql_intake_queue") == await app.count("sql_intake") == 0
    entries = await app.app.read_audit.newest(app.tenant, 100)
    assert f"sql:{caller.role}" in {entry.actor for entry in entries}


async def test_nothing_is_left_of_a_transaction_that_rolled_back(app: Harness) -> None:
    async with caller_of(app, app.tenant) as caller:
        transaction = caller.connection.transaction()
        await transaction.start()
        run_id = await caller.submit(app.bundle(say(1)))
        await transaction.rollback()

        assert await app.app.admit_intakes() == 0
        assert await caller.status(run_id) is None
    assert await app.count("sql_intake") == await app.count("sql_intake_queue") == 0


async def test_a_worker_hears_of_it_and_runs_it(app: Harness) -> None:
    worker = app.app.make_worker(2)
    async with caller_of(app, app.tenant) as caller:
        working = asyncio.create_task(worker.run())
        try:
            run_id = await caller.submit(app.bundle(say(1)))
            state = "waiting"
            for _ in range(600):
                state = str((await caller.status(run_id) or {}).get("state"))
                if state == "closed":
                    break
                await asyncio.sleep(0.05)
            assert state == "closed"
        finally:
            worker.stop()
            await working


@pytest.mark.parametrize("setting", ["", "acme"])
async def test_a_caller_learns_nothing_of_another_tenant_whatever_he_sets(
    app: Harness, setting: str
) -> None:
    other = await app.new_tenant("other")
    result = await app.execute(app.bundle(say(1)))
    assert result.bundle_run_id is not None
    tenant_id = str(app.tenant.tenant_id) if setting else ""
    async with caller_of(app, other) as caller, caller_of(app, app.tenant) as own:
        await caller.connection.execute(
            "SELECT set_config('jobforge.tenant_id', $1, false)", tenant_id
        )
        run_id = await own.submit(app.bundle(say(2)))

        assert await caller.status(result.bundle_run_id) is None
        assert await caller.status(run_id) is None
        assert await own.status(result.bundle_run_id) is not None
        foreign = await caller.submit(app.bundle(say(3)))
        await app.app.admit_intakes()
        status = await caller.status(foreign)

    assert status is not None
    assert status["decisions"][0]["code"] == "TENANT_MISMATCH"
    rows = await app.rows("SELECT tenant_id FROM jobforge.bundle_runs WHERE run_id = $1", foreign)
    assert [row["tenant_id"] for row in rows] == [other.tenant_id]


async def test_a_caller_of_one_project_sees_no_other_ones_runs(app: Harness) -> None:
    shop = await app.app.create_project("shop", app.tenant, OPERATOR)
    whole = await app.execute(app.bundle(say(1)))
    assert whole.bundle_run_id is not None
    async with caller_of(app, app.tenant, shop.project_id) as caller:
        run_id = await caller.submit(app.bundle(say(2)))
        await app.app.admit_intakes()

        assert await caller.status(run_id) is not None
        assert await caller.status(whole.bundle_run_id) is None
    (row,) = await app.rows("SELECT project_id FROM jobforge.bundle_runs WHERE run_id = $1", run_id)
    assert row["project_id"] == shop.project_id


async def test_a_caller_may_call_two_functions_and_touch_no_table(app: Harness) -> None:
    async with caller_of(app, app.tenant) as caller:
        callable_ = {row["name"] for row in await caller.connection.fetch(_MAY_CALL)}
        touchable = {row["name"] for row in await caller.connection.fetch(_MAY_TOUCH)}
        for statement in ("SET ROLE jobforge_app", "SET ROLE jobforge_dispatch"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await caller.connection.execute(statement)

    assert callable_ == OPEN_TO_CALLERS
    assert touchable == set()


async def test_a_role_that_is_bound_no_more_may_nothing_more(app: Harness) -> None:
    async with caller_of(app, app.tenant) as caller:
        await app.app.sql_grants.revoke(caller.role, app.tenant, OPERATOR)

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await caller.submit(app.bundle(say(1)))
        with pytest.raises(Missing):
            await app.app.sql_grants.revoke(caller.role, app.tenant, OPERATOR)
    assert (await app.events()).count("sql.revoked") == 1


async def test_a_role_with_the_right_and_without_a_tenant_may_nothing(app: Harness) -> None:
    async with caller_of(app, app.tenant) as caller:
        await app.alter("DELETE FROM jobforge.sql_grants")

        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="bound to no tenant"):
            await caller.submit(app.bundle(say(1)))
        assert await caller.status(UUID(int=1)) is None
        async with app.owner() as owner:
            await owner.execute(
                "INSERT INTO jobforge.sql_grants VALUES ($1, $2, NULL, 'ada', now())",
                app.tenant.tenant_id,
                caller.role,
            )


@pytest.mark.parametrize(
    "role", ["jobforge_app", "jobforge_dispatch", "postgres", "public", "nobody_at_all", "x; --"]
)
async def test_who_could_step_over_the_wall_is_not_bound(app: Harness, role: str) -> None:
    with pytest.raises(InvalidInput):
        await app.app.sql_grants.grant(role, app.tenant, OPERATOR)

    assert await app.app.sql_grants.all(app.tenant) == ()


async def test_a_role_belongs_to_one_tenant_and_is_bound_by_the_local_operator(
    app: Harness,
) -> None:
    other = await app.new_tenant("other")
    remote = Actor(
        "key:1/ada",
        READ_SCOPES,
        is_local=False,
        roles=frozenset({Role.admin}),
        tenant_id=app.tenant.tenant_id,
    )
    async with caller_of(app, app.tenant) as caller:
        with pytest.raises(AlreadyExists):
            await app.app.sql_grants.grant(caller.role, other, OPERATOR)
        with pytest.raises(Missing):
            await app.app.sql_grants.revoke(caller.role, other, OPERATOR)
        with pytest.raises(Denied):
            await app.app.sql_grants.grant(caller.role, app.tenant, remote)
        assert await app.app.sql_grants.all(other) == ()


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("[]", "dry_run", "JSON object"),
        ("{}", "apply", "dry_run or execute"),
        ('{"payload": {"policy_token": "x"}}', "execute", "policy token"),
        ('{"x": "' + 8 * 1024 * 1024 * "y" + '"}', "dry_run", "larger than"),
    ],
    ids=["no object", "no mode", "a token", "too large"],
)
async def test_what_is_none_is_refused_at_once(
    app: Harness, text: str, mode: str, said: str
) -> None:
    async with caller_of(app, app.tenant) as caller:
        with pytest.raises(asyncpg.PostgresError, match=said):
            await caller.submit(text.encode(), mode)


async def test_what_is_no_bundle_is_a_run_that_was_refused(app: Harness) -> None:
    twice = app.bundle(say(1)).decode().replace('"bundle_id"', '"bundle_id": "a", "bundle_id"', 1)
    async with caller_of(app, app.tenant) as caller:
        run_id = await caller.submit(twice.encode())
        await app.app.admit_intakes()
        status = await caller.status(run_id)

    assert status is not None
    assert (status["state"], status["error"]["code"]) == ("refused", "DUPLICATE_JSON_KEY")


async def test_an_action_by_sql_waits_for_people(app: Harness) -> None:
    async with caller_of(app, app.tenant) as caller:
        run_id = await caller.submit(app.bundle(change(1)), "dry_run")
        denied = await caller.submit(app.bundle(change(2)))
        await app.app.admit_intakes()
        refused = await caller.status(denied)
        status = await caller.status(run_id)

    assert status is not None
    assert refused is not None
    assert refused["decisions"][0]["code"] == "POLICY_TOKEN_REQUIRED"
    assert refused["children"] == []
    (waiting,) = await app.app.show_plan.waiting(app.tenant, None, 10)
    assert waiting.digest == status["plan"]["digest"]


async def test_many_workers_admit_a_bundle_once(app: Harness) -> None:
    async with caller_of(app, app.tenant) as caller:
        for number in range(5):
            await caller.submit(app.bundle(say(number), bundle_id=f"b-{number}"))

        counts = await asyncio.gather(*(app.app.admit_intakes() for _ in range(4)))

    assert sum(counts) == 5
    assert await app.count("bundle_runs") == 5
    assert await app.count("jobs") == 5
