"""The rows that storage gives back and takes, one record per table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jobforge.core.data_source import DataFormat

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant, found by any of its names."""

    tenant_id: UUID
    slug: str


@dataclass(frozen=True, slots=True)
class TenantListing:
    """A tenant as an operator lists it."""

    tenant_id: UUID
    slug: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TenantWishes:
    """What a tenant wants of its people before an action runs."""

    is_four_eyes_required: bool
    approvals_needed: int
    approvals_needed_irreversible: int


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """A project of the current tenant, with every name it goes by."""

    project_id: UUID
    slug: str
    name: str
    created_at: datetime
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A stored plan: the requests exactly as they would run, and what they would change."""

    digest: str
    effects_digest: str
    project_id: UUID | None
    requests: str
    effects: str
    created_by: str
    created_at: datetime
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One line of an action's journal; without a step it is about the job."""

    step: int | None
    state: str
    note: str
    attempt: int
    at: datetime


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """What is known of a token's jti: used, revoked, or both."""

    jti: str
    consumed_at: datetime | None
    consumed_by: UUID | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A verified token's use, to be written once."""

    jti: str
    token_hash: str
    actor: str
    plan_digest: str
    effects_digest: str
    scopes: tuple[str, ...]
    job_types: tuple[str, ...]
    expires_at: datetime
    consumed_at: datetime
    consumed_by: UUID


@dataclass(frozen=True, slots=True)
class PendingGrant:
    """A permission that was verified and waits for its one use; work carries its `jti` alone.

    `granted_for` names what it was put aside for, as audit entries name their subjects.
    """

    jti: str
    token_hash: str | None
    actor: str
    project_id: UUID | None
    plan_digest: str
    effects_digest: str
    scopes: tuple[str, ...]
    job_types: tuple[str, ...]
    expires_at: datetime
    granted_at: datetime
    granted_for: str


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where a tenant's chain ends."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One stored audit entry. `details` is its canonical JSON text."""

    tenant_id: UUID
    seq: int
    at: datetime
    actor: str
    event: str
    subject: str
    details: str
    prev_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which audit entries a list shows; None means any.

    `event` is how its name begins; `actor` and `subject` are parts of theirs, as they are written.
    """

    event: str | None = None
    actor: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRecord:
    """A stored artifact, without its content."""

    checksum: str
    size: int
    mime_type: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A registered dataset; `path` is where its content-addressed copy lies."""

    project_id: UUID | None
    name: str
    path: str
    format: DataFormat
    size: int
    checksum: str
    row_count: int
    columns: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionRecord:
    """A named connection; `sealed` is its encrypted settings."""

    name: str
    kind: str
    sealed: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """A write that came with an Idempotency-Key; no answer yet means it is being worked on."""

    request: bytes
    started_at: datetime
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page of a list begins: after the row of this moment and id, the newest first."""

    limit: int
    after_at: datetime | None = None
    after_id: UUID | None = None
