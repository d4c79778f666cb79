"""A call of each command about who else may come in: one that succeeds, one that fails."""

from __future__ import annotations

import secrets

_OF_ACME = ("--tenant", "acme")


def asking_calls() -> dict[str, tuple[str, ...]]:
    """Calls that succeed, in an order in which all of them do."""
    role = f"shop_{secrets.token_hex(6)}"  # roles are the whole server's
    return {
        "sql grant": (role, *_OF_ACME, "--create"),
        "sql list": _OF_ACME,
        "sql revoke": (role, *_OF_ACME),
    }


ASKING_FAILING = {
    "sql grant": ("postgres", *_OF_ACME),
    "sql list": ("--tenant", "nobody"),
    "sql revoke": ("nobody", *_OF_ACME),
}
