"""`/v1/switches`: kill switches and pauses of the tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.core.controls import EVERY_TYPE, INSTALLATION, Scope, SwitchKind
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body, JobTypeName, Reason
from jobforge.entrypoints.http.openapi import READ, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.controls import SwitchListing

router = APIRouter(prefix="/v1/switches", tags=["controls"], route_class=ApiRoute)


class SwitchView(BaseModel):
    """A switch that is on. Those of the whole installation don't say who turned them on."""

    kind: SwitchKind
    job_type: str | None = Field(description="Null: every type.")
    is_of_installation: bool
    reason: str
    actor: str | None
    since: datetime


class SwitchList(BaseModel):
    """Every switch that holds for the tenant."""

    items: list[SwitchView]


class SwitchBody(Body):
    """A switch, and why. A kill switch ends work, a pause lets it wait."""

    kind: SwitchKind
    job_type: JobTypeName | None = None
    reason: Reason


class SwitchTurned(BaseModel):
    """How the switch is now."""

    kind: SwitchKind
    job_type: str | None
    is_on: bool


@router.get("", responses=READ, operation_id="list_switches")
async def list_switches(
    app: App, caller: Annotated[Caller, permit(Command.SWITCH_READ)]
) -> SwitchList:
    """List the kill switches and pauses that hold for the tenant, the installation's too."""
    found = await app.switches.of(caller.tenant)
    return SwitchList(items=[_to_view(switch) for switch in found])


@router.post("", status_code=201, responses=WRITE, operation_id="turn_switch_on")
async def turn_on(
    app: App, caller: Annotated[Caller, permit(Command.SWITCH_ENGAGE)], body: SwitchBody
) -> SwitchTurned:
    """Turn a kill switch or a pause of the tenant on. It holds at once."""
    await app.switches.turn_on(body.kind, _scope(caller, body), body.reason, caller.actor)
    return SwitchTurned(kind=body.kind, job_type=body.job_type, is_on=True)


@router.post("/release", responses=WRITE, operation_id="turn_switch_off")
async def turn_off(
    app: App, caller: Annotated[Caller, permit(Command.SWITCH_RELEASE)], body: SwitchBody
) -> SwitchTurned:
    """Turn a kill switch or a pause of the tenant off. What a kill switch denied stays denied."""
    await app.switches.turn_off(body.kind, _scope(caller, body), body.reason, caller.actor)
    return SwitchTurned(kind=body.kind, job_type=body.job_type, is_on=False)


def _scope(caller: Caller, body: SwitchBody) -> Scope:
    return Scope(caller.tenant.tenant_id, caller.tenant.slug, body.job_type)


def _to_view(switch: SwitchListing) -> SwitchView:
    is_of_all = switch.tenant_id == INSTALLATION
    return SwitchView(
        kind=switch.kind,
        job_type=None if switch.job_type == EVERY_TYPE else switch.job_type,
        is_of_installation=is_of_all,
        reason=switch.reason,
        actor=None if is_of_all else switch.actor,
        since=switch.since,
    )
