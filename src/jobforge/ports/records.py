"""The rows that storage gives back and takes, one record per table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from jobforge.contract.results import Dialect, JobStatus, Mode
from jobforge.core.data_source import DataFormat
from jobforge.core.job_type import Isolation

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
class RunRecord:
    """A bundle run. `decisions` are the child runs as they were decided."""

    run_id: UUID
    project_id: UUID | None
    mode: Mode
    status: Literal["open", "closed", "refused"]
    dialect: Dialect | None
    bundle_id: str | None
    trace_id: str | None
    producer_hash: Literal["verified", "absent"] | None
    plan_digest: str | None
    effects_digest: str | None
    actor: str
    decisions: str
    action_jobs_blocked: int
    open_children: int
    artifact_ref: str | None
    error: str | None
    created_at: datetime
    closed_at: datetime | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to insert. `effects` are the planned effects an action was approved for.

    `lane` says where its handler runs, so that jobs which compute wait for a place of their own.
    """

    job_id: UUID
    project_id: UUID | None
    run_id: UUID
    request_id: str
    job_type: str
    payload: str
    payload_digest: str
    idempotency_key: str | None
    effects: str
    trace_id: str
    actor: str
    grant_jti: str | None
    priority: int
    lane: Isolation
    max_attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands."""

    job_id: UUID
    project_id: UUID | None
    run_id: UUID
    request_id: str
    job_type: str
    status: JobStatus
    priority: int
    attempt: int
    max_attempts: int
    trace_id: str
    actor: str
    created_at: datetime
    available_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: float
    progress_message: str | None
    artifact_ref: str | None
    payload: str
    effects: str
    result: str | None
    manifest: str | None
    error: str | None
    attempt_errors: str


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
class KnownKey:
    """An idempotency key that an earlier job used."""

    job_type: str
    key: str
    job_id: UUID
    payload_digest: str


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
class NewKey:
    """An API key to store: its hash, never itself."""

    key_id: str
    key_hash: bytes = field(repr=False)
    owner: str
    roles: tuple[str, ...]
    project_id: UUID | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key as its tenant's admins see it."""

    key_id: str
    owner: str
    roles: tuple[str, ...]
    project_id: UUID | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None


@dataclass(frozen=True, slots=True)
class FoundKey:
    """Whose key a hash is, and what it may do."""

    tenant_id: UUID
    slug: str
    key_id: str
    owner: str
    roles: tuple[str, ...]
    project_id: UUID | None
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """A write that came with an Idempotency-Key; no answer yet means it is being worked on."""

    request: bytes
    started_at: datetime
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class RunListing:
    """A bundle run as a list shows it."""

    run_id: UUID
    project_id: UUID | None
    mode: Mode
    status: Literal["open", "closed", "refused"]
    dialect: Dialect | None
    bundle_id: str | None
    trace_id: str | None
    plan_digest: str | None
    actor: str
    open_children: int
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobListing:
    """A job as a list shows it."""

    job_id: UUID
    project_id: UUID | None
    run_id: UUID
    request_id: str
    job_type: str
    status: JobStatus
    attempt: int
    max_attempts: int
    actor: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: float
    error: str | None


@dataclass(frozen=True, slots=True)
class ChildProgress:
    """How far a child of a run is."""

    request_id: str
    status: JobStatus
    progress: float
    progress_message: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page of a list begins: after the row of this moment and id, the newest first."""

    limit: int
    after_at: datetime | None = None
    after_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list shows; None means any."""

    project_id: UUID | None = None
    status: str | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class OpenJobs:
    """Jobs that have not ended: `waiting` ones wait for the cap, `released` ones for a worker."""

    waiting: int = 0
    released: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list shows; None means any."""

    project_id: UUID | None = None
    run_id: UUID | None = None
    status: str | None = None
    job_type: str | None = None
