"""What use cases need of reviews: plans that wait for people, their approvals, who gave a grant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class NewReview:
    """A plan that people must permit."""

    digest: str
    effects_digest: str
    project_id: UUID | None
    targets: tuple[str, ...]
    is_irreversible: bool
    opened_by: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """A plan's review as it stands. A closed one says why; one with a grant can be executed."""

    digest: str
    effects_digest: str
    project_id: UUID | None
    targets: tuple[str, ...]
    is_irreversible: bool
    approvals_needed: int
    opened_by: str
    opened_at: datetime
    grant_jti: str | None
    closed_at: datetime | None
    closed_because: str | None


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """One person's approval of exactly one plan."""

    approval_id: UUID
    actor: str
    vouched_by: str | None
    reason: str
    approved_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Superseded:
    """A review that a newer plan closed, and the grant it had led to."""

    digest: str
    effects_digest: str
    grant_jti: str | None


class ReviewTable(Protocol):
    """Reviews and approvals."""

    async def open(self, review: NewReview) -> bool:
        """Open it, or anew where it was closed; False where it is open already."""
        ...

    async def supersede(self, by: NewReview) -> tuple[Superseded, ...]:
        """Close the open reviews of older plans that share a target with this one."""
        ...

    async def find(self, digest: str) -> ReviewRecord | None:
        """The open review of a plan's digest, else the newest."""
        ...

    async def lock(self, digest: str) -> ReviewRecord | None:
        """The same, locked until the transaction ends."""
        ...

    async def waiting(self, project_id: UUID | None, limit: int) -> tuple[ReviewRecord, ...]:
        """Open reviews, the newest first."""
        ...

    async def note_grant(self, review: ReviewRecord, jti: str | None) -> None:
        """Note which grant it led to, or that it has none any more."""
        ...

    async def close(self, digest: str, effects_digest: str, because: str, at: datetime) -> None:
        """Close it, if it is open."""
        ...

    async def approve(self, review: ReviewRecord, approval: ApprovalRecord) -> None:
        """Store an approval."""
        ...

    async def approvals(self, review: ReviewRecord) -> tuple[ApprovalRecord, ...]:
        """All approvals of it, the oldest first, whatever became of them."""
        ...

    async def withdraw(self, approval_id: UUID, at: datetime) -> None:
        """Take one back."""
        ...

    async def note_issuers(self, jti: str, actors: Sequence[str], at: datetime) -> None:
        """Note who stands behind a permission."""
        ...

    async def issuers(self, jti: str) -> tuple[str, ...]:
        """Who stands behind a permission, by their actors' names."""
        ...
