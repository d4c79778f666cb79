"""Reviews of plans, their approvals, and who stands behind a permission."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jobforge.adapters.postgres.database import Connection
from jobforge.adapters.postgres.queries import load_queries
from jobforge.adapters.postgres.rows import to_record
from jobforge.ports.reviews import ApprovalRecord, NewReview, ReviewRecord, Superseded

QUERIES = load_queries("plan_reviews")


class ReviewRows:
    """`ReviewTable` in PostgreSQL."""

    def __init__(self, connection: Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def open(self, review: NewReview) -> bool:
        """Open it, or anew where it was closed."""
        row = await self._connection.fetchrow(
            QUERIES.open_review,
            self._tenant_id,
            review.digest,
            review.effects_digest,
            review.project_id,
            list(review.targets),
            review.is_irreversible,
            review.opened_by,
            review.opened_at,
        )
        return row is not None

    async def supersede(self, by: NewReview) -> tuple[Superseded, ...]:
        """Close the open reviews of older plans that share a target with this one."""
        rows = await self._connection.fetch(
            QUERIES.supersede_reviews,
            self._tenant_id,
            by.digest,
            by.effects_digest,
            by.project_id,
            list(by.targets),
            by.opened_at,
        )
        return tuple(to_record(Superseded, row) for row in rows)

    async def find(self, digest: str) -> ReviewRecord | None:
        """The open review of a plan's digest, else the newest."""
        row = await self._connection.fetchrow(QUERIES.find_review, self._tenant_id, digest)
        return None if row is None else to_record(ReviewRecord, row)

    async def lock(self, digest: str) -> ReviewRecord | None:
        """The same, locked until the transaction ends."""
        row = await self._connection.fetchrow(QUERIES.lock_review, self._tenant_id, digest)
        return None if row is None else to_record(ReviewRecord, row)

    async def waiting(self, project_id: UUID | None, limit: int) -> tuple[ReviewRecord, ...]:
        """Open reviews, the newest first."""
        rows = await self._connection.fetch(
            QUERIES.open_reviews, self._tenant_id, project_id, limit
        )
        return tuple(to_record(ReviewRecord, row) for row in rows)

    async def note_grant(self, review: ReviewRecord, jti: str | None) -> None:
        """Note which grant it led to, or that it has none any more."""
        await self._connection.execute(
            QUERIES.note_grant, self._tenant_id, review.digest, review.effects_digest, jti
        )

    async def close(self, digest: str, effects_digest: str, because: str, at: datetime) -> None:
        """Close it, if it is open."""
        await self._connection.execute(
            QUERIES.close_review, self._tenant_id, digest, effects_digest, because, at
        )

    async def approve(self, review: ReviewRecord, approval: ApprovalRecord) -> None:
        """Store an approval."""
        await self._connection.execute(
            QUERIES.insert_approval,
            self._tenant_id,
            approval.approval_id,
            review.digest,
            review.effects_digest,
            approval.actor,
            approval.vouched_by,
            approval.reason,
            approval.approved_at,
            approval.expires_at,
        )

    async def approvals(self, review: ReviewRecord) -> tuple[ApprovalRecord, ...]:
        """All approvals of it, the oldest first."""
        rows = await self._connection.fetch(
            QUERIES.list_approvals, self._tenant_id, review.digest, review.effects_digest
        )
        return tuple(to_record(ApprovalRecord, row) for row in rows)

    async def withdraw(self, approval_id: UUID, at: datetime) -> None:
        """Take one back."""
        await self._connection.execute(QUERIES.withdraw_approval, self._tenant_id, approval_id, at)

    async def note_issuers(self, jti: str, actors: Sequence[str], at: datetime) -> None:
        """Note who stands behind a permission."""
        await self._connection.execute(QUERIES.note_issuers, self._tenant_id, jti, list(actors), at)

    async def issuers(self, jti: str) -> tuple[str, ...]:
        """Who stands behind a permission."""
        rows = await self._connection.fetch(QUERIES.list_issuers, self._tenant_id, jti)
        return tuple(row["actor"] for row in rows)
