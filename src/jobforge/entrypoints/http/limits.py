"""`/v1/limits`: what the tenant may have at most."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body, Reason
from jobforge.entrypoints.http.openapi import READ, WRITE
from jobforge.entrypoints.http.route import ApiRoute

router = APIRouter(prefix="/v1/limits", tags=["controls"], route_class=ApiRoute)


class LimitsView(BaseModel):
    """The tenant's limits; null is none."""

    running_cap: int = Field(description="Jobs in the queue and running at a time.")
    rate_per_minute: int | None = Field(description="Jobs that start in a minute.")
    daily_jobs: int | None = Field(description="Jobs that are released in a UTC day.")
    targets_per_action: int | None = Field(description="Targets that one action may change.")
    targets_per_day: int | None = Field(description="Targets that actions may change in a UTC day.")


class LimitsBody(Body):
    """What shall be otherwise: what is left out stays, null takes a limit away."""

    reason: Reason
    running_cap: int | None = None
    rate_per_minute: int | None = None
    daily_jobs: int | None = None
    targets_per_action: int | None = None
    targets_per_day: int | None = None


@router.get("", responses=READ, operation_id="show_limits")
async def show(app: App, caller: Annotated[Caller, permit(Command.LIMIT_READ)]) -> LimitsView:
    """Show the tenant's limits."""
    return LimitsView(**asdict(await app.limits(caller.tenant)))


@router.patch("", responses=WRITE, operation_id="change_limits")
async def change(
    app: App, caller: Annotated[Caller, permit(Command.LIMIT_CHANGE)], body: LimitsBody
) -> LimitsView:
    """Change limits of the tenant. It holds at once for what is not in the queue yet."""
    changes = body.model_dump(exclude={"reason"}, exclude_unset=True)
    if not changes:
        raise InvalidInput("no limit is named")
    return LimitsView(
        **asdict(await app.limits.change(caller.tenant, changes, body.reason, caller.actor))
    )
