"""`Storage` in PostgreSQL: a transaction for one tenant, and the tables in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.activity import ActivityRows
from jobforge.adapters.postgres.api_keys import QUERIES as KEY_QUERIES
from jobforge.adapters.postgres.api_keys import KeyRows
from jobforge.adapters.postgres.artifacts import ArtifactRows
from jobforge.adapters.postgres.audit_events import QUERIES as AUDIT_QUERIES
from jobforge.adapters.postgres.audit_events import AuditRows
from jobforge.adapters.postgres.bundle_runs import RunRows
from jobforge.adapters.postgres.checkpoints import CheckpointFiles
from jobforge.adapters.postgres.connections import ConnectionRows
from jobforge.adapters.postgres.controls import QUERIES as CONTROL_QUERIES
from jobforge.adapters.postgres.controls import ControlRows
from jobforge.adapters.postgres.database import Connection, Database
from jobforge.adapters.postgres.datasets import DatasetRows
from jobforge.adapters.postgres.effect_journal import JournalRows
from jobforge.adapters.postgres.events import QUERIES as EVENT_QUERIES
from jobforge.adapters.postgres.events import EventRows
from jobforge.adapters.postgres.housekeeping import HousekeepingRows
from jobforge.adapters.postgres.http_answers import AnswerRows
from jobforge.adapters.postgres.jobs import JobRows
from jobforge.adapters.postgres.module_commands import ModuleRows
from jobforge.adapters.postgres.plan_reviews import ReviewRows
from jobforge.adapters.postgres.plans import PlanRows
from jobforge.adapters.postgres.policy_grants import GrantRows
from jobforge.adapters.postgres.projects import ProjectRows
from jobforge.adapters.postgres.rows import to_record
from jobforge.adapters.postgres.schedules import QUERIES as SCHEDULE_QUERIES
from jobforge.adapters.postgres.schedules import ScheduleRows
from jobforge.adapters.postgres.sql_way_in import QUERIES as SQL_QUERIES
from jobforge.adapters.postgres.sql_way_in import IntakeRows, SqlGrantRows
from jobforge.adapters.postgres.stored_bundles import StoredBundleRows
from jobforge.adapters.postgres.tenants import QUERIES, TenantRows
from jobforge.adapters.postgres.trigger_rules import TriggerRows
from jobforge.adapters.postgres.webhooks import QUERIES as WEBHOOK_QUERIES
from jobforge.adapters.postgres.webhooks import WebhookRows
from jobforge.ports.checkpoints import SignedHead
from jobforge.ports.controls import SwitchListing
from jobforge.ports.events import NewEvent
from jobforge.ports.keys import FoundKey
from jobforge.ports.records import TenantListing, TenantRecord
from jobforge.ports.sql_way_in import NewIntake
from jobforge.ports.starting import DueSchedule
from jobforge.ports.webhooks import DueDelivery


@dataclass(frozen=True, slots=True)
class PostgresUnit:
    """One transaction of one tenant."""

    tenant_id: UUID
    tenants: TenantRows
    projects: ProjectRows
    plans: PlanRows
    runs: RunRows
    jobs: JobRows
    grants: GrantRows
    audit: AuditRows
    artifacts: ArtifactRows
    datasets: DatasetRows
    connections: ConnectionRows
    reviews: ReviewRows
    keys: KeyRows
    answers: AnswerRows
    bundles: StoredBundleRows
    modules: ModuleRows
    controls: ControlRows
    schedules: ScheduleRows
    events: EventRows
    triggers: TriggerRows
    journal: JournalRows
    housekeeping: HousekeepingRows
    sql_grants: SqlGrantRows
    intake: IntakeRows
    activity: ActivityRows
    webhooks: WebhookRows

    @classmethod
    def on(cls, connection: Connection, tenant_id: UUID) -> PostgresUnit:
        """The tables of `tenant_id` over one connection."""
        return cls(
            tenant_id=tenant_id,
            tenants=TenantRows(connection, tenant_id),
            projects=ProjectRows(connection, tenant_id),
            plans=PlanRows(connection, tenant_id),
            runs=RunRows(connection, tenant_id),
            jobs=JobRows(connection, tenant_id),
            grants=GrantRows(connection, tenant_id),
            audit=AuditRows(connection, tenant_id),
            artifacts=ArtifactRows(connection, tenant_id),
            datasets=DatasetRows(connection, tenant_id),
            connections=ConnectionRows(connection, tenant_id),
            reviews=ReviewRows(connection, tenant_id),
            keys=KeyRows(connection, tenant_id),
            answers=AnswerRows(connection, tenant_id),
            bundles=StoredBundleRows(connection, tenant_id),
            modules=ModuleRows(connection, tenant_id),
            controls=ControlRows(connection, tenant_id),
            schedules=ScheduleRows(connection, tenant_id),
            events=EventRows(connection, tenant_id),
            triggers=TriggerRows(connection, tenant_id),
            journal=JournalRows(connection, tenant_id),
            housekeeping=HousekeepingRows(connection, tenant_id),
            sql_grants=SqlGrantRows(connection, tenant_id),
            intake=IntakeRows(connection, tenant_id),
            activity=ActivityRows(connection, tenant_id),
            webhooks=WebhookRows(connection, tenant_id),
        )


class PostgresStorage:
    """`Storage` over a pool."""

    def __init__(self, database: Database, checkpoints: CheckpointFiles) -> None:
        self._database = database
        self._checkpoints = checkpoints

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[PostgresUnit]:
        """One transaction that sees this tenant's rows and no other."""
        async with self._database.transaction(tenant_id) as connection:
            unit = PostgresUnit.on(connection, tenant_id)
            yield unit
        # Only what was committed is worth remembering outside the database.
        if unit.audit.appended is not None:
            self._checkpoints.note({tenant_id: unit.audit.appended})

    @asynccontextmanager
    async def snapshot(self, tenant_id: UUID) -> AsyncIterator[PostgresUnit]:
        """The same, to read only, and everything read is of one moment."""
        async with self._database.snapshot(tenant_id) as connection:
            yield PostgresUnit.on(connection, tenant_id)

    async def find_tenant(self, name: str) -> TenantRecord | None:
        """The tenant of this UUID, slug or alias."""
        async with self._database.system_transaction() as connection:
            row = await connection.fetchrow(QUERIES.find_tenant, name)
        return None if row is None else to_record(TenantRecord, row)

    async def find_due_schedules(self, now: datetime, limit: int) -> tuple[DueSchedule, ...]:
        """Schedules whose time has come, the longest overdue first."""
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(SCHEDULE_QUERIES.find_due_schedules, now, limit)
        return tuple(to_record(DueSchedule, row) for row in rows)

    async def find_new_events(self, limit: int) -> tuple[NewEvent, ...]:
        """Events that nobody judged yet, the longest waiting first."""
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(EVENT_QUERIES.find_new_events, limit)
        return tuple(to_record(NewEvent, row) for row in rows)

    async def find_new_intakes(self, limit: int) -> tuple[NewIntake, ...]:
        """Bundles that wait to be admitted, the longest waiting first."""
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(SQL_QUERIES.find_new_intakes, limit)
        return tuple(to_record(NewIntake, row) for row in rows)

    async def find_due_deliveries(self, now: datetime, limit: int) -> tuple[DueDelivery, ...]:
        """Deliveries that are due, the longest first."""
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(WEBHOOK_QUERIES.find_due_deliveries, now, limit)
        return tuple(to_record(DueDelivery, row) for row in rows)

    async def list_tenants(self) -> tuple[TenantListing, ...]:
        """Every tenant, by slug."""
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(QUERIES.list_tenants)
        return tuple(to_record(TenantListing, row) for row in rows)

    async def add_checkpoints(self, heads: Sequence[SignedHead]) -> None:
        """Keep signed heads of any tenants' chains."""
        if not heads:
            return
        async with self._database.system_transaction() as connection:
            await connection.execute(
                AUDIT_QUERIES.add_head_checkpoints,
                [head.tenant_id for head in heads],
                [head.seq for head in heads],
                [head.signed for head in heads],
            )

    async def find_key(self, key_hash: bytes) -> FoundKey | None:
        """The API key of this hash, whoever's it is."""
        async with self._database.system_transaction() as connection:
            row = await connection.fetchrow(KEY_QUERIES.find_by_hash, key_hash)
        return None if row is None else to_record(FoundKey, row)

    async def list_switches(self) -> tuple[SwitchListing, ...]:
        """Every kill switch and pause that is on."""
        async with self._database.system_transaction() as connection:
            rows = await connection.fetch(CONTROL_QUERIES.list_switches)
        return tuple(to_record(SwitchListing, row) for row in rows)
