"""What may be submitted how often, and that a submission is written as a whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

import pytest
from tests.application import OPERATOR, Harness, change, look

from jobforge.adapters.postgres.storage import PostgresUnit
from jobforge.contract.results import BundleResult
from jobforge.ports.checkpoints import SignedHead
from jobforge.ports.controls import SwitchListing
from jobforge.ports.records import TenantListing, TenantRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.steps.intake import Submission
from jobforge.use_cases.submit_bundle import SubmitBundle

_WRITTEN = ("bundle_runs", "plans", "jobs", "idempotency_keys", "policy_grants", "artifacts")


def statuses(result: BundleResult) -> list[tuple[str, str | None]]:
    return [(child.status, child.code) for child in result.child_runs]


async def test_the_same_bundle_twice_is_skipped_and_names_the_earlier_jobs(app: Harness) -> None:
    raw = app.bundle(look(1), look(2))
    first = await app.execute(raw)

    second = await app.execute(raw)

    assert statuses(second) == 2 * [("skipped", "ALREADY_SUBMITTED")]
    assert [c.job_id for c in second.child_runs] == [c.job_id for c in first.child_runs]
    assert str(first.child_runs[0].job_id) in second.child_runs[0].reason
    assert second.success
    assert await app.count("jobs") == 2


async def test_of_many_submissions_of_one_bundle_at_once_one_is_queued(app: Harness) -> None:
    raw = app.bundle(look(1), look(2))

    results = await asyncio.gather(*(app.execute(raw) for _ in range(20)))

    assert sorted(result.summary.queued for result in results) == [*19 * [0], 2]
    assert await app.count("jobs") == 2


async def test_a_used_key_with_another_payload_is_a_conflict(app: Harness) -> None:
    await app.execute(app.bundle(look(1)))

    result = await app.execute(app.bundle(look(1, payload={"ticket_id": "another"})))

    assert statuses(result) == [("denied", "IDEMPOTENCY_CONFLICT")]
    assert not result.success


async def test_the_key_of_another_job_type_is_another_key(app: Harness) -> None:
    await app.execute(app.bundle(look(1)))

    result = await app.execute(
        app.bundle(look(1, job_type="autopilot.ops.echo", payload={"text": "t"}))
    )

    assert statuses(result) == [("queued", None)]


async def test_a_denied_request_uses_up_neither_its_id_nor_its_key(app: Harness) -> None:
    foreign = look(1, tenant_id="99999999-9999-4999-8999-999999999999")

    first = await app.execute(app.bundle(foreign, look(1)))

    assert statuses(first) == [("denied", "TENANT_MISMATCH"), ("queued", None)]
    assert not first.success


async def test_a_key_denied_in_one_bundle_is_free_for_the_next(app: Harness) -> None:
    await app.execute(app.bundle(look(1, payload={"ticket_id": 1})))
    await app.execute(app.bundle(change(2)))

    raw = app.bundle(look(1), change(2))
    result = await app.execute(raw, token=(await app.issue(raw)).token)

    assert statuses(result) == 2 * [("queued", None)]


async def test_doubles_within_a_bundle_are_skipped(app: Harness) -> None:
    result = await app.execute(
        app.bundle(look(1), look(1, idempotency_key="x"), look(2, idempotency_key="look-key-1"))
    )

    assert statuses(result) == [
        ("queued", None),
        ("skipped", "DUPLICATE_REQUEST_ID"),
        ("skipped", "DUPLICATE_IDEMPOTENCY_KEY"),
    ]


async def test_a_bundle_of_another_tenant_is_denied_even_where_a_request_names_the_caller(
    app: Harness,
) -> None:
    other = await app.new_tenant("other")
    mine = look(1, tenant_id=str(app.tenant.tenant_id))

    result = await app.execute(app.bundle(mine, look(2), tenant=other))

    assert statuses(result) == 2 * [("denied", "TENANT_MISMATCH")]


async def test_a_payload_that_names_another_tenant_is_denied(app: Harness) -> None:
    payload = {"ticket_id": "T-1", "tenant_id": "99999999-9999-4999-8999-999999999999"}

    result = await app.execute(app.bundle(look(1, payload=payload)))

    assert statuses(result) == [("denied", "TENANT_MISMATCH")]


class _Fault(Exception):
    """What is injected."""


class _Failing:
    """A table one of whose methods fails, before or after it did its work."""

    def __init__(self, table: Any, name: str, *, is_after: bool) -> None:  # noqa: ANN401 (any table)
        self._table = table
        self._name = name
        self._is_after = is_after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the table has)
        real = getattr(self._table, name)
        if name != self._name:
            return real

        async def fail(*values: object) -> None:
            if self._is_after:
                await real(*values)
            raise _Fault

        return fail


@dataclass(frozen=True)
class _FaultyStorage:
    """Storage whose transactions fail at one step."""

    storage: Storage
    table: str
    name: str
    is_after: bool
    opened: list[UUID] = field(default_factory=list)

    async def find_tenant(self, name: str) -> TenantRecord | None:
        return await self.storage.find_tenant(name)

    async def list_tenants(self) -> tuple[TenantListing, ...]:
        return await self.storage.list_tenants()

    async def add_checkpoints(self, heads: Sequence[SignedHead]) -> None:
        await self.storage.add_checkpoints(heads)

    async def list_switches(self) -> tuple[SwitchListing, ...]:
        return await self.storage.list_switches()

    def snapshot(self, tenant_id: UUID) -> AbstractAsyncContextManager[TenantUnit]:
        return self.storage.snapshot(tenant_id)

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Any]:
        self.opened.append(tenant_id)
        is_first = len(self.opened) == 1
        async with self.storage.transaction(tenant_id) as unit:
            if self.table == "commit":
                yield unit
                if is_first:
                    raise _Fault
                return
            failing = _Failing(getattr(unit, self.table), self.name, is_after=self.is_after)
            changed: dict[str, Any] = {self.table: failing}
            yield replace(cast("PostgresUnit", unit), **changed)


_STEPS = {
    "plan": ("plans", "insert"),
    "run": ("runs", "insert"),
    "grant": ("grants", "consume"),
    "jobs": ("jobs", "insert_with_keys"),
    "queue": ("jobs", "release"),
    "audit": ("audit", "append"),
    "end": ("commit", ""),
}


@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
async def test_a_fault_at_any_step_leaves_nothing_behind(
    app: Harness, step: str, is_after: bool
) -> None:
    raw = app.bundle(look(1), change(2))
    issued = await app.issue(raw)
    before = [await app.count(table) for table in _WRITTEN]
    events = await app.events()
    submit = app.app.submit_bundle.submit
    storage = _FaultyStorage(submit.storage, *_STEPS[step], is_after)
    faulty = SubmitBundle(replace(submit, storage=storage))

    with pytest.raises(_Fault):
        await faulty(raw, Submission(app.tenant, OPERATOR, "execute"), policy_token=issued.token)

    assert [await app.count(table) for table in _WRITTEN] == before
    assert await app.events() == events
    assert await app.rows("SELECT FROM pgqueuer.pgqueuer") == []
    again = await app.execute(raw, token=issued.token)
    assert statuses(again) == 2 * [("queued", None)]


async def test_one_decision_is_one_entry(app: Harness) -> None:
    await app.execute(app.bundle(look(1), look(2, job_type="autopilot.ops.invented")))
    await app.execute(app.bundle(look(1)))
    await app.execute(b"{")
    await app.work()

    assert await app.events() == [
        "tenant.created",
        "bundle.decided",
        "request.queued",
        "request.denied",
        "bundle.decided",
        "request.skipped",
        "bundle.refused",
        "job.executed",
    ]


async def test_more_strangers_at_once_than_there_are_connections_are_all_answered(
    app: Harness,
) -> None:
    raw = app.bundle(look(1), tenant=replace(app.tenant, tenant_id=app.app.ids.uuid()))

    async with asyncio.timeout(15):
        results = await asyncio.gather(*(app.plan(raw) for _ in range(40)))

    errors = [result.manifest.error for result in results]
    assert {error["code"] for error in errors if error} == {"TENANT_UNKNOWN"}


async def test_a_run_lists_its_stored_summary_with_size_and_checksum(app: Harness) -> None:
    decided = await app.plan(app.bundle(look(1)))

    (output,) = decided.manifest.outputs
    (stored,) = await app.rows(
        "SELECT content FROM jobforge.artifact_chunks WHERE checksum = $1", output.checksum
    )
    shown = await app.show(decided)
    assert shown.manifest.outputs == (output,)
    assert output.ref == decided.artifact_ref
    assert output.size == len(stored["content"])
    assert b"look-1" in stored["content"]
