"""`/v1/triggers`: rules that start work for events. A new one is off, and plans only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from jobforge.contract.results import Mode
from jobforge.core.authorization import Command
from jobforge.core.triggers import Rule
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.events import VerdictView, to_verdict
from jobforge.entrypoints.http.model import Name, NamePath
from jobforge.entrypoints.http.openapi import READ, READ_ONE, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.entrypoints.http.work import WorkBody, refuse_ambiguous, to_submission, to_wish
from jobforge.ports.events import RuleRecord
from jobforge.steps.intake import Submission

router = APIRouter(prefix="/v1/triggers", tags=["triggers"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.TRIGGER_READ)]
Writer = Annotated[Caller, permit(Command.TRIGGER_CHANGE)]

_MAX_SECONDS = 366 * 86_400
_MAX_RUNS = 10_000


class RuleView(BaseModel):
    """A trigger rule."""

    id: UUID
    name: str
    project_id: UUID | None
    event_types: list[str]
    source_modules: list[str]
    min_severity: str | None
    min_priority: str | None
    cooldown_seconds: int
    max_runs_per_hour: int
    dedupe_template: str | None
    dedupe_seconds: int
    mode: Mode
    job_type: str
    is_enabled: bool
    created_by: str
    created_at: datetime


class RuleList(BaseModel):
    """The rules, by name."""

    items: list[RuleView]


class RuleDetail(RuleView):
    """A rule with its newest verdicts."""

    evaluations: list[VerdictView]


class RuleBody(WorkBody):
    """A new rule: for which events, and what starts then. Empty lists and null match all."""

    name: Name
    event_types: list[Name] = Field(default_factory=list, max_length=100)
    source_modules: list[Name] = Field(default_factory=list, max_length=100)
    min_severity: Name | None = None
    min_priority: Name | None = None
    cooldown_seconds: int = Field(default=300, ge=0, le=_MAX_SECONDS)
    max_runs_per_hour: int = Field(default=12, ge=1, le=_MAX_RUNS)
    dedupe_template: Name | None = None
    dedupe_seconds: int = Field(default=86_400, ge=0, le=_MAX_SECONDS)
    mode: Mode = "dry_run"
    project_id: UUID | None = None


@router.get("", responses=READ, operation_id="list_triggers")
async def list_rules(app: App, caller: Reader) -> RuleList:
    """List the trigger rules, by name."""
    own = caller.narrow()
    found = await app.triggers.all(caller.tenant)
    return RuleList(items=[RuleView(**_facts(r)) for r in found if own in {None, r.project_id}])


@router.post("", status_code=201, responses=WRITE, operation_id="add_trigger")
async def add(request: Request, app: App, caller: Writer, body: RuleBody) -> RuleView:
    """Add a trigger rule. It is off until somebody enables it, and carries no policy token."""
    await refuse_ambiguous(request)
    rule = Rule(
        event_types=tuple(body.event_types),
        source_modules=tuple(body.source_modules),
        min_severity=body.min_severity,
        min_priority=body.min_priority,
        cooldown_seconds=body.cooldown_seconds,
        max_runs_per_hour=body.max_runs_per_hour,
        dedupe_template=body.dedupe_template,
        dedupe_seconds=body.dedupe_seconds,
        is_enabled=False,
    )
    asked = Submission(caller.tenant, caller.actor, "execute", body.project_id)
    submission = await to_submission(app, caller, asked)
    wish = to_wish(body, body.mode)
    return RuleView(**_facts(await app.triggers.add(body.name, rule, wish, submission)))


@router.get("/{name}", responses=READ_ONE, operation_id="show_trigger")
async def show(app: App, caller: Reader, name: NamePath) -> RuleDetail:
    """Show a trigger rule and its newest verdicts."""
    rule, verdicts = await app.triggers.show(name, caller.tenant)
    caller.check(rule.project_id)
    return RuleDetail(**_facts(rule), evaluations=[to_verdict(verdict) for verdict in verdicts])


@router.post("/{name}/enable", responses=WRITE, operation_id="enable_trigger")
async def enable(app: App, caller: Writer, name: NamePath) -> RuleView:
    """Turn a trigger rule on, for events that come from now on."""
    return await _switch(app, caller, name, is_enabled=True)


@router.post("/{name}/disable", responses=WRITE, operation_id="disable_trigger")
async def disable(app: App, caller: Writer, name: NamePath) -> RuleView:
    """Turn a trigger rule off."""
    return await _switch(app, caller, name, is_enabled=False)


@router.delete("/{name}", status_code=204, responses=WRITE, operation_id="remove_trigger")
async def remove(app: App, caller: Writer, name: NamePath) -> Response:
    """Forget a trigger rule. What it started goes on."""
    await _find(app, caller, name)
    await app.triggers.remove(name, caller.tenant, caller.actor)
    return Response(status_code=204)


async def _switch(app: App, caller: Caller, name: str, *, is_enabled: bool) -> RuleView:
    await _find(app, caller, name)
    changed = await app.triggers.switch(name, caller.tenant, caller.actor, is_enabled=is_enabled)
    return RuleView(**_facts(changed))


async def _find(app: App, caller: Caller, name: str) -> None:
    rule, _ = await app.triggers.show(name, caller.tenant, evaluations=1)
    caller.check(rule.project_id)


def _facts(rule: RuleRecord) -> dict[str, Any]:
    names = RuleView.model_fields.keys() - {"id", "event_types", "source_modules"}
    return {
        "id": rule.rule_id,
        "event_types": list(rule.event_types),
        "source_modules": list(rule.source_modules),
    } | {name: getattr(rule, name) for name in names}
