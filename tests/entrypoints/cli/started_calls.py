"""A call of each command about work that starts by itself: one that succeeds, one that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine

_OF_ACME = ("--tenant", "acme")
_EVENT = {
    "schema_version": "1.0.0",
    "event_version": "1.0",
    "event_type": "ops.alert.raised",
    "occurred_at": "2026-11-24T08:00:00Z",
    "trace_id": "trace-1",
    "source_app": "external",
    "payload": {"severity": "critical"},
    "contains_pii": False,
}


def started_calls(cli: CommandLine, read: str) -> dict[str, tuple[str, ...]]:
    """Calls that succeed, in an order in which all of them do; `read` is a bundle's file."""
    event = cli.write("event.json", _EVENT | {"tenant_id": cli.tenant_id})
    event_id = cli("event", "send", event, *_OF_ACME, "--json").json["id"]
    schedule = ("nightly", *_OF_ACME)
    return {
        "bundle queue": (read, *_OF_ACME),
        "schedule add": (*schedule, "--cron", "0 3 * * *", "--bundle", read),
        "schedule list": _OF_ACME,
        "schedule show": schedule,
        "schedule next": schedule,
        "schedule disable": schedule,
        "schedule enable": schedule,
        "schedule remove": schedule,
        "event send": (event, *_OF_ACME),
        "event list": _OF_ACME,
        "event show": (event_id, *_OF_ACME),
        "trigger add": (*schedule, "--event-type", "ops.*", "--bundle", read),
        "trigger list": _OF_ACME,
        "trigger show": schedule,
        "trigger enable": schedule,
        "trigger disable": schedule,
        "trigger test": (event, *_OF_ACME, "--as-if-on"),
        "trigger remove": schedule,
        "module add": ("copy", "/bin/cp", read, "{output}/request-bundle.json", *_OF_ACME),
        "module list": _OF_ACME,
        "module run": ("copy", *_OF_ACME),
        "module remove": ("copy", *_OF_ACME),
    }


STARTED_FAILING: dict[str, tuple[str, ...]] = {
    "bundle queue": ("-", *_OF_ACME),
    "schedule add": ("n", *_OF_ACME, "--cron", "61 * * * *", "--job", "autopilot.ops.scan"),
    "schedule list": ("--tenant", "nobody"),
    "schedule show": ("nothing", *_OF_ACME),
    "schedule next": ("nothing", *_OF_ACME),
    "schedule disable": ("nothing", *_OF_ACME),
    "schedule enable": ("nothing", *_OF_ACME),
    "schedule remove": ("nothing", *_OF_ACME),
    "event send": ("-", *_OF_ACME),
    "event list": ("--tenant", "nobody"),
    "event show": ("00000000-0000-4000-8000-000000000000", *_OF_ACME),
    "trigger add": ("n", *_OF_ACME, "--min-severity", "awful", "--job", "autopilot.ops.scan"),
    "trigger list": ("--tenant", "nobody"),
    "trigger show": ("nothing", *_OF_ACME),
    "trigger enable": ("nothing", *_OF_ACME),
    "trigger disable": ("nothing", *_OF_ACME),
    "trigger test": ("-", *_OF_ACME),
    "trigger remove": ("nothing", *_OF_ACME),
    "module add": ("nothing", "no-program", *_OF_ACME),
    "module list": ("--tenant", "nobody"),
    "module run": ("nothing", "--tenant", "nobody"),
    "module remove": ("nothing", *_OF_ACME),
}
