"""`jobforge window`: when work may begin, and when it may not."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from jobforge.bootstrap import Application
from jobforge.core.controls import Once, Scope, Weekly, once, weekly
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.cli.listing import Listing, show_removed
from jobforge.entrypoints.cli.options import AsJson
from jobforge.entrypoints.cli.scopes import OneTenant, OneType, read_owner
from jobforge.entrypoints.cli.session import local_actor, out, print_json, run
from jobforge.ports.controls import WindowRecord

app = typer.Typer(help="Maintenance windows: when work may begin.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")]


class Kind(StrEnum):
    """What a window does."""

    open = "open"
    closed = "closed"


@app.command()
def add(  # noqa: PLR0913, PLR0917 (an option each)
    name: Name,
    kind: Annotated[
        Kind,
        typer.Option("--kind", help="open: only then may it begin. closed: then it may not."),
    ],
    tenant: OneTenant = None,
    job_type: OneType = None,
    all_jobs: Annotated[
        bool, typer.Option("--all-jobs", help="Hold read-only jobs, too, not actions alone.")
    ] = False,
    days: Annotated[
        str | None, typer.Option("--days", metavar="DAYS", help="As in mon,sat; or daily.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When it starts, as in 02:00.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="How long, as in 4h or 1h30m.")
    ] = None,
    zone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="Whose clocks, as in Europe/Berlin.")
    ] = "UTC",
    starts_at: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Once, from here: 2026-12-24T18:00:00+01:00."),
    ] = None,
    ends_at: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Once, until here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a window, weekly or once. Without --tenant it holds for every tenant.

    Example: jobforge window add nights --kind open --days daily --at 01:00 --for 4h
    """

    async def command(app: Application) -> int:
        times = _read_times((days, at, duration), zone, (starts_at, ends_at))
        owner = await read_owner(app, tenant)
        scope = Scope(owner.tenant_id, owner.tenant_slug, job_type)
        window = await app.windows.add(
            name, kind.value, scope, times, local_actor(), only_actions=not all_jobs
        )
        if as_json:
            print_json(_to_json(window))
        else:
            out.print(f"Added the {kind} window {name} of {scope}: {times}", markup=False)
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_windows(tenant: OneTenant = None, as_json: AsJson = False) -> None:
    """List a tenant's windows, or those of every tenant where none is named."""

    async def command(app: Application) -> int:
        windows = await app.windows.all(await read_owner(app, tenant))
        return _LISTING.show(windows, as_json=as_json)

    run(command, as_json=as_json)


@app.command()
def remove(name: Name, tenant: OneTenant = None, as_json: AsJson = False) -> None:
    """Forget a window."""

    async def command(app: Application) -> int:
        await app.windows.remove(name, await read_owner(app, tenant), local_actor())
        return show_removed(name, as_json=as_json)

    run(command, as_json=as_json)


def _read_times(
    of_week: tuple[str | None, str | None, str | None],
    zone: str,
    of_once: tuple[str | None, str | None],
) -> Weekly | Once:
    days, at, duration = of_week
    starts_at, ends_at = of_once
    is_weekly, is_once = any(of_week), any(of_once)
    if is_weekly and not is_once and days and at and duration:
        return weekly(days, at, duration, zone)
    if is_once and not is_weekly and starts_at and ends_at:
        return once(_read_moment(starts_at), _read_moment(ends_at))
    raise InvalidInput(
        "when is it?", hint="--days, --at and --for each week; or --from and --until once"
    )


def _read_moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no time", hint="as in 2026-12-24T18:00:00+01:00") from None


def _to_json(window: WindowRecord) -> dict[str, object]:
    return {
        "name": window.name,
        "kind": window.kind,
        "job_type": window.job_type,
        "only_actions": window.only_actions,
        "times": str(window.times),
        "actor": window.actor,
    }


def _to_row(window: WindowRecord) -> tuple[str, ...]:
    holds = "actions" if window.only_actions else "all jobs"
    return window.name, window.kind, window.job_type, holds, str(window.times)


_LISTING = Listing(
    ("name", "kind", "job type", "holds", "times"),
    _to_row,
    _to_json,
    "No window: work may begin at any time.",
)
