"""`jobforge serve`: starts a server that another way in brings along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from pydantic import ValidationError

from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import SettingInvalid
from jobforge.entrypoints.cli.session import (
    errors,
    exit_code_of,
    show_error,
    show_setting_error,
)

Serve = Callable[[str, int, int], None]

_servers: dict[str, Serve] = {}


def bring(name: str, serve: Serve) -> None:
    """Let the command line start this server: ways in don't know each other, `__main__` does."""
    _servers[name] = serve


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")
    ] = 8000,
    work: Annotated[
        int,
        typer.Option(
            "--work",
            min=0,
            max=10_000,
            metavar="N",
            help="Work so many jobs at a time in this process, too; 0 leaves them to the workers.",
        ),
    ] = 0,
) -> None:
    """Serve the HTTP API and the console. Needs the extra `server`; SIGTERM and Ctrl-C stop it."""
    try:
        start = _servers.get("http")
        if start is None:
            raise SettingInvalid("this process has no HTTP server", hint="start it as `jobforge`")
        errors.print(f"Serving on http://{host}:{port}/; Ctrl-C stops it", markup=False)
        start(host, port, work)
    except JobForgeError as error:
        show_error(error, as_json=False)
        raise typer.Exit(exit_code_of(error)) from None
    except ValidationError as error:
        raise typer.Exit(show_setting_error(error, as_json=False)) from None
