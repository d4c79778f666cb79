"""`jobforge event`: what happened elsewhere, for trigger rules to react to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from jobforge.bootstrap import Application
from jobforge.entrypoints.cli.bundles import read_input
from jobforge.entrypoints.cli.listing import Listing
from jobforge.entrypoints.cli.options import AsJson, Limit, Tenant
from jobforge.entrypoints.cli.session import new_table, out, print_json, run
from jobforge.ports.events import EvaluationRecord, EventRecord

app = typer.Typer(help="Send and look at events.", no_args_is_help=True)

EventFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The event envelope; - reads standard input.")
]


@app.command()
def send(file: EventFile, tenant: Tenant, as_json: AsJson = False) -> None:
    """Store an event. A worker judges it by the tenant's trigger rules.

    Example: jobforge event send event.json --tenant acme
    """

    async def command(app: Application) -> int:
        stored = await app.send_event(read_input(file), await app.names.tenant(tenant))
        if as_json:
            print_json({"id": str(stored.event_id), "new": stored.is_new})
        elif stored.is_new:
            out.print(f"Stored event {stored.event_id}")
        else:
            out.print(f"Event {stored.event_id} is there already")
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_events(tenant: Tenant, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List a tenant's newest events."""

    async def command(app: Application) -> int:
        events = await app.show_events.newest(await app.names.tenant(tenant), limit)
        return _LISTING.show(events, as_json=as_json)

    run(command, as_json=as_json)


@app.command()
def show(
    event_id: Annotated[UUID, typer.Argument(metavar="ID", help="The event's id.")],
    tenant: Tenant,
    as_json: AsJson = False,
) -> None:
    """Show an event, and what each rule made of it."""

    async def command(app: Application) -> int:
        event, verdicts = await app.show_events(event_id, await app.names.tenant(tenant))
        shown = {name: verdict_to_json(verdict) for name, verdict in verdicts.items()}
        if as_json:
            envelope = json.loads(event.envelope)
            print_json(to_json(event) | {"envelope": envelope, "evaluations": shown})
            return 0
        for label, value in to_json(event).items():
            out.print(f"{label:15} {value}", markup=False)
        table = new_table("rule", "outcome", "run", "why")
        for name, verdict in verdicts.items():
            run_id = "" if verdict.run_id is None else str(verdict.run_id)
            table.add_row(Text(name), verdict.outcome, run_id, Text(verdict.reason))
        out.print(table if verdicts else "No rule has judged it.")
        return 0

    run(command, as_json=as_json)


def to_json(event: EventRecord) -> dict[str, object]:
    """An event as `--json` shows it."""
    occurred = event.occurred_at
    return {
        "id": str(event.event_id),
        "event_type": event.event_type,
        "source_module": event.source_module,
        "severity": event.severity,
        "priority": event.priority,
        "trace_id": event.trace_id,
        "occurred_at": None if occurred is None else occurred.isoformat(),
        "received_at": event.received_at.isoformat(),
        "state": event.state,
        "reason": event.reason,
    }


def verdict_to_json(verdict: EvaluationRecord) -> dict[str, object]:
    """A rule's verdict as `--json` shows it."""
    return {
        "event_id": str(verdict.event_id),
        "decided_at": verdict.decided_at.isoformat(),
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "dedupe_key": verdict.dedupe_key,
        "run_id": None if verdict.run_id is None else str(verdict.run_id),
        "job_id": None if verdict.job_id is None else str(verdict.job_id),
    }


def _to_row(event: EventRecord) -> tuple[str, ...]:
    said = (event.event_type or "?", event.source_module or "-", event.severity or "-")
    return str(event.event_id), *said, f"{event.received_at:%Y-%m-%d %H:%M:%SZ}", event.state


_LISTING = Listing(
    ("id", "type", "source", "severity", "received", "state"),
    _to_row,
    to_json,
    "No event yet: jobforge event send FILE --tenant T",
)
