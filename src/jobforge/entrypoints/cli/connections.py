"""`jobforge connection`: credentials that payloads name and never contain."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from jobforge.bootstrap import Application
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.cli.listing import Listing, show_removed
from jobforge.entrypoints.cli.options import AsJson, Tenant
from jobforge.entrypoints.cli.session import local_actor, out, print_json, run
from jobforge.ports.records import ConnectionRecord
from jobforge.use_cases.keep_connections import check_url

app = typer.Typer(help="Add, list, test and remove connections.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name that payloads use.")]


@app.command()
def add(
    name: Name,
    tenant: Tenant,
    kind: Annotated[str, typer.Option("--kind", help="postgres, http or git.")] = "postgres",
    as_json: AsJson = False,
) -> None:
    """Add a connection. Its URL is read from standard input or asked for, never an argument.

    Example: echo "$DATABASE_URL" | jobforge connection add reporting --tenant acme
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        settings = check_url(kind, _read_settings())
        await app.connections.add(name, kind, settings, owner, local_actor())
        if as_json:
            print_json({"name": name, "kind": kind})
        else:
            out.print(f"Added connection {name}; its settings are sealed", markup=False)
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_connections(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's connections, without their settings."""

    async def command(app: Application) -> int:
        connections = await app.connections.all(await app.names.tenant(tenant))
        return _LISTING.show(connections, as_json=as_json)

    run(command, as_json=as_json)


@app.command("test")
def probe(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Open a connection and say what answered."""

    async def command(app: Application) -> int:
        said = await app.connections.test(name, await app.names.tenant(tenant), local_actor())
        if as_json:
            print_json({"name": name, "ok": True, "answer": said})
        else:
            out.print(f"{name}: {said}", markup=False)
        return 0

    run(command, as_json=as_json)


@app.command()
def remove(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Forget a connection and its credentials."""

    async def command(app: Application) -> int:
        await app.connections.remove(name, await app.names.tenant(tenant), local_actor())
        return show_removed(name, as_json=as_json)

    run(command, as_json=as_json)


def _read_settings() -> dict[str, Any]:
    """A URL, or a JSON object that has one."""
    if sys.stdin.isatty():
        text = str(typer.prompt("URL", hide_input=True))
    else:
        text = sys.stdin.read().strip()
    if not text.startswith("{"):
        return {"url": text}
    try:
        document = json.loads(text)
    except ValueError:
        raise InvalidInput("the settings are neither a URL nor a JSON object") from None
    return dict(document)


def _to_json(connection: ConnectionRecord) -> dict[str, object]:
    return {"name": connection.name, "kind": connection.kind}


def _to_row(connection: ConnectionRecord) -> tuple[str, ...]:
    added = connection.created_at.isoformat(sep=" ", timespec="seconds")
    return connection.name, connection.kind, added


_LISTING = Listing(
    ("name", "kind", "added"),
    _to_row,
    _to_json,
    "No connection yet: jobforge connection add NAME",
)
