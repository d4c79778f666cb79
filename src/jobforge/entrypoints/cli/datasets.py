"""`jobforge data`: datasets that payloads may name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.listing import Listing, show_removed
from jobforge.entrypoints.cli.options import AsJson, Project, Tenant
from jobforge.entrypoints.cli.session import local_actor, out, print_json, run
from jobforge.ports.records import DatasetRecord

app = typer.Typer(help="Register, list and forget datasets.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name that payloads use.")]


@app.command()
def add(
    name: Name,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="CSV, JSON, NDJSON or Parquet.")],
    tenant: Tenant,
    project: Project = None,
    as_json: AsJson = False,
) -> None:
    """Register a dataset: the file is checked and copied, so that it cannot change underneath.

    Example: jobforge data add invoices ./invoices.csv --tenant acme
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        project_id = await app.names.project(owner, project)
        dataset = await app.datasets.add(name, path, owner, project_id, local_actor())
        if as_json:
            print_json(_to_json(dataset))
        else:
            out.print(
                f"Added {dataset.name}: {dataset.row_count:,} rows, "
                f"{len(dataset.columns)} columns, {dataset.size:,} bytes of {dataset.format}",
                markup=False,
            )
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_datasets(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's datasets."""

    async def command(app: Application) -> int:
        datasets = await app.datasets.all(await app.names.tenant(tenant))
        return _LISTING.show(datasets, as_json=as_json)

    run(command, as_json=as_json)


@app.command()
def remove(name: Name, tenant: Tenant, project: Project = None, as_json: AsJson = False) -> None:
    """Forget a dataset. Results that were made from it stay."""

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        project_id = await app.names.project(owner, project)
        await app.datasets.remove(name, owner, project_id, local_actor())
        return show_removed(name, as_json=as_json)

    run(command, as_json=as_json)


def _to_json(dataset: DatasetRecord) -> dict[str, object]:
    return {
        "name": dataset.name,
        "project_id": None if dataset.project_id is None else str(dataset.project_id),
        "format": dataset.format,
        "rows": dataset.row_count,
        "size": dataset.size,
        "checksum": dataset.checksum,
        "columns": list(dataset.columns),
    }


def _to_row(dataset: DatasetRecord) -> tuple[str, ...]:
    counts = (f"{dataset.row_count:,}", f"{dataset.size:,}")
    return dataset.name, dataset.format, *counts, ", ".join(dataset.columns)


_LISTING = Listing(
    ("name", "format", "rows", "bytes", "columns"),
    _to_row,
    _to_json,
    "No dataset yet: jobforge data add NAME PATH --tenant T",
)
