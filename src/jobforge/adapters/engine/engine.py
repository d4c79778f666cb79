"""`JobEngine` on PostgreSQL: one call a batch, which is one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from jobforge.adapters.postgres.checkpoints import CheckpointFiles
from jobforge.adapters.postgres.controls import QUERIES as CONTROL_QUERIES
from jobforge.adapters.postgres.database import Database
from jobforge.adapters.postgres.jobs import QUERIES
from jobforge.adapters.postgres.queue import to_payload
from jobforge.core.audit import body_digest, canonical_details
from jobforge.core.errors import Unavailable
from jobforge.core.stop import Stop
from jobforge.ports.engine import Attempt, Ending, JobRef, NotStarted
from jobforge.ports.records import AuditHead
from jobforge.ports.system import Clock

RUN_CHANNEL = "jobforge_runs"
"""`settle_jobs` knows it, too."""

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
        now = self._clock.now()
        rows = await self._database.call(
            QUERIES.begin_jobs,
            [ref.tenant_id for ref in refs],
            [ref.job_id for ref in refs],
            now,
        )
        answers: list[Attempt | NotStarted] = [NotStarted(None)] * len(refs)
        for row in rows:
            index = row["ordinal"] - 1
            answers[index] = _to_attempt(refs[index], row, now)
        return answers

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
        runs = {ending.attempt.run_id for ending in endings}
        told = [run_id for run_id in runs if self._is_due(run_id, now)]
        rows = await self._database.call(
            QUERIES.settle_jobs, *_settle_columns(endings), *_entry_columns(endings), told, now
        )
        heads: dict[UUID, AuditHead] = {}
        for row in rows:
            tenant_id = endings[row["ordinal"] - 1].attempt.ref.tenant_id
            heads[tenant_id] = AuditHead(row["seq"], row["hash"])
            if row["is_run_closed"]:
                self._notified.pop(row["run_id"], None)
        self._checkpoints.note(heads)
        accepted = {row["ordinal"] - 1 for row in rows}
        return [index in accepted for index in range(len(endings))]

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
            await connection.execute(
                QUERIES.enqueue,
                [row["lane"] for row in stranded],
                [to_payload(JobRef(row["tenant_id"], row["job_id"])) for row in stranded],
                [timedelta(0)] * len(stranded),
            )
            waiting = await connection.fetch(QUERIES.find_waiting_tenants)
            tenants = sorted(row["tenant_id"] for row in waiting)
            released: int = await connection.fetchval(QUERIES.release_jobs, tenants, now)
            await connection.execute(QUERIES.prune_queue_log, now - KEEP_QUEUE_LOG)
        return len(stranded) + released

    async def find_stops(self, attempts: Sequence[Attempt]) -> list[Stop | None]:
        """Which of the attempts must stop, in their order."""
        rows = await self._database.call(
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


def _entry_columns(endings: Sequence[Ending]) -> tuple[list[object], ...]:
    entries = [ending.entry for ending in endings]
    return (
        [entry.at for entry in entries],
        [entry.actor for entry in entries],
        [entry.event for entry in entries],
        [entry.subject for entry in entries],
        [canonical_details(entry) for entry in entries],
        [body_digest(entry) for entry in entries],
    )


def _to_attempt(ref: JobRef, row: asyncpg.Record, now: datetime) -> Attempt | NotStarted:
    if row["attempt"] is None:
        return NotStarted(row["available_at"])
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
        stopped_by=row["stopped_by"],
        waited=now - row["available_at"],
    )
