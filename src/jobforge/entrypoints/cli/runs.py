"""`jobforge run`: bundle runs, as they stand now."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from jobforge.bootstrap import Application
from jobforge.core.run_summary import render_summary
from jobforge.entrypoints.cli import run_view
from jobforge.entrypoints.cli.options import AsJson, Limit, Tenant
from jobforge.entrypoints.cli.session import new_table, out, print_json, printable, run

app = typer.Typer(help="Show bundle runs.", no_args_is_help=True)

RunId = Annotated[UUID, typer.Argument(metavar="ID", help="The bundle run's id.")]


@app.command("list")
def list_runs(tenant: Tenant, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List a tenant's newest bundle runs."""

    async def command(app: Application) -> int:
        runs = await app.show_run.newest(await app.names.tenant(tenant), limit)
        if as_json:
            print_json(
                [
                    {
                        "id": str(r.run_id),
                        "mode": r.mode,
                        "status": r.status,
                        "dialect": r.dialect,
                        "created_at": r.created_at.isoformat(),
                    }
                    for r in runs
                ]
            )
            return 0
        table = new_table("id", "when", "mode", "status", "dialect", "open")
        for r in runs:
            when = r.created_at.isoformat(sep=" ", timespec="seconds")
            dialect = Text(r.dialect or "")
            table.add_row(str(r.run_id), when, r.mode, r.status, dialect, str(r.open_children))
        out.print(table if runs else "No run yet: jobforge bundle plan FILE --tenant T")
        return 0

    run(command, as_json=as_json)


@app.command()
def show(run_id: RunId, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show a bundle run with its children's statuses as they are now."""

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        result = await app.show_run(run_id, owner)
        effects = await app.show_run.effects(run_id, owner)
        run_view.show_run(result, effects, as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command()
def manifest(run_id: RunId, tenant: Tenant) -> None:
    """Print a bundle run's manifest as JSON."""

    async def command(app: Application) -> int:
        result = await app.show_run(run_id, await app.names.tenant(tenant))
        print_json(result.manifest.model_dump(mode="json"))
        return 0

    run(command, as_json=True)


@app.command()
def summary(run_id: RunId, tenant: Tenant) -> None:
    """Print a bundle run's summary as Markdown."""

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        result = await app.show_run(run_id, owner)
        effects = await app.show_run.effects(run_id, owner)
        typer.echo(printable(render_summary(result, effects)), nl=False)
        return 0

    run(command)
