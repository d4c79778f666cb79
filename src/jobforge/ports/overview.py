"""What an operator sees of all tenants together: how much is left to do, by whose clock."""

from __future__ import annotations

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
