"""The command tree: every command is listed here once."""

from __future__ import annotations

import typer

app = typer.Typer(name="jobforge", help=__doc__, no_args_is_help=True)


def main() -> None:
    """Run the command line."""
    app()
