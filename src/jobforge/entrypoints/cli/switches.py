"""`jobforge switch`, `pause`, `resume`: stop work at once, or let it wait."""

from __future__ import annotations

import typer

from jobforge.bootstrap import Application
from jobforge.core.controls import INSTALLATION, SwitchKind
from jobforge.entrypoints.cli.listing import Listing
from jobforge.entrypoints.cli.options import AsJson
from jobforge.entrypoints.cli.scopes import Everything, OneTenant, OneType, Reason, read_scope
from jobforge.entrypoints.cli.session import local_actor, out, print_json, run
from jobforge.ports.controls import SwitchListing

app = typer.Typer(help="Kill switches: stop work at once.", no_args_is_help=True)


@app.command("on")
def turn_on(
    reason: Reason,
    tenant: OneTenant = None,
    job_type: OneType = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Turn a kill switch on: nothing begins, no further change is made, queued work is denied.

    Example: jobforge switch on --type autopilot.ops.apply --reason "bad rollout"
    """
    _turn("kill", (tenant, job_type, everything), reason, is_on=True, as_json=as_json)


@app.command("off")
def turn_off(
    reason: Reason,
    tenant: OneTenant = None,
    job_type: OneType = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Turn a kill switch off again. What it denied stays denied."""
    _turn("kill", (tenant, job_type, everything), reason, is_on=False, as_json=as_json)


@app.command("list")
def list_switches(as_json: AsJson = False) -> None:
    """List every kill switch and pause that is on."""

    async def command(app: Application) -> int:
        switches = await app.switches.all()
        return _LISTING.show(switches, as_json=as_json)

    run(command, as_json=as_json)


def pause(
    reason: Reason,
    tenant: OneTenant = None,
    job_type: OneType = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Let work wait: nothing of it begins until it is resumed; what runs goes on to its end."""
    _turn("pause", (tenant, job_type, everything), reason, is_on=True, as_json=as_json)


def resume(
    reason: Reason,
    tenant: OneTenant = None,
    job_type: OneType = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Let paused work go on."""
    _turn("pause", (tenant, job_type, everything), reason, is_on=False, as_json=as_json)


_SAID = {
    ("kill", True): "Kill switch on",
    ("kill", False): "Kill switch off",
    ("pause", True): "Paused",
    ("pause", False): "Resumed",
}


def _turn(
    kind: SwitchKind,
    names: tuple[str | None, str | None, bool],
    reason: str,
    *,
    is_on: bool,
    as_json: bool,
) -> None:
    tenant, job_type, is_all = names

    async def command(app: Application) -> int:
        scope = await read_scope(app, tenant, job_type, is_all=is_all)
        turn = app.switches.turn_on if is_on else app.switches.turn_off
        await turn(kind, scope, reason, local_actor())
        if as_json:
            print_json({"kind": kind, "scope": str(scope), "on": is_on})
        else:
            out.print(f"{_SAID[kind, is_on]}: {scope}", markup=False)
        return 0

    run(command, as_json=as_json)


def _to_json(switch: SwitchListing) -> dict[str, object]:
    is_of_all = switch.tenant_id == INSTALLATION
    return {
        "kind": switch.kind,
        "tenant": None if is_of_all else switch.tenant_slug,
        "tenant_id": None if is_of_all else str(switch.tenant_id),
        "job_type": switch.job_type,
        "reason": switch.reason,
        "actor": switch.actor,
        "since": switch.since.isoformat(),
    }


def _to_row(switch: SwitchListing) -> tuple[str, ...]:
    whose = "every tenant" if switch.tenant_id == INSTALLATION else switch.tenant_slug
    since = switch.since.isoformat(sep=" ", timespec="seconds")
    return switch.kind, whose, switch.job_type, switch.reason, switch.actor, since


_LISTING = Listing(
    ("kind", "tenant", "job type", "reason", "by", "since"),
    _to_row,
    _to_json,
    "No switch is on, nothing is paused.",
)
