"""`/console/sign-in`: a session for an API key, and its end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from jobforge.core.authorization import Command
from jobforge.core.errors import Unauthenticated
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import forget_session, keep_session, look
from jobforge.entrypoints.http.console.pages import go_to, to_page

router = APIRouter()

Next = Annotated[str, Query(alias="next", max_length=500)]


@router.get("/sign-in", name="sign_in")
async def ask(request: Request, after: Next = "/") -> Response:
    """Ask for an API key."""
    return to_page(request, "sign_in.html", {"after": _own_path(after), "error": None})


@router.post("/sign-in", name="sign_in_with_key")
async def take(
    request: Request,
    app: App,
    key: Annotated[str, Form(max_length=500)],
    after: Annotated[str, Form(alias="next", max_length=500)] = "/",
) -> Response:
    """Begin a session."""
    try:
        session = await app.sessions.begin(key.strip())
    except Unauthenticated as error:
        shown = {"after": _own_path(after), "error": error}
        return to_page(request, "sign_in.html", shown, status=401)
    response = go_to(_own_path(after))
    seconds = int((session.expires_at - app.clock.now()).total_seconds())
    keep_session(response, session.token, seconds)
    return response


@router.post("/sign-out", name="sign_out")
async def leave(app: App, caller: Annotated[Caller, look(Command.TENANT_READ)]) -> Response:
    """End the session of this browser."""
    await app.sessions.end(caller.actor, caller.tenant)
    response = go_to("/sign-in")
    forget_session(response)
    return response


def _own_path(path: str) -> str:
    """A path of the console, and nothing that leads elsewhere."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"
