"""A row of tenant acme in every table of those who ask over the network."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from jobforge.adapters.postgres.queries import load_queries
from jobforge.ports.keys import NewKey
from jobforge.ports.records import PlanRecord
from jobforge.ports.reviews import ApprovalRecord, NewReview

if TYPE_CHECKING:
    from tests.application import Harness

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY_ID = "0123456789ab"
APPROVAL_ID = UUID(int=18)
DIGEST = "sha256:" + "1" * 64

KNOWN: dict[str, dict[int, Any]] = {
    "find_key": {2: KEY_ID},
    "find_answer": {2: "ada", 3: "once"},
    "page_runs": dict.fromkeys((2, 3, 4, 5, 6)) | {7: 10},
    "page_jobs": dict.fromkeys(range(2, 12)) | {12: 10},
    "find_review": {2: DIGEST},
    "lock_review": {2: DIGEST},
    "latest_plan": {2: DIGEST},
    "open_reviews": {2: None, 3: 10},
    "list_approvals": {2: DIGEST, 3: DIGEST},
    "list_issuers": {2: "jti"},
    "older": {2: 10, 3: 10} | dict.fromkeys((4, 5, 6)),
    "tenant_backlog": {2: 10},
}
"""By query: the parameters with which it finds these rows, by position."""

OWN = {"head", "page", "newest", "older", "find_four_eyes", "find_wishes"}
"""What every tenant has one row of: its chain's first entry, its wishes."""

ROUTED = {
    ("api_keys", column)
    for column in (
        "tenant_id", "key_id", "key_hash", "owner", "roles", "project_id", "created_by",
        "expires_at", "last_used_at", "revoked_at",
    )
}  # fmt: skip
"""What finding a key by its hash reads."""

REFUSED = [
    "UPDATE jobforge.api_keys SET roles = '{admin}'",
    "UPDATE jobforge.api_keys SET key_hash = ''",
    "DELETE FROM jobforge.api_keys",
    "UPDATE jobforge.http_answers SET request = ''",
    "UPDATE jobforge.plan_approvals SET actor = 'somebody'",
    "DELETE FROM jobforge.plan_approvals",
    "UPDATE jobforge.plan_reviews SET effects_digest = ''",
    "DELETE FROM jobforge.grant_issuers",
    "UPDATE jobforge.grant_issuers SET actor = 'somebody'",
]
"""What the application's role may not do."""


async def fill_asking(app: Harness) -> None:
    """Put something of everything there."""
    key = NewKey(
        key_id=KEY_ID,
        key_hash=bytes(32),
        owner="ada",
        roles=("viewer",),
        project_id=None,
        created_by="local:tester",
        created_at=_NOW,
        expires_at=_NOW,
    )
    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        await unit.keys.insert(key)
        await unit.answers.begin("ada", "once", b"request", _NOW)
        await unit.plans.insert(PlanRecord(DIGEST, DIGEST, None, "[]", "{}", "local:tester", _NOW))
        review = NewReview(DIGEST, DIGEST, None, (), False, "key:0/ada", _NOW)
        await unit.reviews.open(review)
        found = await unit.reviews.find(DIGEST)
        assert found is not None
        approval = ApprovalRecord(APPROVAL_ID, "key:1/bob", None, "why", _NOW, _NOW, None)
        await unit.reviews.approve(found, approval)
        await unit.reviews.note_issuers("jti", ["key:1/bob"], _NOW)


def writes(tenant_id: UUID) -> list[tuple[str, list[Any]]]:
    """Every query that changes these rows."""
    keys, answers = load_queries("api_keys"), load_queries("http_answers")
    reviews = load_queries("plan_reviews")
    return [
        (load_queries("tenants").set_wishes, [tenant_id, False, 1, 1]),
        (reviews.note_grant, [tenant_id, DIGEST, DIGEST, "x"]),
        (reviews.close_review, [tenant_id, DIGEST, DIGEST, "x", _NOW]),
        (reviews.withdraw_approval, [tenant_id, APPROVAL_ID, _NOW]),
        (keys.revoke_key, [tenant_id, KEY_ID, _NOW]),
        (keys.shorten_key, [tenant_id, KEY_ID, _NOW]),
        (keys.note_key_use, [tenant_id, KEY_ID, _NOW]),
        (answers.keep_answer, [tenant_id, "ada", "once", b"x"]),
        (answers.forget_answer, [tenant_id, "ada", "once"]),
        (answers.prune_answers, [tenant_id, _NOW]),
    ]
