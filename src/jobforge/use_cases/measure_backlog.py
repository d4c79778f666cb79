"""Measure what is left to do, and tell whoever watches."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.ports.overview import Overview
from jobforge.ports.system import Clock
from jobforge.ports.telemetry import Backlog, Telemetry


@dataclass(frozen=True, slots=True)
class MeasureBacklog:
    """Measures all tenants' open jobs."""

    overview: Overview
    telemetry: Telemetry
    clock: Clock

    async def __call__(self) -> Backlog:
        """Measure them once.

        Raises:
            Unavailable: the database does not answer.
        """
        backlog = await self.overview.measure_backlog(self.clock.now())
        self.telemetry.backlog_is(backlog)
        return backlog
