"""`/v1/schedules`: work that starts at its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, SecretStr

from jobforge.contract.results import Mode
from jobforge.core.authorization import Command
from jobforge.core.schedule import OnMissed, Timing
from jobforge.core.starting import EXECUTOR, MODULE_RUNNER, run_started_by
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Instant, Name, NamePath
from jobforge.entrypoints.http.openapi import READ, READ_ONE, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.entrypoints.http.work import WorkBody, refuse_ambiguous, to_submission, to_wish
from jobforge.ports.starting import FiringOutcome, FiringRecord, ScheduleRecord
from jobforge.steps.intake import Submission

router = APIRouter(prefix="/v1/schedules", tags=["schedules"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.SCHEDULE_READ)]
Writer = Annotated[Caller, permit(Command.SCHEDULE_CHANGE)]


class ScheduleView(BaseModel):
    """A schedule; `fires_at` is its next occurrence with its jitter."""

    id: UUID
    name: str
    project_id: UUID | None
    cron: str | None
    at: datetime | None
    timezone: str
    jitter_seconds: int
    on_missed: OnMissed
    job_type: str
    created_by: str
    created_at: datetime
    is_enabled: bool
    fires_at: datetime | None


class ScheduleList(BaseModel):
    """The schedules, by name."""

    items: list[ScheduleView]


class FiringView(BaseModel):
    """What became of one occurrence."""

    due_at: datetime
    decided_at: datetime
    outcome: FiringOutcome
    reason: str
    run_id: UUID | None
    job_id: UUID | None


class ScheduleDetail(ScheduleView):
    """A schedule with its newest occurrences."""

    firings: list[FiringView]


class Occurrences(BaseModel):
    """When it will fire, jitter included; none where it is disabled."""

    times: list[datetime]


class ScheduleBody(WorkBody):
    """A new schedule: `cron` or `at`, and what starts then."""

    name: Name
    cron: Annotated[str | None, Field(max_length=256, examples=["30 2 * * *"])] = None
    at: Instant | None = None
    timezone: Name = "UTC"
    jitter_seconds: int = Field(default=0, ge=0, le=86_400)
    on_missed: OnMissed = "run_once"
    mode: Mode = "execute"
    project_id: UUID | None = None
    policy_token: SecretStr | None = Field(
        default=None, max_length=8_192, description="For a bundle with actions, at one instant."
    )


@router.get("", responses=READ, operation_id="list_schedules")
async def list_schedules(app: App, caller: Reader) -> ScheduleList:
    """List the schedules, by name."""
    own = caller.narrow()
    found = await app.schedules.all(caller.tenant)
    return ScheduleList(
        items=[ScheduleView(**_facts(s)) for s in found if own in {None, s.project_id}]
    )


@router.post("", status_code=201, responses=WRITE, operation_id="add_schedule")
async def add(request: Request, app: App, caller: Writer, body: ScheduleBody) -> ScheduleView:
    """Add a schedule. What it starts is checked now; it is enabled at once."""
    await refuse_ambiguous(request)
    timing = Timing(
        cron=body.cron,
        at=None if body.at is None else body.at.astimezone(UTC),
        timezone=body.timezone,
        jitter=timedelta(seconds=body.jitter_seconds),
        on_missed=body.on_missed,
    )
    asked = Submission(caller.tenant, caller.actor, "execute", body.project_id)
    submission = await to_submission(app, caller, asked)
    wish = to_wish(body, body.mode, body.policy_token)
    return ScheduleView(**_facts(await app.schedules.add(body.name, timing, wish, submission)))


@router.get("/{name}", responses=READ_ONE, operation_id="show_schedule")
async def show(app: App, caller: Reader, name: NamePath) -> ScheduleDetail:
    """Show a schedule, and what became of its newest occurrences."""
    schedule, firings = await app.schedules.show(name, caller.tenant)
    caller.check(schedule.project_id)
    return ScheduleDetail(**_facts(schedule), firings=[_to_firing(f, schedule) for f in firings])


@router.get("/{name}/next", responses=READ_ONE, operation_id="next_firings")
async def next_firings(
    app: App, caller: Reader, name: NamePath, count: Annotated[int, Query(ge=1, le=100)] = 5
) -> Occurrences:
    """Say when a schedule will fire, jitter included."""
    await _find(app, caller, name)
    return Occurrences(times=list(await app.schedules.next(name, caller.tenant, count)))


@router.post("/{name}/enable", responses=WRITE, operation_id="enable_schedule")
async def enable(app: App, caller: Writer, name: NamePath) -> ScheduleView:
    """Let a schedule fire again, from its next occurrence on."""
    return await _switch(app, caller, name, is_enabled=True)


@router.post("/{name}/disable", responses=WRITE, operation_id="disable_schedule")
async def disable(app: App, caller: Writer, name: NamePath) -> ScheduleView:
    """Keep a schedule from firing. What was due meanwhile is not made up for."""
    return await _switch(app, caller, name, is_enabled=False)


@router.delete("/{name}", status_code=204, responses=WRITE, operation_id="remove_schedule")
async def remove(app: App, caller: Writer, name: NamePath) -> Response:
    """Forget a schedule. What it started goes on."""
    await _find(app, caller, name)
    await app.schedules.remove(name, caller.tenant, caller.actor)
    return Response(status_code=204)


async def _switch(app: App, caller: Caller, name: str, *, is_enabled: bool) -> ScheduleView:
    await _find(app, caller, name)
    changed = await app.schedules.switch(name, caller.tenant, caller.actor, is_enabled=is_enabled)
    return ScheduleView(**_facts(changed))


async def _find(app: App, caller: Caller, name: str) -> None:
    schedule, _ = await app.schedules.show(name, caller.tenant, firings=1)
    caller.check(schedule.project_id)


def _facts(schedule: ScheduleRecord) -> dict[str, Any]:
    names = ScheduleView.model_fields.keys() - {"id"}
    return {"id": schedule.schedule_id} | {name: getattr(schedule, name) for name in names}


def _to_firing(firing: FiringRecord, schedule: ScheduleRecord) -> FiringView:
    run_id = firing.run_id
    if firing.job_id is not None and schedule.job_type in {EXECUTOR, MODULE_RUNNER}:
        run_id = run_started_by(firing.job_id)
    return FiringView(
        due_at=firing.due_at,
        decided_at=firing.decided_at,
        outcome=firing.outcome,
        reason=firing.reason,
        run_id=run_id,
        job_id=firing.job_id,
    )
