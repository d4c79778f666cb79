"""`jobforge types`: the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobforge.bootstrap import load_catalog
from jobforge.core.catalog import AnyJobType
from jobforge.core.errors import Missing
from jobforge.entrypoints.cli.options import AsJson
from jobforge.entrypoints.cli.session import (
    exit_code_of,
    new_table,
    out,
    print_json,
    show_error,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

app = typer.Typer(help="List and show job types.", no_args_is_help=True)


@app.command("list")
def list_types(as_json: AsJson = False) -> None:
    """List every job type that can run here."""
    catalog = load_catalog()
    if as_json:
        print_json([_to_json(job_type) for job_type in catalog])
        return
    table = new_table("job type", "title", "scopes", "action", "time limit")
    for job_type in catalog:
        table.add_row(
            job_type.name,
            job_type.title,
            ", ".join(sorted(job_type.scopes)),
            "yes" if job_type.is_action else "",
            f"{job_type.timeout.total_seconds():g} s",
        )
    out.print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="TYPE", help="The job type's full name.")],
    as_json: AsJson = False,
) -> None:
    """Show a job type with the JSON Schemas of its payload and result."""
    catalog = load_catalog()
    job_type = catalog.find(name)
    if job_type is None:
        missing = Missing(f"there is no job type {name}", hint="jobforge types list")
        show_error(missing, as_json=as_json)
        raise typer.Exit(exit_code_of(missing))
    document = {
        **_to_json(job_type),
        "payload": _schema(job_type.payload, job_type.examples),
        "result": _schema(job_type.result, job_type.result_examples),
    }
    if as_json:
        print_json(document)
        return
    out.print(f"[bold]{job_type.name}[/]: {job_type.title}")
    out.print_json(data=document)


def _to_json(job_type: AnyJobType) -> dict[str, Any]:
    return {
        "name": job_type.name,
        "title": job_type.title,
        "domain": job_type.domain,
        "scopes": sorted(job_type.scopes),
        "is_action": job_type.is_action,
        "timeout_seconds": job_type.timeout.total_seconds(),
        "max_attempts": job_type.max_attempts,
    }


def _schema(model: type[BaseModel], examples: tuple[Any, ...]) -> dict[str, Any]:
    return {**model.model_json_schema(), "examples": [dict(example) for example in examples]}
