"""`jobforge retention`: how long a tenant's past is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, get_args

import typer

from jobforge.bootstrap import Application
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.cli.options import AsJson, Tenant
from jobforge.entrypoints.cli.session import local_actor, new_table, out, print_json, run
from jobforge.ports.housekeeping import RetentionKind, RetentionRule

app = typer.Typer(help="How long a tenant's past is kept.", no_args_is_help=True)

FOR_EVER = "forever"
MAX_DAYS = 36_500
_KINDS = get_args(RetentionKind)
_SAID = {
    "runs": "runs that ended, with their jobs, keys and plans",
    "artifacts": "what jobs stored, since it was last stored",
    "audit": "entries of the audit log, removed behind a signed checkpoint only",
}

OneKind = Annotated[
    RetentionKind, typer.Option("--kind", help="What is kept: runs, artifacts or audit.")
]


@app.command()
def show(tenant: Tenant, as_json: AsJson = False) -> None:
    """Show how long a tenant's past is kept. What has no rule is kept for ever."""

    async def command(app: Application) -> int:
        _show(await app.retention.show(await app.names.tenant(tenant)), as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command("set")
def change(
    tenant: Tenant,
    kind: OneKind,
    days: Annotated[
        str, typer.Option("--days", metavar="N", help="How many days, 1 to 36500; or forever.")
    ],
    as_json: AsJson = False,
) -> None:
    """Change how long something is kept. Nothing is removed before `jobforge retention run`.

    Example: jobforge retention set --tenant acme --kind runs --days 90
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        rules = await app.retention.set(owner, kind, _to_days(days), local_actor())
        _show(rules, as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command("run")
def prune(tenant: Tenant, as_json: AsJson = False) -> None:
    """Remove what a tenant's rules do not keep; in small steps, beside all other work."""

    async def command(app: Application) -> int:
        pruned = asdict(await app.prune_tenant(await app.names.tenant(tenant), local_actor()))
        if as_json:
            print_json(pruned)
        else:
            out.print("Removed " + ", ".join(f"{n} {name}" for name, n in pruned.items()))
        return 0

    run(command, as_json=as_json)


def _to_days(text: str) -> int | None:
    if text == FOR_EVER:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= MAX_DAYS:
        raise InvalidInput(f"--days {text}: from 1 to {MAX_DAYS}, or {FOR_EVER}")
    return int(text)


def _show(rules: Sequence[RetentionRule], *, as_json: bool) -> None:
    days = {rule.kind: rule.days for rule in rules}
    if as_json:
        print_json({kind: days.get(kind) for kind in _KINDS})
        return
    table = new_table("kind", "is kept", "what it is")
    for kind in _KINDS:
        table.add_row(kind, f"{days[kind]} days" if kind in days else FOR_EVER, _SAID[kind])
    out.print(table)
