"""`jobforge artifact`: what lies behind the references of manifests and answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.files import open_to_write
from jobforge.entrypoints.cli.options import Tenant
from jobforge.entrypoints.cli.session import errors, run

app = typer.Typer(help="Fetch artifacts.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Fetch artifacts."""


@app.command()
def get(
    ref: Annotated[str, typer.Argument(metavar="REF", help="For example artifact:sha256:….")],
    tenant: Tenant,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; default: standard output."),
    ] = None,
) -> None:
    """Fetch what a reference leads to.

    Example: jobforge artifact get artifact:sha256:… --tenant acme -o report.json
    """

    async def command(app: Application) -> int:
        found = await app.resolve_ref(ref, await app.names.tenant(tenant))
        if output is None:
            sys.stdout.buffer.write(found.content)
        else:
            with open_to_write(output) as file:
                file.write(found.content)
            wrote = f"Wrote {len(found.content):,} bytes of {found.mime_type} to {output}"
            errors.print(wrote, markup=False)
        return 0

    run(command)
