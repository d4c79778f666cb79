"""Options that several commands share, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on standard output.")
]
Tenant = Annotated[
    str, typer.Option("--tenant", "-t", metavar="T", help="The tenant: UUID, slug or alias.")
]
Project = Annotated[
    str | None,
    typer.Option("--project", "-p", metavar="P", help="The project: UUID, slug or alias."),
]
PolicyToken = Annotated[
    str | None,
    typer.Option(
        "--policy-token",
        metavar="TOKEN",
        help="The policy token that actions need; see `jobforge token issue`.",
    ),
]
BundleFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The request bundle; - reads standard input.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many at most.")]
Alias = Annotated[
    list[str] | None,
    typer.Option("--alias", metavar="A", help="Another name it goes by; may be repeated."),
]
