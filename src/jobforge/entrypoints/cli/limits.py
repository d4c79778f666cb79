"""`jobforge limits`: what a tenant may have at most."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from jobforge.bootstrap import Application
from jobforge.core.controls import Limits
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.cli.options import AsJson, Tenant
from jobforge.entrypoints.cli.scopes import Reason
from jobforge.entrypoints.cli.session import local_actor, new_table, out, print_json, run

app = typer.Typer(help="Limits and blast-radius caps of a tenant.", no_args_is_help=True)

_NO_LIMIT = "none"
_SAID = {
    "running_cap": "jobs in the queue and running at a time",
    "rate_per_minute": "jobs that start in a minute",
    "daily_jobs": "jobs that are released in a day (UTC)",
    "targets_per_action": "targets that one action may change",
    "targets_per_day": "targets that actions may change in a day (UTC)",
}


@app.command()
def show(tenant: Tenant, as_json: AsJson = False) -> None:
    """Show a tenant's limits."""

    async def command(app: Application) -> int:
        limits = await app.limits(await app.names.tenant(tenant))
        _show(limits, as_json=as_json)
        return 0

    run(command, as_json=as_json)


@app.command("set")
def change(  # noqa: PLR0913, PLR0917 (an option each)
    tenant: Tenant,
    reason: Reason,
    running_cap: Annotated[
        int | None, typer.Option("--running-cap", metavar="N", help="Jobs at a time.")
    ] = None,
    rate_per_minute: Annotated[
        str | None, typer.Option("--rate-per-minute", metavar="N", help="Starts; or none.")
    ] = None,
    daily_jobs: Annotated[
        str | None, typer.Option("--daily-jobs", metavar="N", help="Jobs a day; or none.")
    ] = None,
    targets_per_action: Annotated[
        str | None,
        typer.Option("--targets-per-action", metavar="N", help="Targets an action; or none."),
    ] = None,
    targets_per_day: Annotated[
        str | None,
        typer.Option("--targets-per-day", metavar="N", help="Targets a day; or none."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change limits of a tenant. It holds at once for all that is not in the queue yet.

    Example: jobforge limits set --tenant acme --running-cap 20 --daily-jobs 5000 --reason trial
    """
    given = {
        "rate_per_minute": rate_per_minute,
        "daily_jobs": daily_jobs,
        "targets_per_action": targets_per_action,
        "targets_per_day": targets_per_day,
    }

    async def command(app: Application) -> int:
        changes = {name: _read(name, text) for name, text in given.items() if text is not None}
        if running_cap is not None:
            changes["running_cap"] = running_cap
        if not changes:
            raise InvalidInput("no limit is named", hint="jobforge limits set --help")
        owner = await app.names.tenant(tenant)
        limits = await app.limits.change(owner, changes, reason, local_actor())
        _show(limits, as_json=as_json)
        return 0

    run(command, as_json=as_json)


def _read(name: str, text: str) -> int | None:
    if text == _NO_LIMIT:
        return None
    if not text.isdecimal():
        option = name.replace("_", "-")
        raise InvalidInput(f"--{option} takes a number or none, not {text!r}")
    return int(text)


def _show(limits: Limits, *, as_json: bool) -> None:
    values: dict[str, int | None] = asdict(limits)
    if as_json:
        print_json(values)
        return
    table = new_table("limit", "is", "of")
    for name, value in values.items():
        table.add_row(name, "none" if value is None else f"{value:,}", _SAID[name])
    out.print(table)
