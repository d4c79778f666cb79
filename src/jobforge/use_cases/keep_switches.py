"""Turn kill switches and pauses on and off, and list those that are on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.catalog import JobCatalog
from jobforge.core.controls import INSTALLATION, Scope, SwitchKind
from jobforge.core.errors import Conflict, InvalidInput
from jobforge.core.names import check_name
from jobforge.ports.controls import SwitchListing, SwitchRecord
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

_EVENTS: dict[tuple[SwitchKind, bool], str] = {
    ("kill", True): "switch.on",
    ("kill", False): "switch.off",
    ("pause", True): "work.paused",
    ("pause", False): "work.resumed",
}


@dataclass(frozen=True, slots=True)
class KeepSwitches:
    """Keeps the switches. A kill switch ends work, a pause makes it wait; both begin nothing.

    Who claims a job or is about to change something reads them, so they act at once.
    `release_all` puts what waited for a switch of all tenants into the queue.
    """

    storage: Storage
    catalog: JobCatalog
    clock: Clock
    release_all: Callable[[], Awaitable[int]]

    async def turn_on(self, kind: SwitchKind, scope: Scope, reason: str, actor: Actor) -> None:
        """Turn one on.

        Raises:
            InvalidInput: there is no such job type, or no reason.
            Conflict: it is on already.
        """
        if scope.job_type is not None and self.catalog.find(scope.job_type) is None:
            raise InvalidInput(f"there is no job type {scope.job_type}", hint="jobforge types list")
        at = self.clock.now()
        switch = SwitchRecord(kind, scope.stored_type, check_name(reason, "reason"), actor.name, at)
        async with self.storage.transaction(scope.tenant_id) as unit:
            if not await unit.controls.turn_on(switch):
                raise Conflict(f"the {kind} of {scope} is on already", hint="jobforge switch list")
            await unit.audit.append([_entry(kind, scope, reason, actor, at, is_on=True)])

    async def turn_off(self, kind: SwitchKind, scope: Scope, reason: str, actor: Actor) -> None:
        """Turn one off, and let go on what waited for it.

        Raises:
            InvalidInput: there is no reason.
            Conflict: it is not on.
        """
        at = self.clock.now()
        check_name(reason, "reason")
        async with self.storage.transaction(scope.tenant_id) as unit:
            if not await unit.controls.turn_off(kind, scope.stored_type):
                raise Conflict(f"the {kind} of {scope} is not on", hint="jobforge switch list")
            if scope.tenant_id != INSTALLATION:
                await unit.jobs.release(at)
            await unit.audit.append([_entry(kind, scope, reason, actor, at, is_on=False)])
        if scope.tenant_id == INSTALLATION:
            await self.release_all()

    async def of(self, tenant: TenantRecord) -> tuple[SwitchListing, ...]:
        """The switches on that hold for this tenant: its own, and the installation's."""
        holding = {tenant.tenant_id, INSTALLATION}
        return tuple(s for s in await self.storage.list_switches() if s.tenant_id in holding)

    async def all(self) -> tuple[SwitchListing, ...]:
        """Every switch that is on, the installation's too."""
        return await self.storage.list_switches()


def _entry(
    kind: SwitchKind, scope: Scope, reason: str, actor: Actor, at: datetime, *, is_on: bool
) -> AuditEntry:
    return AuditEntry(
        tenant_id=scope.tenant_id,
        at=at,
        actor=actor.name,
        event=_EVENTS[kind, is_on],
        subject=f"switch:{scope.stored_type}",
        details={"reason": reason},
    )
