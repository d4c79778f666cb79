"""`jobforge trigger`: rules that start work for events."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from jobforge.bootstrap import Application
from jobforge.core.triggers import Rule
from jobforge.entrypoints.cli.bundles import OnPolicyFailure, PolicyFailure, read_input
from jobforge.entrypoints.cli.events import EventFile, verdict_to_json
from jobforge.entrypoints.cli.listing import Listing, show_removed
from jobforge.entrypoints.cli.options import AsJson, Project, Tenant
from jobforge.entrypoints.cli.session import local_actor, new_table, out, print_json, run
from jobforge.entrypoints.cli.work import Bundle, JobType, Module, Payload, read_wish
from jobforge.ports.events import RuleRecord
from jobforge.steps.intake import Submission
from jobforge.use_cases.simulate_event import Simulated

app = typer.Typer(help="Start bundles, modules and jobs for events.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The rule's name.")]


@app.command()
def add(  # noqa: PLR0913, PLR0917 (an option each)
    name: Name,
    tenant: Tenant,
    event_type: Annotated[
        list[str] | None,
        typer.Option("--event-type", metavar="E", help="Only these; E.* for all below E."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="M", help="Only from these source modules."),
    ] = None,
    min_severity: Annotated[
        str | None, typer.Option("--min-severity", metavar="S", help="Only as severe as this.")
    ] = None,
    min_priority: Annotated[
        str | None, typer.Option("--min-priority", metavar="W", help="Only as urgent as this.")
    ] = None,
    cooldown: Annotated[
        int, typer.Option("--cooldown", metavar="SECONDS", help="Rest after firing.")
    ] = 300,
    per_hour: Annotated[
        int, typer.Option("--per-hour", metavar="COUNT", help="Fire at most so often an hour.")
    ] = 12,
    dedupe: Annotated[
        str | None,
        typer.Option("--dedupe", metavar="TEMPLATE", help="Fire once for each such key."),
    ] = None,
    dedupe_seconds: Annotated[
        int, typer.Option("--dedupe-seconds", metavar="SECONDS", help="Remember keys so long.")
    ] = 86_400,
    bundle: Bundle = None,
    module: Module = None,
    job_type: JobType = None,
    payload: Payload = None,
    project: Project = None,
    on_policy_failure: PolicyFailure = OnPolicyFailure.deny_all,
    execute: Annotated[
        bool, typer.Option("--execute", help="Execute what it starts; without, it plans only.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a trigger rule. It is off, and plans only unless you say otherwise.

    Example: jobforge trigger add on-alert --tenant acme --event-type "ops.alert.*" --bundle b.json
    """

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        rule = Rule(
            event_types=tuple(event_type or ()),
            source_modules=tuple(source or ()),
            min_severity=min_severity,
            min_priority=min_priority,
            cooldown_seconds=cooldown,
            max_runs_per_hour=per_hour,
            dedupe_template=dedupe,
            dedupe_seconds=dedupe_seconds,
            is_enabled=False,
        )
        wish = read_wish(
            (bundle, module, job_type, payload),
            dry_run=not execute,
            on_policy_failure=on_policy_failure.value,
        )
        project_id = await app.names.project(owner, project)
        submission = Submission(owner, local_actor(), "execute", project_id)
        record = await app.triggers.add(name, rule, wish, submission)
        if as_json:
            print_json(to_json(record))
        else:
            out.print(f"Added rule {name} ({record.mode}); it is off", markup=False)
            hint = f"jobforge trigger enable {name} --tenant {owner.slug}"
            out.print(f"Turn it on: {hint}", markup=False)
        return 0

    run(command, as_json=as_json)


@app.command("list")
def list_rules(tenant: Tenant, as_json: AsJson = False) -> None:
    """List a tenant's trigger rules."""

    async def command(app: Application) -> int:
        rules = await app.triggers.all(await app.names.tenant(tenant))
        return _LISTING.show(rules, as_json=as_json)

    run(command, as_json=as_json)


