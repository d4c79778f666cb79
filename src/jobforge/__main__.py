"""`python -m jobforge` is the `jobforge` command: the command line, and the servers it starts."""

from __future__ import annotations

from jobforge.core.errors import SettingInvalid
from jobforge.entrypoints.cli import main as run_command_line
from jobforge.entrypoints.cli.agents import bring_agents
from jobforge.entrypoints.cli.serving import bring


def serve_http(host: str, port: int, places: int) -> None:
    """Serve the HTTP API and the console.

    Raises:
        SettingInvalid: the extra `server` is not installed.
    """
    try:
        from jobforge.entrypoints.http.console.mount import mount_console
        from jobforge.entrypoints.http.server import Serving, serve
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            f"the HTTP server is not installed ({error.name} is missing)",
            hint="pip install 'jobforge[server]'",
        ) from None
    serve(Serving(host, port, places), [mount_console])


def serve_agents(host: str | None, port: int) -> None:
    """Serve the tools for agents.

    Raises:
        SettingInvalid: the extra `mcp` is not installed, or there is no key.
    """
    try:
        from jobforge.entrypoints.mcp.server import serve
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            f"the server for agents is not installed ({error.name} is missing)",
            hint="pip install 'jobforge[mcp]'",
        ) from None
    serve(host, port)


def main() -> None:
    """Run the command line."""
    bring("http", serve_http)
    bring_agents(serve_agents)
    run_command_line()


if __name__ == "__main__":
    main()
