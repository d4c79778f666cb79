"""What holding work back needs of storage: switches, windows and limits of the current tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from jobforge.core.controls import Limits, Once, SwitchKind, Weekly, WindowKind


@dataclass(frozen=True, slots=True)
class SwitchRecord:
    """A kill switch or a pause that is on. `job_type` `*` is every type."""

    kind: SwitchKind
    job_type: str
    reason: str
    actor: str
    since: datetime


@dataclass(frozen=True, slots=True)
class SwitchListing:
    """A switch as an operator lists it, with whose it is."""

    tenant_id: UUID
    tenant_slug: str
    kind: SwitchKind
    job_type: str
    reason: str
    actor: str
    since: datetime


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """A window: work begins within an open one only, and not within a closed one."""

    name: str
    kind: WindowKind
    job_type: str
    only_actions: bool
    times: Weekly | Once
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class HoldRecord:
    """Something that holds work back at a moment; `name` is a reason given, or a window's name."""

    kind: Literal["kill", "pause", "window"]
    job_type: str
    only_actions: bool
    name: str


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """Where a queued job stands, and what its tenant used of its limits.

    `ahead` counts the waiting jobs that are released before it, at most 10,000.
    """

    is_action: bool
    is_released: bool
    ahead: int
    released: int
    jobs_today: int
    rate_free_at: datetime


class ControlTable(Protocol):
    """What holds the current tenant's work back, or everybody's where that is the installation."""

    async def turn_on(self, switch: SwitchRecord) -> bool:
        """Turn a switch on. False where it was on already; the earlier reason stays."""
        ...

    async def turn_off(self, kind: SwitchKind, job_type: str) -> bool:
        """Turn it off. False where it was not on."""
        ...

    async def insert_window(self, window: WindowRecord) -> None:
        """Add one; AlreadyExists where the name is taken, InvalidInput where the zone is none."""
        ...

    async def windows(self) -> tuple[WindowRecord, ...]:
        """Every window, by name."""
        ...

    async def remove_window(self, name: str) -> bool:
        """Forget one; False where there is none."""
        ...

    async def limits(self) -> Limits:
        """What the tenant may have at most."""
        ...

    async def set_limits(self, limits: Limits) -> None:
        """Change it; it holds from the next release on."""
        ...

    async def kill_switches(self) -> dict[str, str]:
        """The reasons of the kill switches on for the tenant, also those of all, by job type."""
        ...

    async def usage(self, job_id: UUID, at: datetime) -> UsageRecord:
        """Where a queued job stands, and what is used of the limits."""
        ...

    async def holds(self, at: datetime) -> tuple[HoldRecord, ...]:
        """What holds work back at the moment."""
        ...

    async def touch(self, targets: Sequence[str], job_id: UUID, day: date) -> int:
        """Note that a job's action may change these targets today; how many there are today then.

        It locks the tenant's slots, so that two actions never count at once.
        """
        ...
