"""`/console/controls/starting`: what starts by itself: schedules, trigger rules, modules."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from jobforge.contract.errors import JobForgeError
from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.pages import go_to, render
from jobforge.entrypoints.http.problems import status_of
from jobforge.use_cases.simulate_event import Simulated

router = APIRouter(prefix="/controls/starting")

_NEXT = 3
Word = Annotated[str, Form(max_length=256)]


@router.get("", name="starting")
async def show(
    request: Request, app: App, caller: Annotated[Caller, look(Command.SCHEDULE_READ)]
) -> Response:
    """Schedules with their next runs, rules, registered modules."""
    return await _page(request, app, caller)


@router.post("/schedules", name="switch_schedule")
async def switch_schedule(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.SCHEDULE_CHANGE)],
    name: Word,
    is_enabled: Annotated[bool, Form()],
) -> Response:
    """Enable a schedule, or disable it."""
    try:
        await app.schedules.switch(name, caller.tenant, caller.actor, is_enabled=is_enabled)
    except JobForgeError as error:
        return await _page(request, app, caller, error=error)
    return go_to("/controls/starting")


@router.post("/rules", name="switch_rule")
async def switch_rule(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.TRIGGER_CHANGE)],
    name: Word,
    is_enabled: Annotated[bool, Form()],
) -> Response:
    """Turn a trigger rule on, or off."""
    try:
        await app.triggers.switch(name, caller.tenant, caller.actor, is_enabled=is_enabled)
    except JobForgeError as error:
        return await _page(request, app, caller, error=error)
    return go_to("/controls/starting")


@router.post("/simulate", name="simulate_event")
async def simulate(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.TRIGGER_READ)],
    event: Annotated[str, Form(max_length=200_000)],
    as_if_on: Annotated[bool, Form()] = False,
) -> Response:
    """What an event would have started. Nothing is stored, and nothing starts."""
    try:
        found = await app.simulate_event(event.encode(), caller.tenant, as_if_on=as_if_on)
    except JobForgeError as error:
        return await _page(request, app, caller, event=event, error=error)
    return await _page(request, app, caller, event=event, simulated=found)


async def _page(
    request: Request,
    app: App,
    caller: Caller,
    *,
    event: str = "",
    simulated: tuple[Simulated, ...] | None = None,
    error: JobForgeError | None = None,
) -> Response:
    schedules = await app.schedules.all(caller.tenant)
    upcoming = {
        schedule.name: await app.schedules.next(schedule.name, caller.tenant, _NEXT)
        for schedule in schedules
    }
    return await render(
        request,
        caller,
        "starting.html",
        status=200 if error is None else status_of(error),
        schedules=schedules,
        upcoming=upcoming,
        rules=await app.triggers.all(caller.tenant),
        modules=await app.modules.all(caller.tenant),
        event=event,
        simulated=simulated,
        error=error,
    )
