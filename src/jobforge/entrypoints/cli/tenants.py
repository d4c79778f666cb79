"""`jobforge tenant`: who there is."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.listing import Listing
from jobforge.entrypoints.cli.options import Alias, AsJson
from jobforge.entrypoints.cli.session import local_actor, out, print_json, run
from jobforge.ports.records import TenantListing

app = typer.Typer(help="Create and list tenants.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    slug: Annotated[
        str | None,
        typer.Option("--slug", metavar="S", help="Its short name; made from NAME by default."),
    ] = None,
    tenant_id: Annotated[
        UUID | None, typer.Option("--id", metavar="UUID", help="Its id; a new one by default.")
    ] = None,
    alias: Alias = None,
    allow_host: Annotated[
        bool, typer.Option("--allow-host", help="Let its scans look at this host and loopback.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a tenant. Modules name tenants by any string: give theirs as --alias.

    Example: jobforge tenant create "Acme Inc" --alias tenant-demo
    """

    async def command(app: Application) -> int:
        tenant = await app.create_tenant(
            name,
            local_actor(),
            slug=slug,
            tenant_id=tenant_id,
            aliases=alias or (),
            is_host_allowed=allow_host,
        )
        if as_json:
            print_json({"id": str(tenant.tenant_id), "slug": tenant.slug, "name": name})
        else:
            out.print(f"Created tenant [bold]{tenant.slug}[/] ({tenant.tenant_id})")
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_tenants(as_json: AsJson = False) -> None:
    """List every tenant."""

    async def command(app: Application) -> int:
        tenants = await app.storage.list_tenants()
        return _LISTING.show(tenants, as_json=as_json)

    run(command, as_json=as_json)


def _to_json(tenant: TenantListing) -> dict[str, object]:
    return {"id": str(tenant.tenant_id), "slug": tenant.slug, "name": tenant.name}


_LISTING = Listing(
    ("slug", "id", "name"),
    lambda tenant: (tenant.slug, str(tenant.tenant_id), tenant.name),
    _to_json,
    "No tenant yet: jobforge tenant create NAME",
)
