"""`/v1/tenant`: the caller's own tenant, and what it wants of its people."""

from __future__ import annotations

from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body
from jobforge.entrypoints.http.openapi import READ, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.records import TenantRecord, TenantWishes

Value = TypeVar("Value")

router = APIRouter(prefix="/v1/tenant", tags=["tenants"], route_class=ApiRoute)


class TenantView(BaseModel):
    """A tenant."""

    id: UUID
    slug: str
    four_eyes: bool
    approvals_needed: int
    approvals_needed_irreversible: int


class TenantBody(Body):
    """What shall be otherwise; what is left out stays."""

    reason: str = Field(min_length=1, max_length=256, description="Why; it is recorded.")
    four_eyes: bool | None = None
    approvals_needed: int | None = Field(default=None, ge=1, le=10)
    approvals_needed_irreversible: int | None = Field(default=None, ge=1, le=10)


@router.get("", responses=READ, operation_id="show_tenant")
async def show(app: App, caller: Annotated[Caller, permit(Command.TENANT_READ)]) -> TenantView:
    """Show the caller's tenant."""
    return _to_view(caller.tenant, await app.change_tenant.read(caller.tenant))


@router.patch("", responses=WRITE, operation_id="change_tenant")
async def change(
    app: App, caller: Annotated[Caller, permit(Command.TENANT_CHANGE)], body: TenantBody
) -> TenantView:
    """Change what the tenant wants of its people. The audit log has old, new and why."""
    now = await app.change_tenant.read(caller.tenant)
    wishes = TenantWishes(
        is_four_eyes_required=_or(body.four_eyes, now.is_four_eyes_required),
        approvals_needed=_or(body.approvals_needed, now.approvals_needed),
        approvals_needed_irreversible=_or(
            body.approvals_needed_irreversible, now.approvals_needed_irreversible
        ),
    )
    changed = await app.change_tenant(wishes, body.reason, caller.tenant, caller.actor)
    return _to_view(caller.tenant, changed)


def _or(wanted: Value | None, now: Value) -> Value:
    return now if wanted is None else wanted


def _to_view(tenant: TenantRecord, wishes: TenantWishes) -> TenantView:
    return TenantView(
        id=tenant.tenant_id,
        slug=tenant.slug,
        four_eyes=wishes.is_four_eyes_required,
        approvals_needed=wishes.approvals_needed,
        approvals_needed_irreversible=wishes.approvals_needed_irreversible,
    )
