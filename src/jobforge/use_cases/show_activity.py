"""Show how a tenant's work goes: throughput, latency, failures, backlog."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from jobforge.core.controls import Limits
from jobforge.ports.overview import ActivityMinute, TenantBacklog, TypeActivity
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

SPAN = timedelta(hours=1)
NEWEST_JOBS = 10_000
COUNTED_TO = 10_000
KEPT_FOR = timedelta(seconds=5)

_MINUTE = timedelta(minutes=1)
_MAX_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Activity:
    """How the work of the last hour went; `minutes` has one for each minute, the oldest first."""

    at: datetime
    minutes: tuple[ActivityMinute, ...]
    types: tuple[TypeActivity, ...]
    backlog: TenantBacklog
    limits: Limits

    @property
    def executed(self) -> int:
        """Jobs that succeeded."""
        return sum(minute.executed for minute in self.minutes)

    @property
    def failed(self) -> int:
        """Jobs that failed or were denied."""
        return sum(minute.failed for minute in self.minutes)


@dataclass
class ShowActivity:
    """Measures at most once in `KEPT_FOR` for each tenant, however many look."""

    storage: Storage
    clock: Clock
    _kept: dict[UUID, Activity] = field(default_factory=dict)
    _busy: dict[UUID, asyncio.Lock] = field(default_factory=dict)

    async def __call__(self, tenant: TenantRecord) -> Activity:
        """How the tenant's work goes now."""
        async with self._busy.setdefault(tenant.tenant_id, asyncio.Lock()):
            kept, now = self._kept.get(tenant.tenant_id), self.clock.now()
            if kept is not None and timedelta() <= now - kept.at < KEPT_FOR:
                return kept
            found = await self._measure(tenant, now)
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[tenant.tenant_id] = found
            return found

    async def _measure(self, tenant: TenantRecord, now: datetime) -> Activity:
        since = (now - SPAN).replace(second=0, microsecond=0)
        async with self.storage.transaction(tenant.tenant_id) as unit:
            minutes = await unit.activity.minutes(since, NEWEST_JOBS)
            types = await unit.activity.types(since, NEWEST_JOBS)
            backlog = await unit.activity.backlog(COUNTED_TO)
            limits = await unit.controls.limits()
        return Activity(now, _filled(minutes, since, now), types, backlog, limits)


def _filled(
    minutes: tuple[ActivityMinute, ...], since: datetime, now: datetime
) -> tuple[ActivityMinute, ...]:
    """The same with minutes in which nothing ended."""
    known = {minute.minute: minute for minute in minutes}
    count = int((now - since) / _MINUTE) + 1
    every = (since + number * _MINUTE for number in range(count))
    return tuple(known.get(minute) or ActivityMinute(minute, 0, 0) for minute in every)
