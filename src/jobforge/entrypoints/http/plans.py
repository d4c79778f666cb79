"""`/v1/plans`: stored plans, their approvals, and their execution."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from jobforge.contract.results import BundleResult
from jobforge.core.actor import person_of
from jobforge.core.authorization import Command
from jobforge.core.errors import PlanStale
from jobforge.core.review import counting
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.bundles import answer_of
from jobforge.entrypoints.http.model import Body
from jobforge.entrypoints.http.openapi import READ, READ_ONE, WRITE
from jobforge.entrypoints.http.paging import Limit
from jobforge.entrypoints.http.problems import to_response
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.reviews import ApprovalRecord, ReviewRecord
from jobforge.use_cases.approve_plan import ApprovalWish
from jobforge.use_cases.show_plan import ShownPlan

router = APIRouter(prefix="/v1/plans", tags=["plans"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.PLAN_READ)]
Approver = Annotated[Caller, permit(Command.PLAN_APPROVE)]
Digest = Annotated[str, Path(max_length=100, description="The plan's digest: sha256:…")]
Reason = Annotated[str, Field(min_length=1, max_length=256, description="Why; it is recorded.")]

_EXAMPLE = {"reason": "looked at the diff with the owner of the service"}


class Waiting(BaseModel):
    """A plan that waits for people."""

    digest: str
    effects_digest: str
    project_id: UUID | None
    targets: list[str]
    is_irreversible: bool
    approvals_needed: int
    submitted_by: str
    submitted_at: datetime
    is_permitted: bool


class WaitingPlans(BaseModel):
    """The plans that wait, the newest first."""

    items: list[Waiting]


class Approval(BaseModel):
    """One person's approval."""

    id: UUID
    person: str
    reason: str
    approved_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None
    counts: bool


class PlanView(BaseModel):
    """A stored plan: exactly what would run, what it would change, and who has permitted it."""

    digest: str
    effects_digest: str
    project_id: UUID | None
    created_by: str
    created_at: datetime
    requests: list[dict[str, Any]]
    effects: dict[str, Any]
    state: Literal["free", "waiting", "permitted", "closed"] = Field(
        description="`free`: nothing in it needs a permission."
    )
    closed_because: str | None
    approvals_needed: int
    approvals: list[Approval]


class ApprovalBody(Body):
    """An approval, or a rejection."""

    reason: Reason
    decision: Literal["approve", "reject"] = "approve"
    expires_in_seconds: int = Field(default=86_400, ge=60, le=86_400)
    effects_digest: str | None = Field(
        default=None, max_length=100, description="What was looked at; 409 where it changed."
    )


class ReasonBody(Body):
    """Why."""

    reason: Reason


class Decided(BaseModel):
    """What became of an approval or a rejection."""

    digest: str
    decision: Literal["approve", "reject"]
    approval_id: UUID | None


class Granted(BaseModel):
    """A permission that somebody gave alone."""

    digest: str
    grant: str
    expires_at: datetime


@router.get("", responses=READ, operation_id="list_waiting_plans")
async def waiting(
    app: App,
    caller: Reader,
    project: Annotated[UUID | None, Query(description="Only of this project.")] = None,
    limit: Limit = 50,
) -> WaitingPlans:
    """List the plans that wait for people, the newest first."""
    found = await app.show_plan.waiting(caller.tenant, caller.narrow(project), limit)
    return WaitingPlans(items=[_to_waiting(review) for review in found])


@router.get("/{digest}", responses=READ_ONE, operation_id="show_plan")
async def show(app: App, caller: Reader, digest: Digest) -> PlanView:
    """Show a plan: its requests and effects, and its approvals."""
    return _to_view(await app.show_plan(digest, caller.tenant, caller.actor), app.clock.now())


