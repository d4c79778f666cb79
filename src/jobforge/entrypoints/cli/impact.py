"""`jobforge impact`: what came of a run, as a graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import typer

from jobforge.bootstrap import Application
from jobforge.core.impact import ImpactGraph
from jobforge.entrypoints.cli.files import open_to_write
from jobforge.entrypoints.cli.options import AsJson, Tenant
from jobforge.entrypoints.cli.session import errors, print_json, run

Form = Literal["json", "mermaid", "svg"]


def impact(
    run_id: Annotated[UUID, typer.Argument(metavar="RUN", help="The bundle run's id.")],
    tenant: Tenant,
    form: Annotated[
        Form, typer.Option("--format", help="A flowchart, a picture, or JSON.")
    ] = "mermaid",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what came of a run: who asked, approvals, jobs, effects and artifacts, as a graph.

    Example: jobforge impact RUN --tenant acme --format svg --output run.svg
    """

    async def command(app: Application) -> int:
        graph = await app.show_impact(run_id, await app.names.tenant(tenant))
        if as_json or (form == "json" and output is None):
            print_json(graph.to_json())
        elif output is None:
            typer.echo(_render(graph, form), nl=False)
        else:
            with open_to_write(output) as file:
                file.write(_render(graph, form).encode())
            errors.print(f"Wrote {len(graph.nodes)} nodes to {output}", markup=False)
        return 0

    run(command, as_json=as_json)


def _render(graph: ImpactGraph, form: Form) -> str:
    match form:
        case "json":
            import json

            return json.dumps(graph.to_json(), indent=2) + "\n"
        case "mermaid":
            return graph.to_mermaid()
        case "svg":
            return graph.to_svg()
