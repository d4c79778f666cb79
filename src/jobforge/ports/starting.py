"""What work that starts by itself needs of storage: its rows, and the tables they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from jobforge.core.schedule import OnMissed
from jobforge.core.starting import ModuleRun
from jobforge.ports.events import EventTable, NewEvent, TriggerTable


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A bundle that work which starts later refers to; `content` is JSON text, secrets masked."""

    digest: str
    content: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ModuleCommand:
    """A registered module command: how a module is run, never what a payload says.

    `variables` are the names of environment variables that it gets; `words` is its argument list.
    """

    name: str
    words: tuple[str, ...]
    variables: tuple[str, ...]
    timeout_seconds: int
    max_output_bytes: int
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A schedule: when, and the one job that starts then. `payload` is JSON text.

    `next_due_at` is its next occurrence, `fires_at` the same with its jitter; both None where it
    is disabled or has no occurrence left.
    """

    schedule_id: UUID
    name: str
    project_id: UUID | None
    cron: str | None
    at: datetime | None
    timezone: str
    jitter_seconds: int
    on_missed: OnMissed
    job_type: str
    payload: str
    created_by: str
    created_at: datetime
    is_enabled: bool
    next_due_at: datetime | None
    fires_at: datetime | None


FiringOutcome = Literal["fired", "skipped", "denied", "failed"]


@dataclass(frozen=True, slots=True)
class FiringRecord:
    """What became of one occurrence of a schedule."""

    schedule_id: UUID
    due_at: datetime
    decided_at: datetime
    outcome: FiringOutcome
    reason: str
    run_id: UUID | None
    job_id: UUID | None


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """Where a schedule is whose time has come; whoever looks across tenants learns no more."""

    tenant_id: UUID
    schedule_id: UUID


class ModuleRunner(Protocol):
    """Runs module commands, within their limits."""

    async def run(
        self, command: ModuleCommand, inputs: bytes, names: Mapping[str, str]
    ) -> ModuleRun:
        """Run one in a folder of its own; `names` are what its words may ask for in braces.

        Raises:
            SourceMalformed: what it wrote is no plain file, or too large.
        """
        ...


class StoredBundleTable(Protocol):
    """Bundles that work which starts later refers to, by their digest; never changed."""

    async def insert(self, bundle: StoredBundle) -> None:
        """Store it, unless it is there already."""
        ...

    async def find(self, digest: str) -> StoredBundle | None:
        """The bundle of this digest."""
        ...


class ModuleTable(Protocol):
    """Registered module commands."""

    async def insert(self, command: ModuleCommand) -> None:
        """Register one; AlreadyExists where the name is taken."""
        ...

    async def find(self, name: str) -> ModuleCommand | None:
        """The command of this name."""
        ...

    async def all(self) -> tuple[ModuleCommand, ...]:
        """Every command, by name."""
        ...

    async def remove(self, name: str) -> bool:
        """Forget one; False where there is none."""
        ...


class ScheduleTable(Protocol):
    """The current tenant's schedules, and what became of their occurrences."""

    async def insert(self, schedule: ScheduleRecord) -> None:
        """Add one; AlreadyExists where the name is taken."""
        ...

    async def find(self, name: str) -> ScheduleRecord | None:
        """The schedule of this name."""
        ...

    async def get(self, schedule_id: UUID) -> ScheduleRecord | None:
        """The schedule of this id."""
        ...

    async def all(self) -> tuple[ScheduleRecord, ...]:
        """Every schedule, by name."""
        ...

    async def advance(
        self, schedule_id: UUID, due: datetime, next_due: datetime | None, fires_at: datetime | None
    ) -> bool:
        """Move on from an occurrence. False where somebody did, or disabled it: it is theirs."""
        ...

    async def switch(
        self,
        schedule_id: UUID,
        *,
        is_enabled: bool,
        next_due: datetime | None,
        fires_at: datetime | None,
    ) -> None:
        """Enable it from its next occurrence on, or disable it."""
        ...

    async def remove(self, name: str) -> bool:
        """Forget one; False where there is none."""
        ...

    async def note(self, firing: FiringRecord) -> None:
        """Note what became of an occurrence; a second note of the same one is an error."""
        ...

    async def firings(self, schedule_id: UUID, limit: int) -> tuple[FiringRecord, ...]:
        """The newest occurrences first."""
        ...


class StartingUnit(Protocol):
    """The tables of work that starts by itself, in one transaction of one tenant."""

    @property
    def bundles(self) -> StoredBundleTable:
        """Its stored bundles."""
        ...

    @property
    def modules(self) -> ModuleTable:
        """Its module commands."""
        ...

    @property
    def schedules(self) -> ScheduleTable:
        """Its schedules."""
        ...

    @property
    def events(self) -> EventTable:
        """Its events."""
        ...

    @property
    def triggers(self) -> TriggerTable:
        """Its trigger rules."""
        ...


class StartingStorage(Protocol):
    """What is looked for across tenants: where work is that starts now."""

    async def find_due_schedules(self, now: datetime, limit: int) -> tuple[DueSchedule, ...]:
        """Schedules whose time has come, the longest overdue first."""
        ...

    async def find_new_events(self, limit: int) -> tuple[NewEvent, ...]:
        """Events that nobody judged yet, the longest waiting first."""
        ...
