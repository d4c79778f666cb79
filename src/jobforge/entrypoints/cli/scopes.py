"""Options that say what a control holds for, with one wording for all commands."""

from __future__ import annotations

from typing import Annotated

import typer

from jobforge.bootstrap import Application
from jobforge.core.controls import INSTALLATION, Scope
from jobforge.core.errors import InvalidInput
from jobforge.ports.records import TenantRecord

OneTenant = Annotated[
    str | None,
    typer.Option("--tenant", "-t", metavar="T", help="Only this tenant: UUID, slug or alias."),
]
OneType = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only of this job type.")
]
Everything = Annotated[
    bool, typer.Option("--all", help="Everything; without it, name a tenant or a job type.")
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="WHY", help="Why; it stands in the audit log.")
]


async def read_scope(
    app: Application, tenant: str | None, job_type: str | None, *, is_all: bool = True
) -> Scope:
    """What the options name.

    Raises:
        InvalidInput: they name nothing, and everything was not asked for; or both.
        TenantUnknown: there is no such tenant.
    """
    if is_all and (tenant or job_type):
        raise InvalidInput("--all is everything: leave out --tenant and --type")
    if not (is_all or tenant or job_type):
        raise InvalidInput("what for?", hint="--tenant T, --type TYPE, or --all for everything")
    if tenant is None:
        return Scope(job_type=job_type)
    owner = await app.names.tenant(tenant)
    return Scope(owner.tenant_id, owner.slug, job_type)


async def read_owner(app: Application, tenant: str | None) -> Scope:
    """The tenant's, or the installation's where none is named."""
    if tenant is None:
        return Scope()
    owner = await app.names.tenant(tenant)
    return Scope(owner.tenant_id, owner.slug)


async def read_chain(app: Application, tenant: str | None) -> TenantRecord:
    """Whose audit log: the tenant's, or where none is named that of the acts on everything."""
    if tenant is None:
        return TenantRecord(INSTALLATION, "jobforge-installation")
    return await app.names.tenant(tenant)
