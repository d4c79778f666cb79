"""The scopes there are, and what a set of them covers."""

from __future__ import annotations

from collections.abc import Iterable

DOMAINS = ("finops", "growth", "jobforge", "ops", "support")

READ_SCOPES = frozenset(f"{domain}:read" for domain in DOMAINS)
"""What the local operator holds without asking anyone."""

WRITE_SCOPES = frozenset(f"{domain}:write" for domain in DOMAINS)
"""What only a policy token gives."""

KNOWN_SCOPES = READ_SCOPES | WRITE_SCOPES


def unknown_scopes(required: Iterable[str]) -> tuple[str, ...]:
    """The required scopes that do not exist, sorted. Nobody can hold these."""
    return tuple(sorted(set(required) - KNOWN_SCOPES))


def missing_scopes(required: Iterable[str], held: frozenset[str]) -> tuple[str, ...]:
    """The required scopes that are not held, sorted; an unknown scope is never held."""
    return tuple(sorted(set(required) - (held & KNOWN_SCOPES)))


def write_scopes(required: Iterable[str]) -> frozenset[str]:
    """Those of the scopes that only a policy token gives."""
    return WRITE_SCOPES.intersection(required)
