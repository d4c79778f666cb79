"""`/console/inbox`: the plans that wait for people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from jobforge.core.actor import person_of
from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console import words
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.pages import render

router = APIRouter(prefix="/inbox")


@router.get("", name="inbox")
async def show(
    request: Request, app: App, caller: Annotated[Caller, look(Command.PLAN_READ)]
) -> Response:
    """What waits: for this person first, then what is his own, then what only has to be run."""
    found = await app.show_plan.waiting(caller.tenant, caller.narrow(), words.MANY)
    mine = {caller.actor.person, caller.actor.vouched_by}
    waiting = [review for review in found if review.grant_jti is None]
    return await render(
        request,
        caller,
        "inbox.html",
        others=[r for r in waiting if person_of(r.opened_by) not in mine],
        own=[r for r in waiting if person_of(r.opened_by) in mine],
        ready=[r for r in found if r.grant_jti is not None],
    )
