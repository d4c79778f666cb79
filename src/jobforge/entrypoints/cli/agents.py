"""`jobforge mcp`: starts the server for agents that another way in brings along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from pydantic import ValidationError

from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import SettingInvalid
from jobforge.entrypoints.cli.session import errors, exit_code_of, show_error, show_setting_error

ServeAgents = Callable[[str | None, int], None]

_servers: list[ServeAgents] = []


def bring_agents(serve: ServeAgents) -> None:
    """Let the command line start this server: ways in don't know each other, `__main__` does."""
    _servers[:] = [serve]


def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP; each request brings its own key.")
    ] = False,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")
    ] = 8001,
) -> None:
    """Serve tools for agents (Model Context Protocol), over standard input. Needs the extra `mcp`.

    Example: jobforge mcp --http
    """
    try:
        if not _servers:
            raise SettingInvalid("this process has no such server", hint="start it as `jobforge`")
        if http:
            errors.print(f"Serving on http://{host}:{port}/mcp; Ctrl-C stops it", markup=False)
        _servers[0](host if http else None, port)
    except JobForgeError as error:
        show_error(error, as_json=False)
        raise typer.Exit(exit_code_of(error)) from None
    except ValidationError as error:
        raise typer.Exit(show_setting_error(error, as_json=False)) from None
