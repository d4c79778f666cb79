"""`/console/plans`: one plan: what it would do, who has permitted it, and a yes or a no."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import Response

from jobforge.contract.errors import JobForgeError
from jobforge.core.authorization import Command
from jobforge.core.errors import InvalidInput, PlanStale
from jobforge.core.plan import diff_effects, effects_from_json
from jobforge.core.review import counting
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look, may
from jobforge.entrypoints.http.console.pages import go_to, render
from jobforge.entrypoints.http.console.permission import sentence_of, state_of, token_state
from jobforge.entrypoints.http.console.requests import compare_requests
from jobforge.entrypoints.http.problems import status_of
from jobforge.ports.reviews import ReviewRecord
from jobforge.use_cases.approve_plan import ApprovalWish
from jobforge.use_cases.show_plan import ShownPlan

router = APIRouter(prefix="/plans")

Reader = Annotated[Caller, look(Command.PLAN_READ)]
Approver = Annotated[Caller, look(Command.PLAN_APPROVE)]
Digest = Annotated[str, Path(max_length=100)]
Reason = Annotated[str, Form(max_length=256)]


@router.get("/compare", name="compare_plans")
async def compare(
    request: Request,
    app: App,
    caller: Reader,
    old: Annotated[str, Query(max_length=100)],
    new: Annotated[str, Query(max_length=100)],
) -> Response:
    """Two plans beside each other: requests and effects, old and new."""
    before = (await app.show_plan(old.strip(), caller.tenant, caller.actor)).plan
    after = (await app.show_plan(new.strip(), caller.tenant, caller.actor)).plan
    drifts = diff_effects(
        effects_from_json(json.loads(before.effects)), effects_from_json(json.loads(after.effects))
    )
    changed = compare_requests(json.loads(before.requests), json.loads(after.requests))
    return await render(
        request, caller, "compare.html", before=before, after=after, drifts=drifts, changed=changed
    )


@router.get("/{digest}", name="plan")
async def show(request: Request, app: App, caller: Reader, digest: Digest) -> Response:
    """A plan: targets with their diffs, caps, approvals, and what a yes allows."""
    return await _page(request, app, caller, digest)


@router.get("/{digest}/check", name="check_plan")
async def check(request: Request, app: App, caller: Reader, digest: Digest) -> Response:
    """The plan under today's rules, in today's world: verdicts, and what is different."""
    shown = await app.show_plan(digest, caller.tenant, caller.actor)
    found = await app.check_plan(digest, caller.tenant, caller.actor)
    return await render(request, caller, "check.html", plan=shown.plan, found=found)


@router.post("/{digest}/decide", name="decide_plan")
async def decide(  # noqa: PLR0913, PLR0917 (a field each)
    request: Request,
    app: App,
    caller: Approver,
    digest: Digest,
    decision: Annotated[Literal["approve", "refuse"], Form()],
    effects_digest: Annotated[str, Form(max_length=100)],
    reason: Reason = "",
) -> Response:  # fmt: skip
    """Say yes or no, with a reason. A yes is for exactly the effects that were looked at."""
    try:
        if not reason.strip():
            raise InvalidInput("say why", hint="the reason stands in the audit log")
        if decision == "refuse":
            await app.approve_plan.reject(digest, reason.strip(), caller.tenant, caller.actor)
        else:
            wish = ApprovalWish(reason.strip(), timedelta(hours=24), effects_digest=effects_digest)
            await app.approve_plan(digest, wish, caller.tenant, caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, digest, error=error)
    return go_to(f"/plans/{digest}")


@router.post("/{digest}/approvals/{approval_id}/withdraw", name="withdraw_approval")
async def withdraw(
    request: Request, app: App, caller: Approver, digest: Digest, approval_id: UUID
) -> Response:
    """Take an approval back."""
    try:
        await app.withdraw_approval(digest, approval_id, caller.tenant, caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, digest, error=error)
    return go_to(f"/plans/{digest}")


@router.post("/{digest}/break-glass", name="break_glass")
async def break_glass(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.PLAN_BREAK_GLASS)],
    digest: Digest,
    confirm: Annotated[str, Form(max_length=100)] = "",
    reason: Reason = "",
) -> Response:  # fmt: skip
    """Permit the plan alone, in an emergency."""
    try:
        if confirm.strip() != "alone" or not reason.strip():
            raise InvalidInput("type the word alone, and say why")
        await app.break_glass(digest, reason.strip(), caller.tenant, caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, digest, error=error)
    return go_to(f"/plans/{digest}")


@router.post("/{digest}/execute", name="execute_plan")
async def execute(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.PLAN_EXECUTE)],
    digest: Digest,
) -> Response:
    """Execute the plan; where the world changed since, say what: old and new."""
    try:
        result = await app.execute_plan(digest, caller.tenant, caller.actor)
    except PlanStale as error:
        return await _page(request, app, caller, digest, error=error, changes=error.changes)
    except JobForgeError as error:
        return await _page(request, app, caller, digest, error=error)
    return go_to(f"/runs/{result.bundle_run_id}")


async def _page(
    request: Request,
    app: App,
    caller: Caller,
    digest: str,
    *,
    error: JobForgeError | None = None,
    changes: Any = (),  # noqa: ANN401 (the drifts of a stale plan)
) -> Response:
    shown = await app.show_plan(digest, caller.tenant, caller.actor)
    requests = json.loads(shown.plan.requests)
    effects = effects_from_json(json.loads(shown.plan.effects))
    now = app.clock.now()
    review = shown.review
    given = {} if review is None else counting(shown.approvals, review.opened_at, now)
    return await render(
        request,
        caller,
        "plan.html",
        status=200 if error is None else status_of(error),
        shown=shown,
        plan=shown.plan,
        review=review,
        state=state_of(review),
        requests=requests,
        effects=effects,
        origin=json.loads(shown.plan.origin) if shown.plan.origin else {},
        given=given,
        counts={a.approval_id for a in shown.approvals if a in given.values()},
        sentence=None if review is None else sentence_of(review, requests, effects, len(given)),
        token=token_state(shown, now),
        limits=await app.limits(caller.tenant),
        why_not=await _why_not(app, caller, shown, review),
        error=error,
        changes=changes,
    )


async def _why_not(
    app: App, caller: Caller, shown: ShownPlan, review: ReviewRecord | None
) -> JobForgeError | None:
    """Why this person cannot approve the plan now; None where he can, or nobody is asked."""
    if state_of(review) != "waiting" or not may(caller, Command.PLAN_APPROVE):
        return None
    try:
        await app.approve_plan.check(shown.plan.digest, caller.tenant, caller.actor)
    except JobForgeError as error:
        return error
    return None
