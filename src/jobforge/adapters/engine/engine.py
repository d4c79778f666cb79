"""`JobEngine` on PostgreSQL: one transaction a batch, the audit chains locked last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.audit_events import AuditRows
from jobforge.adapters.postgres.checkpoints import CheckpointFiles
from jobforge.adapters.postgres.controls import QUERIES as CONTROL_QUERIES
from jobforge.adapters.postgres.database import Connection, Database
from jobforge.adapters.postgres.jobs import QUERIES
from jobforge.adapters.postgres.queue import enqueue, to_released
from jobforge.core.errors import Unavailable
from jobforge.core.stop import Stop
from jobforge.ports.engine import Attempt, Ending, JobRef, NotStarted
from jobforge.ports.records import AuditHead
from jobforge.ports.system import Clock

RUN_CHANNEL = "jobforge_runs"
STRANDED_AFTER = timedelta(seconds=30)
KEEP_QUEUE_LOG = timedelta(minutes=10)
NOTIFY_EVERY = timedelta(milliseconds=200)


class PostgresEngine:
    """Begins, settles and sweeps jobs of any tenants."""

    def __init__(self, database: Database, clock: Clock, checkpoints: CheckpointFiles) -> None:
        self._database = database
        self._clock = clock
        self._checkpoints = checkpoints
        self._notified: dict[UUID, datetime] = {}

    async def begin(self, refs: Sequence[JobRef]) -> list[Attempt | NotStarted]:
        """Start the jobs; the answers are in the order of `refs`."""
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(
                QUERIES.begin_jobs,
                [ref.tenant_id for ref in refs],
                [ref.job_id for ref in refs],
                self._clock.now(),
            )
        return [_to_attempt(ref, row) for ref, row in zip(refs, rows, strict=True)]

    async def settle(self, endings: Sequence[Ending]) -> list[bool]:
        """Write a batch; one that fails as a whole is repeated tenant by tenant."""
        try:
            return await self._settle_together(endings)
        except Unavailable:
            raise
        except asyncpg.PostgresError:
            return await self._settle_apart(endings)

    async def _settle_apart(self, endings: Sequence[Ending]) -> list[bool]:
        accepted: list[bool] = [False] * len(endings)
        by_tenant: defaultdict[UUID, list[int]] = defaultdict(list)
        for index, ending in enumerate(endings):
            by_tenant[ending.attempt.ref.tenant_id].append(index)
        for indices in by_tenant.values():
            answers = await self._settle_together([endings[index] for index in indices])
            for index, answer in zip(indices, answers, strict=True):
                accepted[index] = answer
        return accepted

    async def _settle_together(self, endings: Sequence[Ending]) -> list[bool]:
        now = self._clock.now()
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(QUERIES.settle_jobs, *_settle_columns(endings), now)
            accepted = {row["ordinal"] - 1 for row in rows}
            tenants = sorted({endings[index].attempt.ref.tenant_id for index in accepted})
            released = await connection.fetch(QUERIES.release_jobs, tenants, now)
            await enqueue(connection, [to_released(row) for row in released])
            await self._notify(connection, rows, now)
            heads = await _append_audit(connection, endings, accepted)
        self._checkpoints.note(heads)
        return [index in accepted for index in range(len(endings))]

    async def _notify(
        self, connection: Connection, rows: Sequence[asyncpg.Record], now: datetime
    ) -> None:
        closed = {row["run_id"] for row in rows if row["is_run_closed"]}
        due = {row["run_id"] for row in rows if self._is_due(row["run_id"], now)} | closed
        if due:
            await connection.execute(QUERIES.notify, RUN_CHANNEL, [str(run_id) for run_id in due])
        for run_id in closed:
            self._notified.pop(run_id, None)

    def _is_due(self, run_id: UUID, now: datetime) -> bool:
        """At most five notifications a second and run; watchers read the rest from the rows."""
        last = self._notified.get(run_id)
        if last is not None and now - last < NOTIFY_EVERY:
            return False
        self._notified[run_id] = now
        return True

    async def sweep(self) -> int:
        """Enqueue released jobs that lost their queue row, release waiting ones."""
        now = self._clock.now()
        async with self._database.system_transaction() as connection:
            stranded = await connection.fetch(QUERIES.find_stranded_jobs, now - STRANDED_AFTER)
            waiting = await connection.fetch(QUERIES.find_waiting_tenants)
            tenants = sorted(row["tenant_id"] for row in waiting)
            released = await connection.fetch(QUERIES.release_jobs, tenants, now)
            found = [to_released(row) for row in (*stranded, *released)]
            await enqueue(connection, found)
            await connection.execute(QUERIES.prune_queue_log, now - KEEP_QUEUE_LOG)
        return len(found)

    async def find_stops(self, attempts: Sequence[Attempt]) -> list[Stop | None]:
        """Which of the attempts must stop, in their order."""
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(
                CONTROL_QUERIES.find_stops,
                [attempt.ref.tenant_id for attempt in attempts],
                [attempt.ref.job_id for attempt in attempts],
                [attempt.number for attempt in attempts],
                self._clock.now(),
            )
        stops = {row["ordinal"] - 1: Stop(row["kind"], row["name"] or "") for row in rows}
        return [stops.get(index) for index in range(len(attempts))]

    async def report_progress(self, attempt: Attempt, fraction: float, message: str) -> None:
        """Note how far an attempt is, and tell who watches its run."""
        async with self._database.transaction(attempt.ref.tenant_id) as connection:
            await connection.execute(
                QUERIES.report_progress,
                attempt.ref.tenant_id,
                attempt.ref.job_id,
                attempt.number,
                fraction,
                message,
            )
            if self._is_due(attempt.run_id, self._clock.now()):
                await connection.execute(QUERIES.notify, RUN_CHANNEL, [str(attempt.run_id)])


async def _append_audit(
    connection: Connection, endings: Sequence[Ending], accepted: set[int]
) -> dict[UUID, AuditHead]:
    """Append each tenant's entries; in sorted order, so that no two batches wait for each other."""
    by_tenant: defaultdict[UUID, list[Ending]] = defaultdict(list)
    for index in sorted(accepted):
        by_tenant[endings[index].attempt.ref.tenant_id].append(endings[index])
    heads = {}
    for tenant_id in sorted(by_tenant):
        await connection.execute(
            "SELECT set_config('jobforge.tenant_id', $1, true)", str(tenant_id)
        )
        entries = [ending.entry for ending in by_tenant[tenant_id]]
        heads[tenant_id] = await AuditRows(connection, tenant_id).append(entries)
    return heads


def _settle_columns(endings: Sequence[Ending]) -> tuple[list[object], ...]:
    return (
        [ending.attempt.ref.tenant_id for ending in endings],
        [ending.attempt.ref.job_id for ending in endings],
        [ending.attempt.number for ending in endings],
        [ending.status for ending in endings],
        [ending.retry_at for ending in endings],
        [ending.result for ending in endings],
        [ending.manifest for ending in endings],
        [ending.artifact_ref for ending in endings],
        [ending.error for ending in endings],
    )


def _to_attempt(ref: JobRef, row: asyncpg.Record) -> Attempt | NotStarted:
    if row["outcome"] != "started":
        return NotStarted(row["available_at"] if row["outcome"] == "not_due" else None)
    return Attempt(
        ref=ref,
        number=row["attempt"],
        max_attempts=row["max_attempts"],
        job_type=row["job_type"],
        payload=row["payload"],
        effects=row["effects"],
        project_id=row["project_id"],
        run_id=row["run_id"],
        request_id=row["request_id"],
        trace_id=row["trace_id"],
        actor=row["actor"],
        grant_jti=row["grant_jti"],
        tenant_slug=row["tenant_slug"],
        is_host_allowed=row["is_host_allowed"],
    )
