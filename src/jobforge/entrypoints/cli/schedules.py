"""`jobforge schedule`: work that starts at its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from jobforge.bootstrap import Application
from jobforge.core.errors import InvalidInput
from jobforge.core.schedule import Timing
from jobforge.core.starting import EXECUTOR, MODULE_RUNNER, run_started_by
from jobforge.entrypoints.cli.bundles import OnPolicyFailure, PolicyFailure
from jobforge.entrypoints.cli.listing import Listing, show_removed
from jobforge.entrypoints.cli.options import AsJson, PolicyToken, Project, Tenant
from jobforge.entrypoints.cli.session import local_actor, new_table, out, print_json, run
from jobforge.entrypoints.cli.work import Bundle, DryRun, JobType, Module, Payload, read_wish
from jobforge.ports.starting import FiringRecord, ScheduleRecord
from jobforge.steps.intake import Submission

app = typer.Typer(help="Start bundles, modules and jobs at their time.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")]


class OnMissed(StrEnum):
    """What becomes of occurrences at which no worker ran."""

    skip = "skip"
    run_once = "run_once"
    run_all = "run_all"


@app.command()
def add(  # noqa: PLR0913, PLR0917 (an option each)
    name: Name,
    tenant: Tenant,
    cron: Annotated[
        str | None, typer.Option("--cron", metavar="FIELDS", help="minute hour day month weekday.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="INSTANT", help="Once, like 2026-01-31T12:00:00Z.")
    ] = None,
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="TZ", help="How the fields are read.")
    ] = "UTC",
    jitter: Annotated[
        int, typer.Option("--jitter", metavar="SECONDS", help="Spread firings over so long.")
    ] = 0,
    missed: Annotated[
        OnMissed, typer.Option("--missed", help="What becomes of times at which no worker ran.")
    ] = OnMissed.run_once,
    bundle: Bundle = None,
    module: Module = None,
    job_type: JobType = None,
    payload: Payload = None,
    project: Project = None,
    policy_token: PolicyToken = None,
    on_policy_failure: PolicyFailure = OnPolicyFailure.deny_all,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add a schedule. It is enabled at once; a worker has to run when it is due.

    Example: jobforge schedule add nightly --tenant acme --cron "30 2 * * *" --timezone Europe/Berlin --bundle bundle.json
    """  # noqa: E501 (an example is one line)

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        timing = Timing(
            cron=cron,
            at=_parse_instant(at),
            timezone=timezone,
            jitter=timedelta(seconds=jitter),
            on_missed=missed.value,
        )
        wish = read_wish(
            (bundle, module, job_type, payload),
            dry_run=dry_run,
            on_policy_failure=on_policy_failure.value,
            policy_token=policy_token,
        )
        submission = Submission(
            owner, local_actor(), "execute", await app.names.project(owner, project)
        )
        schedule = await app.schedules.add(name, timing, wish, submission)
        if as_json:
            print_json(to_json(schedule))
        else:
            out.print(f"Added schedule {name}; it fires next at {_shown(schedule.fires_at)}")
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_schedules(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's schedules."""

    async def command(app: Application) -> int:
        schedules = await app.schedules.all(await app.names.tenant(tenant))
        return _LISTING.show(schedules, as_json=as_json)

    run(command, as_json=as_json)


@app.command()
def show(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show a schedule, and what became of its newest occurrences."""

    async def command(app: Application) -> int:
        schedule, firings = await app.schedules.show(name, await app.names.tenant(tenant))
        if as_json:
            print_json(
                to_json(schedule) | {"firings": [firing_to_json(f, schedule) for f in firings]}
            )
            return 0
        for label, value in to_json(schedule).items():
            out.print(f"{label:15} {value}", markup=False)
        table = new_table("due", "outcome", "run", "why")
        for f in firings:
            started = _started_run(f, schedule) or ""
            table.add_row(_shown(f.due_at), f.outcome, started, Text(f.reason))
        out.print(table if firings else "It has not fired yet.")
        return 0

    run(command, as_json=as_json)


@app.command("next")
def next_firings(
    name: Name,
    tenant: Tenant,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100, help="How many.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Say when a schedule will fire, jitter included."""

    async def command(app: Application) -> int:
        times = await app.schedules.next(name, await app.names.tenant(tenant), count)
        if as_json:
            print_json([time.isoformat() for time in times])
            return 0
        for time in times:
            out.print(_shown(time))
        if not times:
            out.print(f"Schedule {name} will not fire: jobforge schedule enable {name}")
        return 0

    run(command, as_json=as_json)


@app.command()
def enable(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Let a schedule fire again, from its next occurrence on."""
    _switch(name, tenant, as_json=as_json, is_enabled=True)


@app.command()
def disable(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Keep a schedule from firing. What was due meanwhile is not made up for."""
    _switch(name, tenant, as_json=as_json, is_enabled=False)


@app.command()
def remove(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Forget a schedule. What it started goes on."""

    async def command(app: Application) -> int:
        await app.schedules.remove(name, await app.names.tenant(tenant), local_actor())
        return show_removed(name, as_json=as_json)

    run(command, as_json=as_json)


def _switch(name: str, tenant: str, *, as_json: bool, is_enabled: bool) -> None:
    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        schedule = await app.schedules.switch(name, owner, local_actor(), is_enabled=is_enabled)
        if as_json:
            print_json(to_json(schedule))
        elif is_enabled:
            out.print(f"Enabled {name}; it fires next at {_shown(schedule.fires_at)}")
        else:
            out.print(f"Disabled {name}", markup=False)
        return 0

    run(command, as_json=as_json)


def _parse_instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no instant", pointer="/at", hint="like 2026-01-31T12:00:00Z"
        ) from None
    return instant if instant.tzinfo is None else instant.astimezone(UTC)


def _shown(instant: datetime | None) -> str:
    return "never" if instant is None else f"{instant:%Y-%m-%d %H:%M:%SZ}"


def _when(schedule: ScheduleRecord) -> str:
    return schedule.cron if schedule.cron is not None else f"once, {_shown(schedule.at)}"


def to_json(schedule: ScheduleRecord) -> dict[str, object]:
    """A schedule as `--json` shows it."""
    return {
        "name": schedule.name,
        "id": str(schedule.schedule_id),
        "cron": schedule.cron,
        "at": _iso(schedule.at),
        "timezone": schedule.timezone,
        "jitter_seconds": schedule.jitter_seconds,
        "on_missed": schedule.on_missed,
        "job_type": schedule.job_type,
        "project_id": None if schedule.project_id is None else str(schedule.project_id),
        "created_by": schedule.created_by,
        "enabled": schedule.is_enabled,
        "next": _iso(schedule.fires_at),
    }


def _started_run(firing: FiringRecord, schedule: ScheduleRecord) -> str | None:
    """The run to look at: the bundle's where it started one, once a worker took its job."""
    if firing.job_id is not None and schedule.job_type in {EXECUTOR, MODULE_RUNNER}:
        return str(run_started_by(firing.job_id))
    return None if firing.run_id is None else str(firing.run_id)


def firing_to_json(firing: FiringRecord, schedule: ScheduleRecord) -> dict[str, object]:
    """What became of an occurrence, as `--json` shows it."""
    return {
        "due": _iso(firing.due_at),
        "decided_at": _iso(firing.decided_at),
        "outcome": firing.outcome,
        "reason": firing.reason,
        "run_id": _started_run(firing, schedule),
        "job_id": None if firing.job_id is None else str(firing.job_id),
    }


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _to_row(schedule: ScheduleRecord) -> tuple[str, ...]:
    fires = _shown(schedule.fires_at)
    return schedule.name, _when(schedule), schedule.timezone, schedule.job_type, fires


_LISTING = Listing(
    ("name", "when", "time zone", "starts", "next"),
    _to_row,
    to_json,
    "No schedule yet: jobforge schedule add NAME",
)
