"""How work goes: of all tenants together, as counts, and of one tenant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jobforge.ports.telemetry import Backlog


class Overview(Protocol):
    """Looks across tenants, and sees no more than counts."""

    async def measure_backlog(self, at: datetime) -> Backlog:
        """What has not ended."""
        ...

    async def database_time(self) -> datetime:
        """The time by the database's clock."""
        ...

    async def is_worker_present(self) -> bool:
        """Whether any worker runs."""
        ...


@dataclass(frozen=True, slots=True)
class ActivityMinute:
    """What ended in one minute."""

    minute: datetime
    executed: int
    failed: int


@dataclass(frozen=True, slots=True)
class TypeActivity:
    """How jobs of one type went. Seconds are from being asked for to the end."""

    job_type: str
    ended: int
    failed: int
    median_seconds: float
    p95_seconds: float


@dataclass(frozen=True, slots=True)
class TenantBacklog:
    """What has not ended; `waiting` counts no further than a bound."""

    waiting: int
    in_queue: int


class ActivityTable(Protocol):
    """How the current tenant's newest jobs went. Older ones are not looked at."""

    async def minutes(self, since: datetime, jobs: int) -> tuple[ActivityMinute, ...]:
        """What ended, minute by minute, of so many of the newest jobs; the oldest first."""
        ...

    async def types(self, since: datetime, jobs: int) -> tuple[TypeActivity, ...]:
        """The same by job type, the most frequent first."""
        ...

    async def backlog(self, bound: int) -> TenantBacklog:
        """What has not ended."""
        ...


class SeenUnit(Protocol):
    """The part of a transaction of one tenant that looks at how things go."""

    @property
    def activity(self) -> ActivityTable:
        """How its jobs went."""
        ...
