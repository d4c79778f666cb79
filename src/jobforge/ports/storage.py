"""What use cases need of storage: one transaction, opened for one tenant, with these tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from jobforge.core.audit import AuditEntry, CheckpointKind
from jobforge.ports.checkpoints import SignedHead
from jobforge.ports.controls import ControlTable, SwitchListing
from jobforge.ports.housekeeping import KeptUnit
from jobforge.ports.jobs import JobTable
from jobforge.ports.keys import FoundKey, KeyTable
from jobforge.ports.overview import SeenUnit
from jobforge.ports.records import (
    AnswerRecord,
    ArtifactRecord,
    AuditFilter,
    AuditHead,
    AuditRecord,
    ConnectionRecord,
    DatasetRecord,
    GrantRecord,
    JournalRecord,
    NewGrant,
    PendingGrant,
    PlanRecord,
    ProjectRecord,
    TenantListing,
    TenantRecord,
    TenantWishes,
)
from jobforge.ports.reviews import ReviewTable
from jobforge.ports.runs import RunTable
from jobforge.ports.sql_way_in import IntakeStorage, SqlUnit
from jobforge.ports.starting import StartingStorage, StartingUnit
from jobforge.ports.webhooks import WebhookStorage, WebhookUnit


class TenantTable(Protocol):
    """The current tenant and its names."""

    async def insert(
        self, tenant_id: UUID, slug: str, name: str, aliases: Sequence[str], at: datetime
    ) -> None:
        """Create it with its aliases, slots and audit chain; AlreadyExists names what clashes."""
        ...

    async def aliases(self) -> tuple[str, ...]:
        """Every alias, sorted."""
        ...

    async def allow_host(self, *, is_allowed: bool) -> None:
        """Let the tenant's scans look at this host and loopback, or forbid it again."""
        ...

    async def requires_four_eyes(self) -> bool:
        """Whether who submits a plan needs somebody else to permit it."""
        ...

    async def wishes(self) -> TenantWishes:
        """What the tenant wants of its people."""
        ...

    async def wish(self, wishes: TenantWishes) -> None:
        """Change that."""
        ...


class ProjectTable(Protocol):
    """The current tenant's projects."""

    async def insert(
        self, project_id: UUID, slug: str, name: str, aliases: Sequence[str], at: datetime
    ) -> None:
        """Create one with its aliases; AlreadyExists names what clashes."""
        ...

    async def all(self) -> tuple[ProjectRecord, ...]:
        """Every project, by slug."""
        ...


class PlanTable(Protocol):
    """Stored plans; a plan is never changed."""

    async def insert(self, plan: PlanRecord) -> None:
        """Store it, unless the same plan with the same effects is there already."""
        ...

    async def find(self, digest: str, effects_digest: str) -> PlanRecord | None:
        """The plan of these two digests."""
        ...

    async def latest(self, digest: str) -> PlanRecord | None:
        """The newest plan of this digest, whatever its effects."""
        ...


class GrantTable(Protocol):
    """Uses and revocations of policy tokens."""

    async def find(self, jti: str) -> GrantRecord | None:
        """What is known of this token."""
        ...

    async def consume(self, grant: NewGrant) -> bool:
        """Write the one use. False where the token was used or revoked before."""
        ...

    async def put_aside(self, grant: PendingGrant) -> bool:
        """Keep a permission for later. False where that was done before."""
        ...

    async def find_pending(self, jti: str) -> PendingGrant | None:
        """The permission that was put aside under this number."""
        ...

    async def revoke(self, jti: str, by: str, at: datetime) -> bool:
        """Revoke it. False where it was revoked before."""
        ...


class AuditTable(Protocol):
    """The tenant's audit chain."""

    async def append(self, entries: Sequence[AuditEntry]) -> AuditHead:
        """Append one block. It locks the chain, so it comes last in a transaction."""
        ...

    async def head(self) -> AuditHead:
        """Where the chain ends."""
        ...

    def entries(self, *, after: int = 0) -> AsyncIterator[AuditRecord]:
        """The entries in order, in pages."""
        ...

    async def newest(self, limit: int) -> tuple[AuditRecord, ...]:
        """The newest first."""
        ...

    async def older(self, before: int, limit: int, wanted: AuditFilter) -> tuple[AuditRecord, ...]:
        """Those before a number that a filter finds, the newest first."""
        ...

    async def page(self, after: int, limit: int) -> tuple[AuditRecord, ...]:
        """Those after a number, in order."""
        ...

    async def add_checkpoint(self, seq: int, signed: str, kind: CheckpointKind) -> None:
        """Keep a signed checkpoint."""
        ...

    async def checkpoints(self) -> tuple[str, ...]:
        """The signed checkpoints, oldest first."""
        ...


