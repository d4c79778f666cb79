"""`jobforge sql`: database roles that may hand bundles in by SQL."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.options import AsJson, Project, Tenant
from jobforge.entrypoints.cli.session import local_actor, new_table, out, print_json, run

app = typer.Typer(help="Let database roles submit bundles by SQL.", no_args_is_help=True)

RoleName = Annotated[str, typer.Argument(metavar="ROLE", help="The database role.")]


@app.command()
def grant(
    role: RoleName,
    tenant: Tenant,
    project: Project = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make the role, with a password that is shown once.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bind a database role to a tenant: it may submit bundles and ask for runs, and see no table.

    Example: jobforge sql grant shop --tenant acme --create
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        project_id = await app.names.project(owner, project)
        url = await app.sql_grants.grant(
            role, owner, local_actor(), project_id=project_id, is_new=create
        )
        if as_json:
            print_json({"role": role, "tenant": owner.slug, "url": url})
            return 0
        out.print(f"{role} may submit bundles of {owner.slug}", markup=False)
        if url is not None:
            out.print("It connects with this URL, which is not shown again:", markup=False)
            out.print(url, markup=False, soft_wrap=True)
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_grants(tenant: Tenant, as_json: AsJson = False) -> None:
    """List the database roles that are bound to a tenant."""

    async def command(app: Application) -> int:
        grants = await app.sql_grants.all(await app.names.tenant(tenant))
        if as_json:
            print_json(
                [
                    {
                        "role": g.role_name,
                        "project_id": None if g.project_id is None else str(g.project_id),
                        "created_by": g.created_by,
                        "created_at": g.created_at.isoformat(),
                    }
                    for g in grants
                ]
            )
            return 0
        table = new_table("role", "project", "by", "since")
        for g in grants:
            project = "all" if g.project_id is None else str(g.project_id)
            when = g.created_at.isoformat(sep=" ", timespec="seconds")
            table.add_row(Text(g.role_name), project, g.created_by, when)
        out.print(table if grants else "No role yet: jobforge sql grant ROLE")
        return 0

    run(command, as_json=as_json)


@app.command()
def revoke(role: RoleName, tenant: Tenant, as_json: AsJson = False) -> None:
    """Bind a database role no more. What it handed in goes on; the role itself stays."""

    async def command(app: Application) -> int:
        await app.sql_grants.revoke(role, await app.names.tenant(tenant), local_actor())
        if as_json:
            print_json({"role": role, "revoked": True})
        else:
            out.print(f"{role} may submit nothing any more", markup=False)
        return 0

    run(command, as_json=as_json)
