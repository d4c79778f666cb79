"""A call of each command about work that starts by itself: one that succeeds, one that fails."""

from __future__ import annotations

_OF_ACME = ("--tenant", "acme")


def started_calls(read: str) -> dict[str, tuple[str, ...]]:
    """Calls that succeed, in an order in which all of them do; `read` is a bundle's file."""
    return {"bundle queue": (read, *_OF_ACME)}


STARTED_FAILING: dict[str, tuple[str, ...]] = {"bundle queue": ("-", *_OF_ACME)}
