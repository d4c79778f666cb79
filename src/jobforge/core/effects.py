"""What an action says it will do, before anyone lets it."""

from __future__ import annotations

from typing import Literal

from pydantic import TypeAdapter

from jobforge.core.model import Model


class Precondition(Model):
    """Something that was so when the plan was made, and must still be so when it is carried out."""

    source: str
    expected: str


class PlannedEffect(Model):
    """One change to one target.

    `before` and `after` are checksums (`sha256:…`) or short plain values; `diff` is a unified diff
    without secrets; a create has no `before`, a delete no `after`.
    """

    target: str
    change: Literal["create", "update", "delete"]
    before: str | None
    after: str | None
    diff: str
    preconditions: tuple[Precondition, ...] = ()


_EFFECTS = TypeAdapter(tuple[PlannedEffect, ...])
NO_EFFECTS = "[]"
"""What most jobs have."""


def parse_effects(text: str) -> tuple[PlannedEffect, ...]:
    """Read the effects of one job, as they are stored with it."""
    return () if text == NO_EFFECTS else _EFFECTS.validate_json(text)


def dump_effects(effects: tuple[PlannedEffect, ...]) -> str:
    """Write the effects of one job, as they are stored with it."""
    return _EFFECTS.dump_json(effects).decode() if effects else NO_EFFECTS
