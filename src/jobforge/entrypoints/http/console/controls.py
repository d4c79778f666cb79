"""`/console/controls`: what holds work back: switches, windows, limits."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from jobforge.contract.errors import JobForgeError
from jobforge.core.authorization import Command
from jobforge.core.controls import INSTALLATION, Scope, SwitchKind, WindowKind, weekly
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.pages import go_to, render
from jobforge.entrypoints.http.problems import status_of

router = APIRouter(prefix="/controls")

Reason = Annotated[str, Form(max_length=256)]
Word = Annotated[str, Form(max_length=256)]
LimitName = Literal[
    "running_cap", "rate_per_minute", "daily_jobs", "targets_per_action", "targets_per_day"
]


@router.get("", name="controls")
async def show(
    request: Request, app: App, caller: Annotated[Caller, look(Command.SWITCH_READ)]
) -> Response:
    """What is off, when work may begin, how much there may be."""
    return await _page(request, app, caller)


@router.post("/stop", name="engage_switch")
async def stop(  # noqa: PLR0913, PLR0917 (a field each)
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.SWITCH_ENGAGE)],
    kind: Annotated[SwitchKind, Form()],
    confirm: Word = "",
    job_type: Word = "",
    reason: Reason = "",
) -> Response:
    """Turn a kill switch or a pause on, for the tenant or one job type of it."""
    try:
        wanted = "stop" if kind == "kill" else "pause"
        if confirm.strip() != wanted:
            raise InvalidInput(f"type the word {wanted} to confirm it")
        scope = _scope(caller, job_type)
        await app.switches.turn_on(kind, scope, _reason(reason), caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, error)
    return go_to("/controls")


@router.post("/release", name="release_switch")
async def release(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.SWITCH_RELEASE)],
    kind: Annotated[SwitchKind, Form()],
    job_type: Word = "",
    reason: Reason = "",
) -> Response:
    """Turn one off, and let go on what waited for it."""
    try:
        scope = _scope(caller, job_type)
        await app.switches.turn_off(kind, scope, _reason(reason), caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, error)
    return go_to("/controls")


@router.post("/windows", name="add_window")
async def add_window(  # noqa: PLR0913, PLR0917 (a field each)
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.WINDOW_CHANGE)],
    name: Word,
    kind: Annotated[WindowKind, Form()],
    days: Word,
    at: Word,
    duration: Word,
    zone: Word = "UTC",
    every_job: Annotated[bool, Form()] = False,
) -> Response:
    """Add a window that comes every week."""
    try:
        times = weekly(days.strip(), at.strip(), duration.strip(), zone.strip())
        await app.windows.add(
            name.strip(), kind, _scope(caller, ""), times, caller.actor, only_actions=not every_job
        )
    except JobForgeError as error:
        return await _page(request, app, caller, error)
    return go_to("/controls")


@router.post("/windows/remove", name="remove_window")
async def remove_window(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.WINDOW_CHANGE)],
    name: Word,
) -> Response:
    """Forget a window."""
    try:
        await app.windows.remove(name, _scope(caller, ""), caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, error)
    return go_to("/controls")


@router.post("/limits", name="change_limit")
async def change_limit(
    request: Request,
    app: App,
    caller: Annotated[Caller, look(Command.LIMIT_CHANGE)],
    limit: Annotated[LimitName, Form()],
    value: Word = "",
    reason: Reason = "",
) -> Response:
    """Change a limit; an empty value takes it away."""
    try:
        changes: dict[str, int | None] = {limit: _to_number(value.strip())}
        await app.limits.change(caller.tenant, changes, _reason(reason), caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, error)
    return go_to("/controls")


async def _page(
    request: Request, app: App, caller: Caller, error: JobForgeError | None = None
) -> Response:
    here = {INSTALLATION, caller.tenant.tenant_id}
    return await render(
        request,
        caller,
        "controls.html",
        status=200 if error is None else status_of(error),
        all_switches=[s for s in await app.switches.all() if s.tenant_id in here],
        windows=await app.windows.all(_scope(caller, "")),
        limits=await app.limits(caller.tenant),
        types=sorted(job_type.name for job_type in app.catalog),
        error=error,
    )


def _scope(caller: Caller, job_type: str) -> Scope:
    named = job_type.strip()
    return Scope(
        caller.tenant.tenant_id, caller.tenant.slug, named if named not in {"", "*"} else None
    )


def _reason(text: str) -> str:
    if not text.strip():
        raise InvalidInput("say why", hint="the reason stands in the audit log")
    return text.strip()


def _to_number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdecimal():
        raise InvalidInput(f"{text!r} is no number")
    return int(text[:12])
