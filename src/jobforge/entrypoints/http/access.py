"""Who asks, and whether he may: the way from a request to `authorize`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from jobforge.bootstrap import Application
from jobforge.core.actor import Actor
from jobforge.core.authorization import Command, Target, authorize
from jobforge.core.errors import Missing, Unauthenticated
from jobforge.entrypoints.http.rate_limits import RateLimiter
from jobforge.ports.records import TenantRecord

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="An API key (`jobforge key create`) or a token of the identity provider.",
)
_SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for which tenant."""

    actor: Actor
    tenant: TenantRecord
    command: Command

    def narrow(self, wanted: UUID | None = None) -> UUID | None:
        """The project that a list is narrowed to: the caller's own, else the one he wants.

        Raises:
            Missing: he wants another project than his own.
        """
        own = self.actor.project_id
        if own is not None and wanted not in {None, own}:
            raise Missing
        return own or wanted

    def check(self, project_id: UUID | None) -> None:
        """Make sure that an object of this project is the caller's to see.

        Raises:
            Missing: it is another project's.
        """
        target = Target(self.tenant.tenant_id, project_id, is_one_object=True)
        authorize(self.actor, self.command, target)


@dataclass(frozen=True, slots=True)
class Permit:
    """A route's dependency: lets in whoever may do this one command."""

    command: Command

    async def __call__(
        self,
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: he has no valid key.
            NotPermitted: none of his roles may do this.
            RateLimited: he asked too often.
        """
        actor, tenant = await identify(request)
        authorize(actor, self.command, Target(tenant.tenant_id))
        return Caller(actor, tenant, self.command)


def permit(command: Command) -> Any:  # noqa: ANN401 (what FastAPI's Depends gives)
    """The dependency of a route that does this command."""
    return Depends(Permit(command))


def application_of(request: Request) -> Application:
    """The application that serves this request."""
    return cast("Application", request.app.state.application)


App = Annotated[Application, Depends(application_of)]


async def identify(request: Request) -> tuple[Actor, TenantRecord]:
    """Who sends this request; found once for each.

    Raises:
        Unauthenticated: he has no valid key.
        RateLimited: he asked too often.
    """
    known = getattr(request.state, "identity", None)
    if known is not None:
        return cast("tuple[Actor, TenantRecord]", known)
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != _SCHEME or not credential:
        raise Unauthenticated("send an API key: Authorization: Bearer KEY")
    identity = await application_of(request).authenticate(credential.strip())
    request.state.identity = identity
    limiter = cast("RateLimiter", request.app.state.rate_limiter)
    actor, tenant = identity
    request.state.rate = limiter.take(f"{tenant.tenant_id}/{actor.person}")
    request.state.rate.check()
    return identity
