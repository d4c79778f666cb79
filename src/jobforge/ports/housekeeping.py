"""What keeping a tenant's past short needs of storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

RetentionKind = Literal["runs", "artifacts", "audit"]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How many days something is kept; what has no rule is kept for ever."""

    kind: RetentionKind
    days: int


class HousekeepingTable(Protocol):
    """The rules of the current tenant, and what removes its past."""

    async def rules(self) -> tuple[RetentionRule, ...]:
        """Every rule, by kind."""
        ...

    async def set_rule(self, rule: RetentionRule) -> None:
        """Keep this kind so many days from now on."""
        ...

    async def drop_rule(self, kind: RetentionKind) -> bool:
        """Keep this kind for ever; False where it was kept so already."""
        ...

    async def prune_runs(self, before: datetime, at_most: int) -> tuple[int, int]:
        """Remove the oldest runs that ended before, with their jobs; how many runs and jobs."""
        ...

    async def prune_leftovers(self, before: datetime) -> tuple[int, int]:
        """Remove keys of removed jobs, and plans that no run has; how many of each."""
        ...

    async def prune_artifacts(self, before: datetime, at_most: int) -> int:
        """Remove artifacts that were last stored before; how many."""
        ...

    async def last_entry(self, before: datetime) -> int:
        """The number of the newest audit entry from before; 0 where there is none."""
        ...

    async def prune_audit(self, until: int) -> int:
        """Remove the entries up to this one, behind its signed pruning; how many."""
        ...


class KeptUnit(Protocol):
    """The part of a transaction of one tenant that keeps its past short."""

    @property
    def housekeeping(self) -> HousekeepingTable:
        """How long its past is kept."""
        ...
