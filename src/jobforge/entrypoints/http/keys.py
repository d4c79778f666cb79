"""`/v1/keys`: API keys of the tenant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from jobforge.core.actor import Role
from jobforge.core.api_key import DEFAULT_LIFETIME
from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body
from jobforge.entrypoints.http.openapi import READ, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.keys import KeyRecord
from jobforge.use_cases.keep_keys import CreatedKey, KeyWish

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=ApiRoute)

Admin = Annotated[Caller, permit(Command.KEY_CHANGE)]
KeyId = Annotated[str, Path(max_length=36, description="The key's public id.")]

_YEAR_SECONDS = 366 * 86_400


class KeyView(BaseModel):
    """A key, without itself."""

    id: str
    owner: str
    roles: list[str]
    project_id: UUID | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None


class NewKeyView(KeyView):
    """A new key; it is shown once."""

    key: str


class KeyList(BaseModel):
    """The tenant's keys, the newest first."""

    items: list[KeyView]


class KeyBody(Body):
    """A new key: whose, for what, how long."""

    owner: str = Field(min_length=1, max_length=256)
    roles: list[Role] = Field(min_length=1, max_length=len(Role))
    project_id: UUID | None = None
    expires_in_seconds: int = Field(
        default=int(DEFAULT_LIFETIME.total_seconds()), ge=60, le=_YEAR_SECONDS
    )


class RotateBody(Body):
    """How long the old key lives on."""

    grace_seconds: int = Field(default=86_400, ge=0, le=_YEAR_SECONDS)


class KeyRevoked(BaseModel):
    """Whether it was revoked now, or before."""

    id: str
    revoked: bool


@router.get("", responses=READ, operation_id="list_keys")
async def list_keys(app: App, caller: Annotated[Caller, permit(Command.KEY_READ)]) -> KeyList:
    """List the tenant's keys, with their last use. The keys themselves are not kept."""
    return KeyList(items=[KeyView(**_facts(key)) for key in await app.keys.all(caller.tenant)])


@router.post("", status_code=201, responses=WRITE, operation_id="create_key")
async def create(app: App, caller: Admin, body: KeyBody) -> NewKeyView:
    """Create a key. It is shown once; only its hash is kept."""
    if body.project_id is not None:
        await app.names.project(caller.tenant, str(body.project_id))
    wish = KeyWish(
        owner=body.owner,
        roles=frozenset(body.roles),
        lifetime=timedelta(seconds=body.expires_in_seconds),
        project_id=body.project_id,
    )
    return _to_new(await app.keys.create(wish, caller.tenant, caller.actor))


@router.post("/{key_id}/rotate", status_code=201, responses=WRITE, operation_id="rotate_key")
async def rotate(app: App, caller: Admin, key_id: KeyId, body: RotateBody) -> NewKeyView:
    """Create a key's successor. Both are valid until the grace is over."""
    grace = timedelta(seconds=body.grace_seconds)
    return _to_new(await app.keys.rotate(key_id, grace, caller.tenant, caller.actor))


@router.post("/{key_id}/revoke", responses=WRITE, operation_id="revoke_key")
async def revoke(app: App, caller: Admin, key_id: KeyId) -> KeyRevoked:
    """Revoke a key, from its next use on."""
    is_new = await app.keys.revoke(key_id, caller.tenant, caller.actor)
    return KeyRevoked(id=key_id, revoked=is_new)


def _to_new(created: CreatedKey) -> NewKeyView:
    return NewKeyView(**_facts(created.record), key=created.key)


def _facts(key: KeyRecord) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "owner": key.owner,
        "roles": list(key.roles),
        "project_id": key.project_id,
        "created_by": key.created_by,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "replaces": key.replaces,
    }