@app.command()
def show(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Show a trigger rule and its newest verdicts."""

    async def command(app: Application) -> int:
        rule, verdicts = await app.triggers.show(name, await app.names.tenant(tenant))
        if as_json:
            print_json(to_json(rule) | {"evaluations": [verdict_to_json(v) for v in verdicts]})
            return 0
        for label, value in to_json(rule).items():
            out.print(f"{label:18} {value}", markup=False)
        table = new_table("event", "when", "outcome", "why")
        for v in verdicts:
            when = f"{v.decided_at:%Y-%m-%d %H:%M:%SZ}"
            table.add_row(str(v.event_id), when, v.outcome, Text(v.reason))
        out.print(table if verdicts else "It has judged no event yet.")
        return 0

    run(command, as_json=as_json)


@app.command()
def enable(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Turn a trigger rule on, for events that come from now on."""
    _switch(name, tenant, as_json=as_json, is_enabled=True)


@app.command()
def disable(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Turn a trigger rule off."""
    _switch(name, tenant, as_json=as_json, is_enabled=False)


@app.command()
def remove(name: Name, tenant: Tenant, as_json: AsJson = False) -> None:
    """Forget a trigger rule. What it started goes on."""

    async def command(app: Application) -> int:
        await app.triggers.remove(name, await app.names.tenant(tenant), local_actor())
        return show_removed(name, as_json=as_json)

    run(command, as_json=as_json)


@app.command("test")
def simulate(
    file: EventFile,
    tenant: Tenant,
    as_if_on: Annotated[
        bool, typer.Option("--as-if-on", help="Judge as if every rule were on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what this event would start now. Nothing is stored and nothing starts."""

    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        found = await app.simulate_event(read_input(file), owner, as_if_on=as_if_on)
        return _SIMULATED.show(found, as_json=as_json)

    run(command, as_json=as_json)


def _switch(name: str, tenant: str, *, as_json: bool, is_enabled: bool) -> None:
    async def command(app: Application) -> int:
        owner = await app.names.tenant(tenant)
        rule = await app.triggers.switch(name, owner, local_actor(), is_enabled=is_enabled)
        if as_json:
            print_json(to_json(rule))
        else:
            out.print(f"Rule {name} is {'on' if is_enabled else 'off'}", markup=False)
        return 0

    run(command, as_json=as_json)


def to_json(rule: RuleRecord) -> dict[str, object]:
    """A rule as `--json` shows it."""
    return {
        "name": rule.name,
        "id": str(rule.rule_id),
        "enabled": rule.is_enabled,
        "mode": rule.mode,
        "event_types": list(rule.event_types),
        "source_modules": list(rule.source_modules),
        "min_severity": rule.min_severity,
        "min_priority": rule.min_priority,
        "cooldown_seconds": rule.cooldown_seconds,
        "max_runs_per_hour": rule.max_runs_per_hour,
        "dedupe_template": rule.dedupe_template,
        "dedupe_seconds": rule.dedupe_seconds,
        "job_type": rule.job_type,
        "project_id": None if rule.project_id is None else str(rule.project_id),
        "created_by": rule.created_by,
    }


def _to_row(rule: RuleRecord) -> tuple[str, ...]:
    state, types = ("on" if rule.is_enabled else "off"), ", ".join(rule.event_types) or "all"
    return rule.name, state, rule.mode, types, rule.job_type


def _simulated_row(simulated: Simulated) -> tuple[str, ...]:
    gates = simulated.gates
    would = "" if gates is None else f"{simulated.job_type} ({simulated.mode})"
    return simulated.rule, simulated.outcome, simulated.reason, would, gates or ""


_NO_RULE = "No rule yet: jobforge trigger add NAME"
_LISTING = Listing(("name", "is", "mode", "event types", "starts"), _to_row, to_json, _NO_RULE)
_SIMULATED = Listing(
    ("rule", "outcome", "why", "would start", "the gates say"),
    _simulated_row,
    Simulated.to_json,
    _NO_RULE,
)