@router.post(
    "/{digest}/approvals", status_code=201, responses=WRITE, operation_id="approve_plan",
    openapi_extra={"requestBody": {"content": {"application/json": {"example": _EXAMPLE}}}},
)  # fmt: skip
async def approve(app: App, caller: Approver, digest: Digest, body: ApprovalBody) -> Decided:
    """Approve a plan, or reject it. The last approval it needs lets exactly this plan run once."""
    if body.decision == "reject":
        await app.approve_plan.reject(digest, body.reason, caller.tenant, caller.actor)
        return Decided(digest=digest, decision="reject", approval_id=None)
    wish = ApprovalWish(
        reason=body.reason,
        lifetime=timedelta(seconds=body.expires_in_seconds),
        effects_digest=body.effects_digest,
    )
    approval = await app.approve_plan(digest, wish, caller.tenant, caller.actor)
    return Decided(digest=digest, decision="approve", approval_id=approval.approval_id)


@router.delete(
    "/{digest}/approvals/{approval_id}", status_code=204, responses=WRITE,
    operation_id="withdraw_approval",
)  # fmt: skip
async def withdraw(app: App, caller: Approver, digest: Digest, approval_id: UUID) -> Response:
    """Withdraw an approval, and with it the permission, as long as that was not used."""
    await app.withdraw_approval(digest, approval_id, caller.tenant, caller.actor)
    return Response(status_code=204)


@router.post(
    "/{digest}/break-glass", status_code=201, responses=WRITE, operation_id="break_glass",
    openapi_extra={"requestBody": {"content": {"application/json": {"example": _EXAMPLE}}}},
)  # fmt: skip
async def break_glass(
    app: App,
    caller: Annotated[Caller, permit(Command.PLAN_BREAK_GLASS)],
    digest: Digest,
    body: ReasonBody,
) -> Granted:
    """Permit a plan alone, in an emergency. For one execution within 15 minutes, and recorded."""
    grant = await app.break_glass(digest, body.reason, caller.tenant, caller.actor)
    return Granted(digest=digest, grant=grant.jti, expires_at=grant.expires_at)


@router.post(
    "/{digest}/execute",
    response_model=BundleResult,
    status_code=202,
    responses={**WRITE, 200: {"model": BundleResult, "description": "Nothing was queued"}},
    operation_id="execute_plan",
)
async def execute(
    app: App, caller: Annotated[Caller, permit(Command.PLAN_EXECUTE)], digest: Digest
) -> Response:
    """Execute a plan. Where the world changed since, 409 says what: `changes`, old and new."""
    try:
        return answer_of(await app.execute_plan(digest, caller.tenant, caller.actor))
    except PlanStale as stale:
        response: JSONResponse = to_response(stale, changes=list(stale.changes))
        return response


def _to_waiting(review: ReviewRecord) -> Waiting:
    return Waiting(
        digest=review.digest,
        effects_digest=review.effects_digest,
        project_id=review.project_id,
        targets=list(review.targets),
        is_irreversible=review.is_irreversible,
        approvals_needed=review.approvals_needed,
        submitted_by=review.opened_by,
        submitted_at=review.opened_at,
        is_permitted=review.grant_jti is not None,
    )


def _to_view(shown: ShownPlan, now: datetime) -> PlanView:
    plan, review = shown.plan, shown.review
    counted = counting(shown.approvals, review.opened_at, now) if review is not None else {}
    return PlanView(
        digest=plan.digest,
        effects_digest=plan.effects_digest,
        project_id=plan.project_id,
        created_by=plan.created_by,
        created_at=plan.created_at,
        requests=json.loads(plan.requests),
        effects=json.loads(plan.effects),
        state=_state(review),
        closed_because=None if review is None else review.closed_because,
        approvals_needed=0 if review is None else review.approvals_needed,
        approvals=[_to_approval(a, a in counted.values()) for a in shown.approvals],
    )


def _state(review: ReviewRecord | None) -> Literal["free", "waiting", "permitted", "closed"]:
    if review is None:
        return "free"
    if review.closed_at is not None:
        return "closed"
    return "waiting" if review.grant_jti is None else "permitted"


def _to_approval(approval: ApprovalRecord, counts: bool) -> Approval:
    return Approval(
        id=approval.approval_id,
        person=person_of(approval.actor),
        reason=approval.reason,
        approved_at=approval.approved_at,
        expires_at=approval.expires_at,
        withdrawn_at=approval.withdrawn_at,
        counts=counts,
    )
