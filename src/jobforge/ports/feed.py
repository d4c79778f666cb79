"""What watching needs: how a run goes, moment by moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RunMoment:
    """A run at one moment. `number` is the same exactly where nothing is different."""

    number: str
    is_closed: bool
    document: str
    """JSON: run_id, status, done, total, jobs by status, children with theirs, running ones."""


class RunFeed(Protocol):
    """Lets any number of people watch runs."""

    def watch(self, tenant_id: UUID, run_id: UUID) -> AsyncIterator[RunMoment]:
        """The run as it is now, and then each time it changed, until it is closed."""
        ...
