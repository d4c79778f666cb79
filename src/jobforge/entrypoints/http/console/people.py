"""`/console/controls/people`: who may what: API keys, and the people behind them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from jobforge.contract.errors import JobForgeError
from jobforge.core.actor import Role
from jobforge.core.authorization import Command
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.pages import go_to, render
from jobforge.entrypoints.http.problems import status_of
from jobforge.ports.keys import KeyRecord
from jobforge.use_cases.keep_keys import CreatedKey, KeyWish

router = APIRouter(prefix="/controls/people")

Admin = Annotated[Caller, look(Command.KEY_CHANGE)]
Word = Annotated[str, Form(max_length=256)]


@router.get("", name="people")
async def show(
    request: Request, app: App, caller: Annotated[Caller, look(Command.KEY_READ)]
) -> Response:
    """The members, and their keys."""
    return await _page(request, app, caller)


@router.post("/keys", name="create_key")
async def create(
    request: Request,
    app: App,
    caller: Admin,
    owner: Word,
    role: Annotated[list[Role], Form()],
    days: Annotated[int, Form(ge=1, le=366)] = 90,
) -> Response:
    """Make a key. It is shown once, on the page that answers."""
    try:
        wish = KeyWish(owner.strip(), frozenset(role), timedelta(days=days))
        created = await app.keys.create(wish, caller.tenant, caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, error=error)
    return await _page(request, app, caller, created=created)


@router.post("/keys/{key_id}/rotate", name="rotate_key")
async def rotate(
    request: Request,
    app: App,
    caller: Admin,
    key_id: str,
    grace_hours: Annotated[int, Form(ge=0, le=720)] = 24,
) -> Response:
    """Make a successor; the old one lives on for the grace."""
    try:
        grace = timedelta(hours=grace_hours)
        created = await app.keys.rotate(key_id, grace, caller.tenant, caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, error=error)
    return await _page(request, app, caller, created=created)


@router.post("/keys/{key_id}/revoke", name="revoke_key")
async def revoke(
    request: Request, app: App, caller: Admin, key_id: str, confirm: Word = ""
) -> Response:
    """Revoke a key, and end its sessions."""
    try:
        if confirm.strip() != key_id:
            raise InvalidInput("type the key's id to revoke it")
        await app.keys.revoke(key_id, caller.tenant, caller.actor)
    except JobForgeError as error:
        return await _page(request, app, caller, error=error)
    return go_to("/controls/people")


async def _page(
    request: Request,
    app: App,
    caller: Caller,
    *,
    created: CreatedKey | None = None,
    error: JobForgeError | None = None,
) -> Response:
    keys = await app.keys.all(caller.tenant)
    now = app.clock.now()
    valid = [key for key in keys if key.revoked_at is None and now < key.expires_at]
    return await render(
        request,
        caller,
        "people.html",
        status=200 if error is None else status_of(error),
        keys=keys,
        members=_members(valid),
        roles=list(Role),
        created=created,
        error=error,
    )


def _members(keys: list[KeyRecord]) -> dict[str, list[str]]:
    """Who holds a valid key, with all the roles that his keys give him."""
    found: dict[str, set[str]] = {}
    for key in keys:
        found.setdefault(key.owner, set()).update(key.roles)
    return {owner: sorted(roles) for owner, roles in sorted(found.items())}
