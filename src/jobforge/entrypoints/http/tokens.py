"""`/v1/tokens`: policy tokens, each for one plan and one use."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, SecretStr

from jobforge.contract.dialects import read_bundle
from jobforge.core.authorization import Command
from jobforge.core.errors import InvalidInput, Missing
from jobforge.core.plan import effects_to_json
from jobforge.core.policy_token import read_token
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.bundles import BUNDLE_BODY, Project
from jobforge.entrypoints.http.model import Body
from jobforge.entrypoints.http.openapi import WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.steps.intake import Submission
from jobforge.use_cases.issue_token import TokenWish

router = APIRouter(prefix="/v1/tokens", tags=["tokens"], route_class=ApiRoute)


class Issued(BaseModel):
    """A token, shown once, and what it permits."""

    token: str
    jti: UUID
    plan_digest: str
    effects_digest: str
    job_types: list[str]
    scopes: list[str]
    expires_at: datetime
    effects: dict[str, Any]


class TokenBody(Body):
    """A token to look at."""

    token: SecretStr = Field(max_length=20_000)


class Revoked(BaseModel):
    """Whether it was revoked now, or before."""

    jti: UUID
    revoked: bool


@router.post(
    "", status_code=201, responses=WRITE, openapi_extra=BUNDLE_BODY, operation_id="issue_token"
)
async def issue(  # noqa: PLR0913, PLR0917 (a wish each)
    request: Request,
    app: App,
    caller: Annotated[Caller, permit(Command.TOKEN_ISSUE)],
    actor: Annotated[
        str, Query(min_length=1, max_length=256, description="Whom it is for; only recorded.")
    ],
    project: Project = None,
    job_type: Annotated[
        list[str] | None, Query(description="Only these; default: every type that needs one.")
    ] = None,
    scope: Annotated[list[str] | None, Query(description="Default: those needed.")] = None,
    expires_in_seconds: Annotated[int | None, Query(ge=1, le=86_400)] = None,
) -> Issued:
    """Issue a token for exactly the plan that this bundle makes now. It is shown once."""
    project_id = caller.narrow(project)
    if project_id is not None:
        await app.names.project(caller.tenant, str(project_id))
    wanted = None if expires_in_seconds is None else timedelta(seconds=expires_in_seconds)
    issued = await app.issue_token(
        read_bundle(await request.body()),
        Submission(caller.tenant, caller.actor, "dry_run", project_id),
        TokenWish(
            jti=app.ids.uuid(),
            actor=actor,
            lifetime=wanted or app.token_lifetime,
            job_types=frozenset(job_type or ()),
            scopes=frozenset(scope or ()),
        ),
    )
    return Issued(
        token=issued.token,
        jti=issued.jti,
        plan_digest=issued.plan_digest,
        effects_digest=issued.effects_digest,
        job_types=list(issued.job_types),
        scopes=list(issued.scopes),
        expires_at=issued.expires_at,
        effects=effects_to_json(issued.effects),
    )


@router.post("/inspect", responses=WRITE, operation_id="inspect_token")
async def inspect(
    app: App, caller: Annotated[Caller, permit(Command.TOKEN_INSPECT)], body: TokenBody
) -> dict[str, Any]:
    """Show what a token of this tenant says, if one of our secrets signed it."""
    claims = read_token(body.token.get_secret_value(), keyring=app.token_keyring)
    if claims is None:
        raise InvalidInput("this is not a policy token signed with one of our secrets")
    if claims.tid != caller.tenant.tenant_id:
        raise Missing
    caller.check(claims.pid)
    return claims.model_dump(mode="json")


@router.post("/{jti}/revoke", responses=WRITE, operation_id="revoke_token")
async def revoke(
    app: App, caller: Annotated[Caller, permit(Command.TOKEN_REVOKE)], jti: UUID
) -> Revoked:
    """Revoke a token, whether it was used or not."""
    is_new = await app.revoke_token(jti, caller.tenant, caller.actor)
    return Revoked(jti=jti, revoked=is_new)
