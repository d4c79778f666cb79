"""Who looks at a page: the session in a cookie, and the permission of each page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

from fastapi import Depends, Request
from starlette.responses import Response

from jobforge.core.actor import Actor
from jobforge.core.authorization import Command, Target, authorize
from jobforge.core.errors import NotPermitted, Unauthenticated
from jobforge.entrypoints.http.access import Caller, application_of
from jobforge.entrypoints.http.rate_limits import RateLimiter
from jobforge.ports.records import TenantRecord

SESSION_COOKIE: Final = "__Host-jobforge-session"
"""The prefix binds it to this host and to TLS; browsers let loopback pass for TLS."""


@dataclass(frozen=True, slots=True)
class Look:
    """A page's dependency: lets in whoever may do this one command."""

    command: Command

    async def __call__(self, request: Request) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: he is not signed in.
            NotPermitted: none of his roles may do this.
            RateLimited: he asked too often.
        """
        actor, tenant = await visitor_of(request)
        authorize(actor, self.command, Target(tenant.tenant_id))
        return Caller(actor, tenant, self.command)


def look(command: Command) -> Any:  # noqa: ANN401 (what FastAPI's Depends gives)
    """The dependency of a page that does this command."""
    return Depends(Look(command))


async def visitor_of(request: Request) -> tuple[Actor, TenantRecord]:
    """Who sends this request; found once for each.

    Raises:
        Unauthenticated: he is not signed in.
        RateLimited: he asked too often.
    """
    known = getattr(request.state, "identity", None)
    if known is not None:
        return cast("tuple[Actor, TenantRecord]", known)
    token = request.cookies.get(SESSION_COOKIE)
    if token is None:
        raise Unauthenticated("sign in first")
    identity = await application_of(request).sessions.find(token)
    request.state.identity = identity
    limiter = cast("RateLimiter", request.app.state.rate_limiter)
    actor, tenant = identity
    limiter.take(f"{tenant.tenant_id}/{actor.person}").check()
    return identity


def may(caller: Caller, command: Command) -> bool:
    """Whether the caller may do this, so that a page offers what would be let through, and no more.

    What he asks for is judged again.
    """
    try:
        authorize(caller.actor, command, Target(caller.tenant.tenant_id))
    except NotPermitted:
        return False
    return True


def keep_session(response: Response, token: str, seconds: int) -> None:
    """Let the browser keep a session: scripts cannot read it, other sites cannot send it."""
    response.set_cookie(
        SESSION_COOKIE, token, max_age=seconds, path="/", secure=True, httponly=True,
        samesite="lax",
    )  # fmt: skip


def forget_session(response: Response) -> None:
    """Let the browser forget it."""
    response.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
