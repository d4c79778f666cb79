"""`/v1/windows`: when work of the tenant may begin, and when it may not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.core.controls import EVERY_TYPE, Once, Scope, Weekly, WindowKind, once, weekly
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body, Instant, JobTypeName, Name, NamePath
from jobforge.entrypoints.http.openapi import READ, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.controls import WindowRecord

router = APIRouter(prefix="/v1/windows", tags=["controls"], route_class=ApiRoute)

Writer = Annotated[Caller, permit(Command.WINDOW_CHANGE)]


class WindowView(BaseModel):
    """A window."""

    name: str
    kind: WindowKind
    job_type: str | None = Field(description="Null: every type.")
    only_actions: bool
    is_of_installation: bool
    times: str = Field(description="In words.")
    actor: str | None
    created_at: datetime


class WindowList(BaseModel):
    """Every window that holds for the tenant."""

    items: list[WindowView]


class WeeklyBody(Body):
    """Each week."""

    days: str = Field(max_length=100, description="As in `mon,sat`; or `daily`.")
    at: str = Field(max_length=5, description="When it starts, as in `02:00`.")
    duration: str = Field(max_length=9, description="How long, as in `4h` or `1h30m`.")
    zone: Name = Field(default="UTC", description="Whose clocks, as in `Europe/Berlin`.")


class OnceBody(Body):
    """Once, from one moment to another."""

    starts_at: Instant
    ends_at: Instant


class WindowBody(Body):
    """A new window: either `weekly` or `once`."""

    name: Name
    kind: WindowKind = Field(description="`open`: only then. `closed`: then not.")
    job_type: JobTypeName | None = None
    only_actions: bool = True
    weekly: WeeklyBody | None = None
    once: OnceBody | None = None


@router.get("", responses=READ, operation_id="list_windows")
async def list_windows(
    app: App, caller: Annotated[Caller, permit(Command.WINDOW_READ)]
) -> WindowList:
    """List the windows that hold for the tenant, the installation's too."""
    own = await app.windows.all(_scope(caller))
    of_all = await app.windows.all(Scope())
    return WindowList(
        items=[
            *(_to_view(window, is_of_installation=False) for window in own),
            *(_to_view(window, is_of_installation=True) for window in of_all),
        ]
    )


@router.post("", status_code=201, responses=WRITE, operation_id="add_window")
async def add(app: App, caller: Writer, body: WindowBody) -> WindowView:
    """Add a window of the tenant, weekly or once."""
    scope = _scope(caller, body.job_type)
    window = await app.windows.add(
        body.name, body.kind, scope, _times(body), caller.actor, only_actions=body.only_actions
    )
    return _to_view(window, is_of_installation=False)


@router.delete("/{name}", status_code=204, responses=WRITE, operation_id="remove_window")
async def remove(app: App, caller: Writer, name: NamePath) -> Response:
    """Forget a window of the tenant. What waited for it goes on."""
    await app.windows.remove(name, _scope(caller), caller.actor)
    return Response(status_code=204)


def _scope(caller: Caller, job_type: str | None = None) -> Scope:
    return Scope(caller.tenant.tenant_id, caller.tenant.slug, job_type)


def _times(body: WindowBody) -> Weekly | Once:
    match body.weekly, body.once:
        case WeeklyBody() as week, None:
            return weekly(week.days, week.at, week.duration, week.zone)
        case None, OnceBody() as one:
            return once(one.starts_at, one.ends_at)
        case _:
            raise InvalidInput("a window is either weekly or once", pointer="/weekly")


def _to_view(window: WindowRecord, *, is_of_installation: bool) -> WindowView:
    return WindowView(
        name=window.name,
        kind=window.kind,
        job_type=None if window.job_type == EVERY_TYPE else window.job_type,
        only_actions=window.only_actions,
        is_of_installation=is_of_installation,
        times=str(window.times),
        actor=None if is_of_installation else window.actor,
        created_at=window.created_at,
    )
