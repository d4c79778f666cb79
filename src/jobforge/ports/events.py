"""What events and trigger rules need of storage: their rows, and the tables they lie in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from jobforge.contract.results import Mode
from jobforge.core.triggers import History, Outcome

EventState = Literal["received", "evaluated", "refused"]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as it is stored, secrets masked.

    One that was inserted by SQL has nothing but its envelope until it is judged.
    """

    event_id: UUID
    digest: str | None
    envelope: str = field(repr=False)
    event_type: str | None
    source_module: str | None
    severity: str | None
    priority: str | None
    trace_id: str | None
    occurred_at: datetime | None
    received_at: datetime
    state: EventState = "received"
    evaluated_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """A trigger rule: when, and the one job that starts then. It has no place for a token."""

    rule_id: UUID
    name: str
    project_id: UUID | None
    event_types: tuple[str, ...]
    source_modules: tuple[str, ...]
    min_severity: str | None
    min_priority: str | None
    cooldown_seconds: int
    max_runs_per_hour: int
    dedupe_template: str | None
    dedupe_seconds: int
    mode: Mode
    job_type: str
    payload: str
    is_enabled: bool
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """A rule's verdict on an event."""

    event_id: UUID
    rule_id: UUID
    decided_at: datetime
    outcome: Outcome
    reason: str
    dedupe_key: str | None
    run_id: UUID | None
    job_id: UUID | None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Where an event is that nobody judged yet; whoever looks across tenants learns no more."""

    tenant_id: UUID
    event_id: UUID


class EventTable(Protocol):
    """The current tenant's events."""

    async def insert(self, event: EventRecord) -> UUID:
        """Store it; the id of the very same event where that is there already."""
        ...

    async def find(self, event_id: UUID) -> EventRecord | None:
        """The event of this id."""
        ...

    async def newest(self, limit: int) -> tuple[EventRecord, ...]:
        """The newest first."""
        ...

    async def claim(
        self, event_id: UUID, state: EventState, at: datetime, reason: str | None = None
    ) -> bool:
        """Take it to judge it. False where somebody did: it is theirs."""
        ...

    async def describe(self, event: EventRecord) -> bool:
        """Fill in what an event says that came by SQL; False where the same one is there."""
        ...

    async def hide(self, event_id: UUID) -> None:
        """Take the content of an event away that cannot be read."""
        ...


class TriggerTable(Protocol):
    """The current tenant's trigger rules, and their verdicts."""

    async def insert(self, rule: RuleRecord) -> None:
        """Add one; AlreadyExists where the name is taken."""
        ...

    async def find(self, name: str) -> RuleRecord | None:
        """The rule of this name."""
        ...

    async def all(self) -> tuple[RuleRecord, ...]:
        """Every rule, by name."""
        ...

    async def lock_all(self) -> tuple[RuleRecord, ...]:
        """Every rule, by id; other events wait until this transaction ends."""
        ...

    async def switch(self, name: str, *, is_enabled: bool) -> bool:
        """Turn it on or off; False where there is none."""
        ...

    async def remove(self, name: str) -> bool:
        """Forget one; False where there is none."""
        ...

    async def history(
        self, rule_id: UUID, key: str | None, *, since_hour: datetime, since_key: datetime
    ) -> History:
        """What it fired for before."""
        ...

    async def note(self, evaluation: EvaluationRecord) -> None:
        """Note a verdict; a second one on the same event is an error."""
        ...

    async def of_rule(self, rule_id: UUID, limit: int) -> tuple[EvaluationRecord, ...]:
        """Its newest verdicts first."""
        ...

    async def of_event(self, event_id: UUID) -> tuple[EvaluationRecord, ...]:
        """Every rule's verdict on an event."""
        ...
