"""`jobforge key`: API keys of a tenant."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from jobforge.bootstrap import Application
from jobforge.core.actor import Role
from jobforge.core.api_key import DEFAULT_LIFETIME
from jobforge.entrypoints.cli.listing import Listing
from jobforge.entrypoints.cli.options import AsJson, Project, Tenant
from jobforge.entrypoints.cli.session import errors, local_actor, out, print_json, run
from jobforge.entrypoints.cli.tokens import parse_lifetime
from jobforge.ports.keys import KeyRecord
from jobforge.use_cases.keep_keys import CreatedKey, KeyWish

app = typer.Typer(help="Create, list, rotate and revoke API keys.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's public id.")]
ExpiresIn = Annotated[
    str | None,
    typer.Option("--expires-in", metavar="90d", help="How long it lives: seconds, m, h or d."),
]


@app.command()
def create(
    tenant: Tenant,
    role: Annotated[
        list[Role],
        typer.Option("--role", "-r", help="What it may do; may be repeated."),
    ],
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="NAME", help="Whose it is: a person or a program. Default: you."
        ),
    ] = None,
    project: Project = None,
    expires_in: ExpiresIn = None,
    as_json: AsJson = False,
) -> None:
    """Create a key for the HTTP API. It is shown once; only its hash is kept.

    Example: jobforge key create --tenant acme --role operator --owner ada
    """

    async def command(app: Application) -> int:
        found = await app.names.tenant(tenant)
        wish = KeyWish(
            owner=owner or getpass.getuser(),
            roles=frozenset(role),
            lifetime=parse_lifetime(expires_in) if expires_in else DEFAULT_LIFETIME,
            project_id=await app.names.project(found, project),
        )
        _show(await app.keys.create(wish, found, local_actor()), as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_keys(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's keys, with their last use. The keys themselves are not kept."""

    async def command(app: Application) -> int:
        keys = await app.keys.all(await app.names.tenant(tenant))
        return _listing(app).show(keys, as_json=as_json)

    run(command, as_json=as_json)


@app.command()
def rotate(
    key_id: KeyId,
    tenant: Tenant,
    grace: Annotated[
        str,
        typer.Option("--grace", metavar="24h", help="How long the old one lives on."),
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Create a key's successor; both are valid until the grace is over."""

    async def command(app: Application) -> int:
        found = await app.names.tenant(tenant)
        created = await app.keys.rotate(key_id, parse_lifetime(grace), found, local_actor())
        _show(created, as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command()
def revoke(key_id: KeyId, tenant: Tenant, as_json: AsJson = False) -> None:
    """Revoke a key, from its next use on."""

    async def command(app: Application) -> int:
        found = await app.names.tenant(tenant)
        is_new = await app.keys.revoke(key_id, found, local_actor())
        if as_json:
            print_json({"id": key_id, "revoked": is_new})
        else:
            out.print(f"Revoked key {key_id}" if is_new else f"Key {key_id} was revoked before")
        return 0

    run(command, as_json=as_json)


def _show(created: CreatedKey, *, as_json: bool) -> None:
    if as_json:
        print_json({**_to_json(created.record), "key": created.key})
        return
    out.print(created.key, markup=False)
    key = created.record
    errors.print(
        f"Key {key.key_id} of {key.owner} ({', '.join(key.roles)}) until "
        f"{key.expires_at:%Y-%m-%d %H:%M}Z. It is not shown again.",
        markup=False,
    )


def _to_json(key: KeyRecord) -> dict[str, object]:
    return {
        "id": key.key_id,
        "owner": key.owner,
        "roles": list(key.roles),
        "project_id": None if key.project_id is None else str(key.project_id),
        "created_by": key.created_by,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat(),
        "last_used_at": None if key.last_used_at is None else key.last_used_at.isoformat(),
        "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
        "replaces": key.replaces,
    }


def _state(key: KeyRecord, app: Application) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if app.clock.now() >= key.expires_at else "valid"


def _to_row(key: KeyRecord, app: Application) -> tuple[str, ...]:
    used = "never" if key.last_used_at is None else f"{key.last_used_at:%Y-%m-%d %H:%M}Z"
    expires = f"{key.expires_at:%Y-%m-%d %H:%M}Z"
    return key.key_id, key.owner, ", ".join(key.roles), expires, used, _state(key, app)


def _listing(app: Application) -> Listing[KeyRecord]:
    return Listing(
        ("id", "owner", "roles", "expires", "last used", "state"),
        lambda key: _to_row(key, app),
        _to_json,
        "No key yet: jobforge key create --tenant T --role R",
    )
