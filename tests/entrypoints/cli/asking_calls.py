"""A call of each command about who else may come in: one that succeeds, one that fails."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine

_OF_ACME = ("--tenant", "acme")


def asking_calls(cli: CommandLine) -> dict[str, tuple[str, ...]]:
    """Calls that succeed, in an order in which all of them do."""
    hook = ("chat", "https://hooks.example/x", *_OF_ACME)
    delivery = _delivered(cli)
    role = f"shop_{secrets.token_hex(6)}"  # roles are the whole server's
    return {
        "sql grant": (role, *_OF_ACME, "--create"),
        "sql list": _OF_ACME,
        "sql revoke": (role, *_OF_ACME),
        "webhook add": (*hook, "--event", "run.finished"),
        "webhook list": _OF_ACME,
        "webhook show": ("chat", *_OF_ACME),
        "webhook rotate": ("chat", *_OF_ACME),
        "webhook deliveries": ("parked", *_OF_ACME),
        "webhook replay": ("parked", delivery, *_OF_ACME),
        "webhook remove": ("chat", *_OF_ACME),
    }


def _delivered(cli: CommandLine) -> str:
    """Something that is to be told: a switch was turned."""
    url = "http://127.0.0.1:9/refused"
    cli("webhook", "add", "parked", url, *_OF_ACME, "--event", "switch.turned", "--json")
    why = ("--reason", "tests", *_OF_ACME, "--type", "autopilot.ops.scan", "--json")
    cli("pause", *why)
    cli("resume", *why)
    told = cli("webhook", "deliveries", "parked", *_OF_ACME, "--json").json
    return str(told[0]["id"])


ASKING_FAILING = {
    "sql grant": ("postgres", *_OF_ACME),
    "sql list": ("--tenant", "nobody"),
    "sql revoke": ("nobody", *_OF_ACME),
    "webhook add": ("x", "ftp://x", *_OF_ACME),
    "webhook list": ("--tenant", "nobody"),
    "webhook show": ("none", *_OF_ACME),
    "webhook rotate": ("none", *_OF_ACME),
    "webhook remove": ("none", *_OF_ACME),
    "webhook deliveries": ("none", *_OF_ACME),
    "webhook replay": ("none", "00000000-0000-4000-8000-000000000000", *_OF_ACME),
}