class ArtifactTable(Protocol):
    """Content-addressed outputs."""

    async def put(self, content: bytes, mime_type: str, at: datetime) -> str:
        """Store the bytes, once; the checksum."""
        ...

    async def find(self, checksum: str) -> ArtifactRecord | None:
        """The artifact of this checksum."""
        ...

    async def content(self, checksum: str) -> bytes | None:
        """Its bytes."""
        ...

    async def part(self, checksum: str, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`, the latter exclusive."""
        ...


class DatasetTable(Protocol):
    """Registered datasets."""

    async def insert(self, dataset: DatasetRecord) -> None:
        """Register one; AlreadyExists where the name is taken."""
        ...

    async def find(self, name: str, project_id: UUID | None) -> DatasetRecord | None:
        """The project's dataset of this name, else the tenant's."""
        ...

    async def all(self) -> tuple[DatasetRecord, ...]:
        """Every dataset, by name."""
        ...

    async def remove(self, name: str, project_id: UUID | None) -> bool:
        """Forget one; False where there is none."""
        ...


class ConnectionTable(Protocol):
    """Named connections."""

    async def insert(self, connection: ConnectionRecord) -> None:
        """Add one; AlreadyExists where the name is taken."""
        ...

    async def find(self, name: str) -> ConnectionRecord | None:
        """The connection of this name."""
        ...

    async def all(self) -> tuple[ConnectionRecord, ...]:
        """Every connection, by name."""
        ...

    async def remove(self, name: str) -> bool:
        """Forget one; False where there is none."""
        ...


class AnswerTable(Protocol):
    """Answers kept for requests that come again with their Idempotency-Key."""

    async def begin(self, person: str, key: str, request: bytes, at: datetime) -> bool:
        """Take the key for this request; False where it was taken before."""
        ...

    async def take_over(self, person: str, key: str, known: AnswerRecord, at: datetime) -> bool:
        """Take the key from a worker that is gone; False where somebody was faster."""
        ...

    async def find(self, person: str, key: str) -> AnswerRecord | None:
        """What is known of the key."""
        ...

    async def keep(self, person: str, key: str, answer: bytes) -> None:
        """Keep the sealed answer."""
        ...

    async def forget(self, person: str, key: str) -> None:
        """Free the key."""
        ...

    async def prune(self, before: datetime) -> None:
        """Forget some of what is older."""


class JournalTable(Protocol):
    """What actions began and did."""

    async def of_job(self, job_id: UUID) -> tuple[JournalRecord, ...]:
        """The job's lines, oldest first."""
        ...

    async def write(
        self, job_id: UUID, attempt: int, step: int | None, state: str, note: str, at: datetime
    ) -> bool:
        """Add a line; False where the attempt does not hold the job any more."""
        ...


class TenantUnit(StartingUnit, KeptUnit, SqlUnit, SeenUnit, WebhookUnit, Protocol):
    """One transaction of one tenant. It commits when its block ends, and rolls back on an error."""

    @property
    def tenant_id(self) -> UUID:
        """Whose rows these are."""
        ...

    @property
    def tenants(self) -> TenantTable:
        """The tenant itself."""
        ...

    @property
    def projects(self) -> ProjectTable:
        """Its projects."""
        ...

    @property
    def plans(self) -> PlanTable:
        """Its plans."""
        ...

    @property
    def runs(self) -> RunTable:
        """Its bundle runs."""
        ...

    @property
    def jobs(self) -> JobTable:
        """Its jobs."""
        ...

    @property
    def grants(self) -> GrantTable:
        """Its grants."""

    @property
    def audit(self) -> AuditTable:
        """Its audit chain."""

    @property
    def artifacts(self) -> ArtifactTable:
        """Its artifacts."""

    @property
    def datasets(self) -> DatasetTable:
        """Its datasets."""

    @property
    def connections(self) -> ConnectionTable:
        """Its connections."""

    @property
    def reviews(self) -> ReviewTable:
        """Plans that wait for people."""

    @property
    def keys(self) -> KeyTable:
        """Its API keys."""

    @property
    def answers(self) -> AnswerTable:
        """Its kept answers."""

    @property
    def controls(self) -> ControlTable:
        """What holds its work back."""

    @property
    def journal(self) -> JournalTable:
        """What its actions began and did."""
        ...


class Storage(Protocol):
    """The database."""

    def transaction(self, tenant_id: UUID) -> AbstractAsyncContextManager[TenantUnit]:
        """One transaction that sees this tenant's rows and no other."""
        ...

    def snapshot(self, tenant_id: UUID) -> AbstractAsyncContextManager[TenantUnit]:
        """The same, to read only, and everything read is of one moment."""
        ...

    async def find_tenant(self, name: str) -> TenantRecord | None:
        """The tenant of this UUID, slug or alias."""
        ...

    async def list_tenants(self) -> tuple[TenantListing, ...]:
        """Every tenant, by slug."""
        ...

    async def add_checkpoints(self, heads: Sequence[SignedHead]) -> None:
        """Keep signed heads of any tenants' chains."""
        ...

    async def list_switches(self) -> tuple[SwitchListing, ...]:
        """Every kill switch and pause that is on, the installation's too."""
        ...


class KeyStorage(Storage, Protocol):
    """A database that knows whose an API key is."""

    async def find_key(self, key_hash: bytes) -> FoundKey | None:
        """The API key of this hash, whoever's it is."""
        ...


class StarterStorage(Storage, StartingStorage, IntakeStorage, WebhookStorage, Protocol):
    """A database that knows where work is that starts now."""
