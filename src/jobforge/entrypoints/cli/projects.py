"""`jobforge project`: what a tenant works on."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.options import Alias, AsJson, Tenant
from jobforge.entrypoints.cli.session import local_actor, new_table, out, print_json, run

app = typer.Typer(help="Create and list projects of a tenant.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    tenant: Tenant,
    slug: Annotated[
        str | None,
        typer.Option("--slug", metavar="S", help="Its short name; made from NAME by default."),
    ] = None,
    project_id: Annotated[
        UUID | None, typer.Option("--id", metavar="UUID", help="Its id; a new one by default.")
    ] = None,
    alias: Alias = None,
    as_json: AsJson = False,
) -> None:
    """Create a project.

    Example: jobforge project create Website --tenant acme-inc --alias project-demo
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        project = await app.create_project(
            name,
            owner,
            local_actor(),
            slug=slug,
            project_id=project_id,
            aliases=alias or (),
        )
        if as_json:
            print_json({"id": str(project.project_id), "slug": project.slug, "name": name})
        else:
            out.print(
                f"Created project [bold]{project.slug}[/] of {owner.slug} ({project.project_id})"
            )
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_projects(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's projects."""

    async def command(app: Application) -> int:
        projects = await app.list_projects(await app.names.tenant(tenant))
        if as_json:
            print_json(
                [
                    {"id": str(p.project_id), "slug": p.slug, "aliases": list(p.aliases)}
                    for p in projects
                ]
            )
            return 0
        table = new_table("slug", "id", "name", "aliases")
        for project in projects:
            table.add_row(
                project.slug, str(project.project_id), project.name, ", ".join(project.aliases)
            )
        out.print(table if projects else "No project yet: jobforge project create NAME --tenant T")
        return 0

    run(command, as_json=as_json)
