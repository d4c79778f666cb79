"""A call of each command about work that starts by itself: one that succeeds, one that fails."""

from __future__ import annotations

_OF_ACME = ("--tenant", "acme")


def started_calls(read: str) -> dict[str, tuple[str, ...]]:
    """Calls that succeed, in an order in which all of them do; `read` is a bundle's file."""
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
}
